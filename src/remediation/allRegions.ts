import type { App } from '../app.ts';
import { countsSince } from '../azure/callContext.ts';
import type { CallCounts } from '../azure/clients.ts';
import { count, outcome, type Tally } from '../domain/outcome.ts';
import { type Problem, type Problems, regionUnread } from './problems.ts';
import type { VmReport } from './vm.ts';
import { writeLimit } from './writeLimit.ts';
import type { RegionEnd, RegionRun, RegionWork } from './writeRegion.ts';

/** Someone who follows a run over all regions. */
export interface RunObserver {
  /** Called for each VM looked at, when its end is known. */
  onVm?(report: VmReport): void;
  /** Asked before each VM; true ends the run early, what was begun is finished. */
  stopped?(): boolean;
}

/** What a run found and did. */
export interface RunSummary {
  readonly durationMs: number;
  /** Every VM in scope, by outcome and reason; none where EFFECT is Disabled. */
  readonly tally: Tally;
  readonly problems: readonly Problem[];
  /** Goal identities that had lost their lock and were locked again. */
  readonly relocked: readonly string[];
  readonly calls: CallCounts;
}

/** A run that has begun: takes the time and counts the calls until it is summed up. */
export function startRun({
  clock,
  clients,
}: App): (tally: Tally, problems: Problems, relocked?: readonly string[]) => RunSummary {
  const startedAt = clock.now();
  const before = structuredClone({ calls: clients.calls, throttled: clients.throttled });
  return (tally, problems, relocked = []) => ({
    durationMs: clock.now() - startedAt,
    tally,
    problems: problems.list(),
    relocked,
    calls: countsSince(before, clients).calls,
  });
}

/**
 * Works on all regions side by side, with one limit on writes for all of them, and counts every VM: those looked at,
 * and those that a stop, or what could not be read, kept from being looked at. What cannot be read is a problem, and stops
 * nothing else (R13).
 */
export async function allRegions(
  app: App,
  regions: readonly RegionWork[],
  observer: RunObserver,
  tally: Tally,
  problems: Problems,
  workOn: (region: RegionWork, run: RegionRun) => Promise<RegionEnd>,
): Promise<void> {
  const limit = writeLimit(app.settings.maxAssignments);
  await Promise.all(
    regions.map(async (region) => {
      let reported = 0;
      const { cut, unread } = await workOn(region, {
        limit,
        stopped: () => observer.stopped?.() ?? false,
        onVm: (report) => {
          reported++;
          count(tally, report.outcome);
          problems.addFailure(report);
          observer.onVm?.(report);
        },
      });
      if (unread) problems.add(regionUnread(region.location, unread));
      if (!cut && !unread) return;
      const why = outcome('deferred', cut ? 'interrupted' : 'region-unread');
      count(tally, why, Math.max(0, region.total - reported));
    }),
  );
}
