import type { App } from '../app.ts';
import { type Coverage, resolveScopes } from '../azure/scopeResolution.ts';
import { emptyTally } from '../domain/outcome.ts';
import { allRegions, type RunObserver, type RunSummary, startRun } from './allRegions.ts';
import { contestHistory } from './contests.ts';
import { exclusive } from './exclusive.ts';
import { goalIdentities } from './goalIdentities.ts';
import { relockIdentities } from './identityLocks.ts';
import { whyNothingSeen } from './nothingSeen.ts';
import { type Plan, planSweep } from './plan.ts';
import { noteRenewals, noticingUnlocked, noticingUnread, problemCollector } from './problems.ts';
import { remediateRegion } from './region.ts';

/** Someone who follows a sweep. */
export interface SweepObserver extends RunObserver {
  /** Called once, when Resource Graph has counted the VMs and before anything is written. */
  onPlan?(plan: Plan, coverage: Coverage): void;
}

/** What a sweep found and did. */
export type SweepSummary = RunSummary;

/**
 * Sweeps everything in scope: counts in Resource Graph, then brings the goal identity to each VM that lacks it,
 * regions side by side. One bad subscription, identity or VM never stops the rest (R13).
 * Throws ScopeError or AzureError when the sweep cannot even begin.
 */
export async function sweep(app: App, observer: SweepObserver = {}): Promise<SweepSummary> {
  const { settings, clients } = app;
  const summary = startRun(app);
  const problems = problemCollector();
  if (settings.policy.effect === 'Disabled') return summary(emptyTally(), problems);

  const coverage = await resolveScopes(clients, settings.scopes, settings.excludedScopes);
  for (const problem of coverage.problems) problems.addScope(problem);
  const plan = await planSweep(app, coverage);
  const { counts, regions, tally } = plan;
  noteRenewals(problems, plan);
  observer.onPlan?.(plan, coverage);
  const blind = counts.length === 0 ? await whyNothingSeen(app, coverage) : undefined;
  if (blind) problems.add(blind);

  const identities = noticingUnlocked(goalIdentities({ clients, settings }), problems);
  const relocked = await relockIdentities(app, counts, identities, problems);
  const contests = contestHistory(app, coverage, noticingUnread(problems));
  const context = { app, scopes: coverage.scopes, identities, contests, exclusive: exclusive() };
  await allRegions(app, regions, observer, tally, problems, (region, run) =>
    remediateRegion(context, coverage, region, run),
  );
  return summary(tally, problems, relocked);
}
