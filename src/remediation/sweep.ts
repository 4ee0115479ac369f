import type { App } from '../app.ts';
import type { CallCounts } from '../azure/clients.ts';
import { toAzureError } from '../azure/errors.ts';
import { countVms, type VmCount } from '../azure/inventory.ts';
import { GOAL_MISSING } from '../azure/kql.ts';
import { type Coverage, resolveScopes } from '../azure/scopeResolution.ts';
import { count, emptyTally, outcomeOfVerdict, type Tally } from '../domain/outcome.ts';
import { type GoalIdentities, goalIdentities } from './goalIdentities.ts';
import { type Problem, type Problems, problemCollector } from './problems.ts';
import { type RegionWork, remediateRegion } from './region.ts';
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
  const tally = emptyTally();
  const problems = problemCollector();
  const summary = (): SweepSummary => ({
    durationMs: clock.now() - startedAt,
    tally,
    problems: problems.list(),
    calls: callsSince(clients.calls, callsBefore),
  });
  if (settings.policy.effect === 'Disabled') return summary();

  const coverage = await resolveScopes(clients, settings.scopes, settings.excludedScopes);
  for (const problem of coverage.problems) problems.addScope(problem);
  const counts = await countVms(clients, coverage, settings.policy, settings.excludedScopes);
  for (const { verdict, total } of counts) {
    if (verdict !== GOAL_MISSING) count(tally, outcomeOfVerdict(verdict), total);
  }
  observer.onCounts?.(counts, coverage);

  let left = settings.maxAssignments;
  const identities = noticingUnlocked(goalIdentities({ clients, settings }), problems);
  const context = { app, scopes: coverage.scopes, identities };
  await Promise.all(
    regionsOf(counts).map(async (work) => {
      try {
        await remediateRegion(context, work, {
          coverage,
          takeAssignment: () => left-- > 0,
          stopped: () => observer.stopped?.() ?? false,
          onVm: (report) => {
            count(tally, report.outcome);
            problems.addFailure(report);
            observer.onVm?.(report);
          },
        });
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
  return summary();
}

/** Regions with work, the one with most of it first, since it takes longest. */
function regionsOf(counts: readonly VmCount[]): RegionWork[] {
  const missing = counts.filter(({ verdict, total }) => verdict === GOAL_MISSING && total > 0);
  const regions = [...Map.groupBy(missing, ({ location }) => location)].map(([location, rows]) => ({
    location,
    total: rows.reduce((sum, { total }) => sum + total, 0),
    subscriptions: rows.map(({ subscriptionId, total }) => ({ subscriptionId, goalMissing: total })),
  }));
  return regions.sort((a, b) => b.total - a.total);
}

/** Reports identities that exist but could not be locked; assigning goes on all the same. */
function noticingUnlocked(identities: GoalIdentities, problems: Problems): GoalIdentities {
  return {
    async ensure(goal, location) {
      const identity = await identities.ensure(goal, location);
      if (identity.state === 'ready' && identity.unlocked) {
        problems.add({
          subject: goal,
          reason: 'identity-unlocked',
          detail: identity.unlocked.message,
          next: 'Grant Microsoft.Authorization/locks/write to the remediator there, or set LOCK_IDENTITIES=false.',
        });
      }
      return identity;
    },
  };
}

function callsSince(now: CallCounts, before: CallCounts): CallCounts {
  return {
    reads: now.reads - before.reads,
    writes: now.writes - before.writes,
    resourceGraph: now.resourceGraph - before.resourceGraph,
  };
}
