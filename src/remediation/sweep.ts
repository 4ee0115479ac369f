import type { App } from '../app.ts';
import type { CallCounts } from '../azure/clients.ts';
import { toAzureError } from '../azure/errors.ts';
import type { VmCount } from '../azure/inventory.ts';
import { type Coverage, resolveScopes } from '../azure/scopeResolution.ts';
import { count, emptyTally, outcome, type Tally } from '../domain/outcome.ts';
import { exclusive } from './exclusive.ts';
import { goalIdentities } from './goalIdentities.ts';
import { planSweep } from './plan.ts';
import { noticingUnlocked, type Problem, problemCollector } from './problems.ts';
import { remediateRegion } from './region.ts';
import type { VmReport } from './vm.ts';

/** Someone who follows a sweep. */
export interface SweepObserver {
  /** Called once, when Resource Graph has counted the VMs and before anything is written. */
  onCounts?(counts: readonly VmCount[], coverage: Coverage): void;
  /** Called for each VM looked at, when its end is known. */
  onVm?(report: VmReport): void;
  /** Asked before each VM; true ends the sweep early, what was begun is finished. */
  stopped?(): boolean;
}

/** What a sweep found and did. */
export interface SweepSummary {
  readonly durationMs: number;
  /** Every VM in scope, by outcome and reason. */
  readonly tally: Tally;
  readonly problems: readonly Problem[];
  readonly calls: CallCounts;
}

/**
 * Sweeps everything in scope: counts in Resource Graph, then brings the goal identity to each VM that lacks it,
 * regions side by side. One bad subscription, identity or VM never stops the rest (R13).
 * Throws ScopeError or AzureError when the sweep cannot even begin.
 */
export async function sweep(app: App, observer: SweepObserver = {}): Promise<SweepSummary> {
  const { settings, clients, clock } = app;
  const startedAt = clock.now();
  const callsBefore = { ...clients.calls };
  const problems = problemCollector();
  const summary = (tally: Tally): SweepSummary => ({
    durationMs: clock.now() - startedAt,
    tally,
    problems: problems.list(),
    calls: callsSince(clients.calls, callsBefore),
  });
  if (settings.policy.effect === 'Disabled') return summary(emptyTally());

  const coverage = await resolveScopes(clients, settings.scopes, settings.excludedScopes);
  for (const problem of coverage.problems) problems.addScope(problem);
  const { counts, regions, tally } = await planSweep(app, coverage);
  observer.onCounts?.(counts, coverage);

  let left = settings.maxAssignments;
  const identities = noticingUnlocked(goalIdentities({ clients, settings }), problems);
  const context = { app, scopes: coverage.scopes, identities, exclusive: exclusive() };
  await Promise.all(
    regions.map(async (work) => {
      let looked = 0;
      try {
        const { cut } = await remediateRegion(context, coverage, work, {
          takeWrite: () => left-- > 0,
          stopped: () => observer.stopped?.() ?? false,
          onVm: (report) => {
            looked++;
            count(tally, report.outcome);
            problems.addFailure(report);
            observer.onVm?.(report);
          },
        });
        if (cut) count(tally, outcome('deferred', 'interrupted'), Math.max(0, work.total - looked));
      } catch (error) {
        problems.add({
          subject: work.location,
          reason: 'region-unread',
          detail: toAzureError(error).message,
          next: 'The next sweep tries again.',
        });
      }
    }),
  );
  return summary(tally);
}

function callsSince(now: CallCounts, before: CallCounts): CallCounts {
  return {
    reads: now.reads - before.reads,
    writes: now.writes - before.writes,
    resourceGraph: now.resourceGraph - before.resourceGraph,
  };
}
