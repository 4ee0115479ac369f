import { type GoalMissingVm, goalMissingVms } from '../azure/inventory.ts';
import { groupManagedBy } from '../azure/managedIdentities.ts';
import type { Coverage } from '../azure/scopeResolution.ts';
import { goalIdentity } from '../domain/goalIdentity.ts';
import { type Outcome, outcome } from '../domain/outcome.ts';
import { fold, resourceGroupId } from '../domain/resourceId.ts';
import { once } from './once.ts';
import { interleave, portions, type SubscriptionWork, shuffle } from './portions.ts';
import { slots } from './slots.ts';
import { type Remediation, startRemediation, type VmReport } from './vm.ts';

/** The VMs of one region that lack their goal identity, as counted by Resource Graph. */
export interface RegionWork {
  readonly location: string;
  /** How many VMs, all subscriptions together. */
  readonly total: number;
  readonly subscriptions: readonly SubscriptionWork[];
}

/** Limits that a region shares with the rest of the sweep, and a way to hear of each VM. */
export interface RegionRun {
  readonly coverage: Coverage;
  /** Takes one from what the sweep may still assign; false when nothing is left. */
  takeAssignment(): boolean;
  /** True once the work should stop: what was begun is finished, the rest is not looked at. */
  stopped(): boolean;
  onVm(report: VmReport): void;
}

// For each portion: enough to keep Azure's limits busy at a second or two for each call, few enough to hold in
// memory. Portions have places of their own, so that one subscription's trouble keeps no other one waiting.
const VMS_AT_ONCE = 16;
const PORTIONS_AT_ONCE = 8;

/**
 * Remediates one region: pages through its VMs, one subscription in turn with the others, and reports each VM looked
 * at exactly once. Holds at most some pages of ids in memory, and a number for each VM. Returns true when it was stopped before its end.
 * Throws AzureError when Resource Graph cannot be read.
 */
export async function remediateRegion(
  context: Remediation,
  { location, total, subscriptions }: RegionWork,
  run: RegionRun,
): Promise<boolean> {
  const { app } = context;
  const { policy, excludedScopes, failureThreshold } = app.settings;
  const portionSlots = slots(PORTIONS_AT_ONCE);
  const running = new Set<Promise<void>>();
  const groups = new Map<string, Promise<string>>();
  let failed = 0;
  let cut = false;

  const report = (ended: VmReport): void => {
    if (ended.outcome.outcome === 'failed') failed++;
    run.onVm(ended);
  };

  const whyNot = (): Outcome | undefined => {
    if (policy.effect === 'AuditIfNotExists') return outcome('deferred', 'audit-only');
    if (failed > total * failureThreshold) return outcome('deferred', 'failure-threshold');
    return run.takeAssignment() ? undefined : outcome('deferred', 'sweep-limit');
  };

  // The query has left out VMs in managed groups already, where it could see the group.
  async function managerOf({ vm, groupSeen }: GoalMissingVm): Promise<string> {
    const { subscriptionId, resourceGroup } = vm;
    if (groupSeen) return '';
    return once(groups, fold(resourceGroupId(subscriptionId, resourceGroup)), () =>
      groupManagedBy(app.clients, subscriptionId, resourceGroup),
    );
  }

  function begin(missing: GoalMissingVm, ended: () => void): void {
    const candidate = { vm: missing.vm, location, groupManagedBy: () => managerOf(missing) };
    const begun = startRemediation(context, candidate)
      .finally(ended)
      .then(async (start) => report(start.state === 'ended' ? start.report : await start.confirm()));
    running.add(begun);
    void begun.finally(() => running.delete(begun));
  }

  async function remediatePortion(portion: readonly SubscriptionWork[], opened: () => void): Promise<void> {
    const vmSlots = slots(VMS_AT_ONCE);
    await portionSlots.enter();
    try {
      const ids = portion.map(({ subscriptionId }) => subscriptionId);
      cut ||= run.stopped();
      if (cut) return;
      const counted = portion.reduce((sum, { goalMissing }) => sum + goalMissing, 0);
      const { clients } = app;
      const pages = goalMissingVms(clients, run.coverage, policy, excludedScopes, location, ids, counted);
      for await (const page of pages) {
        opened();
        for (const missing of interleave(page)) {
          await vmSlots.enter();
          cut ||= run.stopped();
          if (cut) return;
          const deferred = whyNot();
          if (!deferred) {
            begin(missing, vmSlots.leave);
            continue;
          }
          vmSlots.leave();
          const { vm } = missing;
          const goal = goalIdentity(policy.identity, { ...vm, location });
          report({ vm, location, goal, outcome: deferred, attempts: 0 });
        }
      }
    } finally {
      portionSlots.leave();
    }
  }

  // In another order each time: were the first portions all VMs that fail, they would hold up the same ones forever.
  const inTurn = shuffle(portions(subscriptions), app.random);
  // All regions share 15 queries in 5 s: each gets its first page before any gets its second.
  let before: Promise<void> = Promise.resolve();
  const results = await Promise.allSettled(
    inTurn.map(async (portion) => {
      const turn = before;
      const { promise, resolve: opened } = Promise.withResolvers<void>();
      before = promise;
      await turn;
      await remediatePortion(portion, opened).finally(opened);
    }),
  );
  await Promise.all(running);
  const broken = results.find((result) => result.status === 'rejected');
  if (broken) throw broken.reason;
  return cut;
}
