import type { VmCount } from '../azure/inventory.ts';
import { fold } from '../domain/resourceId.ts';
import type { VmReport } from '../remediation/vm.ts';
import { stateOf } from '../report/standing.ts';

/** How a subscription stands. Excluded VMs are not part of `vms`. */
export interface SubscriptionCompliance {
  readonly name: string;
  vms: number;
  compliant: number;
  excluded: number;
}

/** How the tenant stands, subscription by subscription, kept up to date while a sweep runs. */
export interface Compliance {
  readonly subscriptions: readonly SubscriptionCompliance[];
  /** Takes in the end of a VM that lacked its goal identity when it was counted. */
  record(report: VmReport): void;
}

/** Compliance as counted by Resource Graph; `names` are the subscriptions' names by folded id. */
export function complianceOf(counts: readonly VmCount[], names: ReadonlyMap<string, string>): Compliance {
  const bySubscription = new Map<string, SubscriptionCompliance>();
  for (const { subscriptionId, verdict, total } of counts) {
    const name = names.get(subscriptionId) ?? subscriptionId;
    const row = bySubscription.get(subscriptionId) ?? { name, vms: 0, compliant: 0, excluded: 0 };
    bySubscription.set(subscriptionId, row);
    const state = stateOf(verdict);
    if (state === 'excluded') row.excluded += total;
    else row.vms += total;
    if (state === 'compliant') row.compliant += total;
  }
  return {
    subscriptions: [...bySubscription.values()],
    record({ vm, outcome }) {
      const row = bySubscription.get(fold(vm.subscriptionId));
      if (!row) return;
      if (outcome.outcome === 'assigned' || outcome.outcome === 'compliant') row.compliant++;
      if (outcome.outcome !== 'excluded') return;
      row.excluded++;
      row.vms--;
    },
  };
}
