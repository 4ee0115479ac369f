import type { App } from '../app.ts';
import { type AzureError, toAzureError } from '../azure/errors.ts';
import type { FoundVm } from '../azure/vmLists.ts';
import { type SoFar, tooManyFailed } from '../domain/failureThreshold.ts';
import { goalIdentity } from '../domain/goalIdentity.ts';
import { type Outcome, outcome } from '../domain/outcome.ts';
import { fold } from '../domain/resourceId.ts';
import { portions, type SubscriptionWork, shuffle } from './portions.ts';
import { type Slots, slots } from './slots.ts';
import type { Started, VmReport } from './vm.ts';
import type { WriteLimit } from './writeLimit.ts';

/** The VMs of one region that have to be written, as counted by Resource Graph. */
export interface RegionWork {
  readonly location: string;
  /** How many VMs, all subscriptions together. */
  readonly total: number;
  readonly subscriptions: readonly SubscriptionWork[];
  /** True when some of them carry a goal identity that is no more, so that they are listed by a query of their own. */
  readonly renewing?: boolean;
}

/** Limits that a region shares with the rest of the run, and a way to hear of each VM. */
export interface RegionRun {
  /** How earlier runs on the same region ended; counts for FAILURE_THRESHOLD_PERCENT. */
  readonly before?: SoFar;
  readonly limit: WriteLimit;
  /** True once the work should stop: what was begun is finished, the rest is not looked at. */
  stopped(): boolean;
  onVm(report: VmReport): void;
}

/** What is to be written. */
export interface Writer {
  /** Pages of the VMs of these subscriptions, of which so many were counted. Throws AzureError. */
  pages(subscriptions: readonly string[], counted: number): AsyncIterable<readonly FoundVm[]>;
  /** Why no VM may be written; undefined when they may. */
  readonly heldBack: Outcome | undefined;
  /** Begins with one VM. Never throws. */
  start(found: FoundVm): Promise<Started>;
}

/** How a region ended. */
export interface RegionEnd extends SoFar {
  /** True when it was stopped before its end. */
  readonly cut: boolean;
  /** Why some of it, or all, could not be read. */
  readonly unread?: AzureError;
}

// Enough to keep the limits of a subscription, or of the region, busy at a second or two for each call; few enough to be
// done soon once the run is stopped.
const OF_A_SUBSCRIPTION = 16;
const OF_A_PORTION = 128;
const OF_A_REGION = 512;
// Few enough to hold a page of each in memory. Were they fewer, regions would meet at some subscriptions, each with a limit
// of its own on writes, while others had nothing to do. Beyond so many, there is more than enough of those limits.
const PORTIONS_AT_ONCE = 32;

/**
 * Pages through the VMs of one region, subscriptions side by side, begins with each and reports each VM
 * looked at exactly once. The limits of every writer are kept here: how many VMs, and FAILURE_THRESHOLD_PERCENT.
 * Holds at most some pages of ids in memory, and a number for each VM. What cannot be read keeps nothing else from being done.
 */
export async function writeRegion(
  app: App,
  { location, total, subscriptions }: RegionWork,
  run: RegionRun,
  writer: Writer,
): Promise<RegionEnd> {
  const { policy, failureThreshold } = app.settings;
  const portionSlots = slots(PORTIONS_AT_ONCE);
  const packed = portions(subscriptions);
  const running = new Set<Promise<void>>();
  const before = run.before ?? { looked: 0, failed: 0 };
  let looked = 0;
  let failed = 0;
  let cut = false;

  const soFar = (): SoFar => {
    // VMs that failed before still lack it, so that this run looks at them again.
    const again = Math.min(before.failed, failed);
    return { looked: before.looked + looked - again, failed: before.failed + failed - again };
  };
  const whyNot = async (): Promise<Outcome | undefined> => {
    if (writer.heldBack) return writer.heldBack;
    if (tooManyFailed(soFar(), total, failureThreshold)) return outcome('deferred', 'failure-threshold');
    return (await run.limit.take()) ? undefined : outcome('deferred', 'sweep-limit');
  };

  function begin(found: FoundVm, ended: () => void): void {
    const begun = writer
      .start(found)
      .finally(ended)
      .then(async (start) => {
        // Counted when accepted, as failures are at once: else the share of failures would look too high meanwhile.
        looked++;
        if (start.state === 'ended' && wroteNothing(start.report)) run.limit.giveBack();
        else run.limit.spend();
        const report = start.state === 'ended' ? start.report : await start.confirm();
        if (report.outcome.outcome === 'failed') failed++;
        run.onVm(report);
      });
    running.add(begun);
    void begun.finally(() => running.delete(begun));
  }

  function vmsAtOnce(portion: readonly SubscriptionWork[]): number {
    // Where many failures are to stop the region, few are begun before they show.
    if (portion.length === 1 || failureThreshold < 1) return OF_A_SUBSCRIPTION;
    const shared = Math.floor(OF_A_REGION / Math.min(PORTIONS_AT_ONCE, packed.length));
    return Math.min(OF_A_PORTION, shared, portion.length * OF_A_SUBSCRIPTION);
  }

  async function writePortion(portion: readonly SubscriptionWork[], opened: () => void): Promise<void> {
    const atOnce = vmsAtOnce(portion);
    const vmSlots = slots(atOnce);
    // Its part and no more, so that a subscription that waits for its limits holds up no other one.
    const part = Math.max(1, Math.floor(atOnce / portion.length));
    await portionSlots.enter();
    try {
      const ids = portion.map(({ subscriptionId }) => subscriptionId);
      cut ||= run.stopped();
      if (cut) return;
      const counted = portion.reduce((sum, { vms }) => sum + vms, 0);
      for await (const page of writer.pages(ids, counted)) {
        opened();
        const bySubscription = [...Map.groupBy(page, ({ vm }) => fold(vm.subscriptionId)).values()];
        await Promise.all(bySubscription.map((vms) => writeVms(vms, slots(part), vmSlots)));
        if (cut) return;
      }
    } finally {
      portionSlots.leave();
    }
  }

  /** Begins with each VM of a subscription where both its own places and those it shares have room. */
  async function writeVms(vms: readonly FoundVm[], own: Slots, shared: Slots): Promise<void> {
    const leave = (): void => {
      own.leave();
      shared.leave();
    };
    for (const found of vms) {
      await own.enter();
      await shared.enter();
      cut ||= run.stopped();
      // Others wait for the places, if only to see that it is over.
      if (cut) return leave();
      const held = await whyNot();
      if (!held) {
        begin(found, leave);
        continue;
      }
      leave();
      const { vm } = found;
      const goal = goalIdentity(policy.identity, { ...vm, location });
      run.onVm({ vm, location, goal, outcome: held, attempts: 0 });
    }
  }

  // In another order each time: were the first portions all VMs that fail, they would hold up the same ones forever.
  const inTurn = shuffle(packed, app.random);
  // All regions share 15 queries in 5 s: each gets its first page before any gets its second.
  let last: Promise<void> = Promise.resolve();
  const results = await Promise.allSettled(
    inTurn.map(async (portion) => {
      const turn = last;
      const { promise, resolve: opened } = Promise.withResolvers<void>();
      last = promise;
      await turn;
      await writePortion(portion, opened).finally(opened);
    }),
  );
  await Promise.all(running);
  const broken = results.find((result) => result.status === 'rejected');
  return { cut, ...soFar(), ...(broken && { unread: toAzureError(broken.reason) }) };
}

/** True when it is certain that Azure accepted no write: none was sent, or the last one was refused. */
function wroteNothing({ outcome: { outcome, reason }, attempts }: VmReport): boolean {
  return attempts === 0 || (outcome === 'failed' && reason !== 'transient' && reason !== 'unexpected');
}
