import type { App } from '../app.ts';
import { toAzureError } from '../azure/errors.ts';
import { countVms, countWanted, type VmCount } from '../azure/inventory.ts';
import { type Coverage, resolveScopes } from '../azure/scopeResolution.ts';
import { GOAL_MISSING, GOAL_PRESENT } from '../azure/verdictsKql.ts';
import { vmIds } from '../azure/vmLists.ts';
import { decideRollback } from '../domain/decide.ts';
import { goalIdentity } from '../domain/goalIdentity.ts';
import { identityRemoval } from '../domain/identityPatch.ts';
import { type Makespan, makespan } from '../domain/makespan.ts';
import { count, emptyTally, outcome, outcomeOfVerdict, type Tally } from '../domain/outcome.ts';
import { fold, type ResourceId } from '../domain/resourceId.ts';
import { carries } from '../domain/rules.ts';
import { allRegions, type RunObserver, type RunSummary, startRun } from './allRegions.ts';
import { type Change, changeIdentity, outcomeOfError } from './changeIdentity.ts';
import { managerLookup } from './managers.ts';
import { regionsWith } from './plan.ts';
import { problemCollector } from './problems.ts';
import { type Known, type Started, timed } from './vm.ts';
import { type RegionWork, writeRegion } from './writeRegion.ts';

/** What a rollback would do. */
export interface RollbackPlan {
  readonly coverage: Coverage;
  readonly counts: readonly VmCount[];
  /** VMs that carry their goal identity, by region. */
  readonly regions: readonly RegionWork[];
  readonly total: number;
  /** VMs left alone, by outcome and reason. */
  readonly tally: Tally;
  /** VMs whose only identity is the goal: programs that name none lose theirs. */
  readonly losingDefault: number;
  /** VMs with one other identity, which becomes the default of programs that name none. */
  readonly gainingDefault: number;
  readonly makespan: Makespan;
}

/** Plans a rollback from Resource Graph. Reads no VM and writes nothing. Throws ScopeError or AzureError. */
export async function planRollback(app: App): Promise<RollbackPlan> {
  const { clients, settings } = app;
  const { policy, excludedScopes } = settings;
  const coverage = await resolveScopes(clients, settings.scopes, excludedScopes);
  const counts = await countVms(clients, coverage, policy, excludedScopes);
  const tally = emptyTally();
  for (const { verdict, total } of counts) {
    if (verdict === GOAL_PRESENT) continue;
    const absent = verdict === GOAL_MISSING || verdict === 'single-identity';
    count(tally, absent ? outcome('compliant', 'goal-absent') : outcomeOfVerdict(verdict), total);
  }
  const regions = regionsWith(GOAL_PRESENT, counts);
  const subscriptions = [...new Set(regions.flatMap((region) => region.subscriptions))];
  const ids = [...new Set(subscriptions.map(({ subscriptionId }) => subscriptionId))];
  const having = (onlyUserAssigned: number) =>
    countWanted(clients, coverage, settings, { verdicts: [GOAL_PRESENT], onlyUserAssigned }, ids);
  const work = regions.flatMap(({ location, subscriptions: rows }) =>
    rows.map((row) => ({ ...row, location, otherWrites: 0 })),
  );
  return {
    coverage,
    counts,
    regions,
    total: regions.reduce((sum, { total }) => sum + total, 0),
    tally,
    losingDefault: await having(1),
    gainingDefault: await having(2),
    makespan: makespan(work, settings.capacityShare),
  };
}

/**
 * Removes the goal identity, and nothing else, from every VM in scope that carries it, within the limits of every
 * writer. The effect does not matter: the app should have another one than DeployIfNotExists by then, or it assigns
 * again. Identities, their groups and locks stay. Stopped at any point, a further run goes on with what is left.
 */
export async function rollback(
  app: App,
  plan: RollbackPlan,
  observer: RunObserver = {},
): Promise<RunSummary> {
  const { clients, settings } = app;
  const summary = startRun(app);
  const problems = problemCollector();
  for (const problem of plan.coverage.problems) problems.addScope(problem);
  const tally = structuredClone(plan.tally);
  const managerOf = managerLookup(app);
  await allRegions(app, plan.regions, observer, tally, problems, (region, run) =>
    writeRegion(app, region, run, {
      pages: (ids, counted) =>
        vmIds(
          clients,
          plan.coverage,
          settings,
          { verdicts: [GOAL_PRESENT], location: region.location },
          ids,
          counted,
          app.random,
        ),
      heldBack: undefined,
      start: (found) =>
        timed(app, () => startRemoval(app, plan.coverage, found.vm, region.location, () => managerOf(found))),
    }),
  );
  return summary(tally, problems);
}

async function startRemoval(
  app: App,
  { scopes }: Coverage,
  vm: ResourceId,
  location: string,
  managerOf: () => Promise<string>,
): Promise<Started> {
  const { policy } = app.settings;
  const known = { vm, location, goal: goalIdentity(policy.identity, { ...vm, location }) };
  try {
    return await changeIdentity(app, known, removing(app, scopes, known, await managerOf()));
  } catch (error) {
    const ended = outcomeOfError(app, vm, toAzureError(error));
    return { state: 'ended', report: { ...known, outcome: ended, attempts: 0 } };
  }
}

/** The change that takes the goal identity away and can do nothing else. */
function removing(app: App, scopes: Coverage['scopes'], { goal }: Known, groupManagedBy: string): Change {
  return {
    decide({ facts, etag }) {
      const decision = decideRollback({ ...facts, groupManagedBy }, app.settings.policy, scopes);
      if (decision.action === 'leave') return { end: decision.outcome };
      if (fold(decision.goal) !== fold(goal)) return { end: outcome('excluded', 'vm-gone') };
      // Removing the last identity wipes whatever else was added meanwhile, unless Azure checks the ETag.
      if (etag === undefined) return { end: outcome('failed', 'no-etag') };
      const patch = identityRemoval(facts.identity, goal);
      return patch ? { patch } : { end: outcome('compliant', 'goal-absent') };
    },
    confirmed: ({ facts }) =>
      carries(facts.identity, goal) ? outcome('failed', 'not-removed') : outcome('removed', 'goal-removed'),
  };
}
