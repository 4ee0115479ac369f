import { goalMissingVms } from '../azure/inventory.ts';
import type { Coverage } from '../azure/scopeResolution.ts';
import { goalIdentity } from '../domain/goalIdentity.ts';
import { type Outcome, outcome } from '../domain/outcome.ts';
import type { ResourceId } from '../domain/resourceId.ts';
import { interleave, portions, type SubscriptionWork } from './portions.ts';
import { slots } from './slots.ts';
import { type Remediation, startRemediation, type VmReport } from './vm.ts';

/** The VMs of one region that lack their goal identity, as counted by Resource Graph. */
export interface RegionWork {
  readonly location: string;
  readonly subscriptions: readonly SubscriptionWork[];
}

/** Limits that a region shares with the rest of the sweep, and a way to hear of each VM. */
export interface RegionRun {
  readonly coverage: Coverage;
  /** Takes one from what the sweep may still assign; false when nothing is left. */
  takeAssignment(): boolean;
  /** True once the sweep should stop: what was begun is finished, the rest is deferred. */
  stopped(): boolean;
  onVm(report: VmReport): void;
}

// Enough to keep Azure's limits busy at a second or two for each call, few enough to hold in memory.
const VMS_AT_ONCE = 24;
const PORTIONS_AT_ONCE = 8;

/**
 * Remediates one region: pages through its VMs, one subscription in turn with the others, and reports every VM
 * exactly once. Holds at most some pages of ids in memory. Throws AzureError when Resource Graph cannot be read.
 */
export async function remediateRegion(context: Remediation, work: RegionWork, run: RegionRun): Promise<void> {
  const { app } = context;
  const { policy, excludedScopes, failureThreshold } = app.settings;
  const total = work.subscriptions.reduce((sum, { goalMissing }) => sum + goalMissing, 0);
  const vmSlots = slots(VMS_AT_ONCE);
  const portionSlots = slots(PORTIONS_AT_ONCE);
  const running = new Set<Promise<void>>();
  let failed = 0;

  const report = (ended: VmReport): void => {
    if (ended.outcome.outcome === 'failed') failed++;
    run.onVm(ended);
  };

  const whyNot = (): Outcome | undefined => {
    if (run.stopped()) return outcome('deferred', 'interrupted');
    if (policy.effect === 'AuditIfNotExists') return outcome('deferred', 'audit-only');
    if (failed > total * failureThreshold) return outcome('deferred', 'failure-threshold');
    return run.takeAssignment() ? undefined : outcome('deferred', 'sweep-limit');
  };

  async function remediate(vm: ResourceId): Promise<void> {
    const deferred = whyNot();
    if (deferred) {
      const goal = goalIdentity(policy.identity, { ...vm, location: work.location });
      report({ vm, location: work.location, goal, outcome: deferred, attempts: 0 });
      return;
    }
    await vmSlots.enter();
    const candidate = { vm, location: work.location, groupManagedBy: '' };
    const started = startRemediation(context, candidate).finally(vmSlots.leave);
    const ended = started.then(async (end) =>
      report(end.state === 'ended' ? end.report : await end.confirm()),
    );
    running.add(ended);
    void ended.finally(() => running.delete(ended));
  }

  async function remediatePortion(portion: readonly SubscriptionWork[]): Promise<void> {
    await portionSlots.enter();
    try {
      const ids = portion.map(({ subscriptionId }) => subscriptionId);
      const pages = goalMissingVms(app.clients, run.coverage, policy, excludedScopes, work.location, ids);
      for await (const page of pages) {
        for (const vm of interleave(page)) await remediate(vm);
      }
    } finally {
      portionSlots.leave();
    }
  }

  const results = await Promise.allSettled(portions(work.subscriptions).map(remediatePortion));
  await Promise.all(running);
  const broken = results.find((result) => result.status === 'rejected');
  if (broken) throw broken.reason;
}
