import type { App } from '../app.ts';
import { countVms, type VmCount } from '../azure/inventory.ts';
import { GOAL_MISSING } from '../azure/kql.ts';
import type { Coverage } from '../azure/scopeResolution.ts';
import { count, emptyTally, outcomeOfVerdict, type Tally } from '../domain/outcome.ts';
import type { RegionWork } from './region.ts';

/** What Resource Graph says is to be done. */
export interface Plan {
  readonly counts: readonly VmCount[];
  /** VMs that need nothing, by outcome and reason. */
  readonly tally: Tally;
  /** Regions with work, the one with most of it first, since it takes longest. */
  readonly regions: readonly RegionWork[];
  /** When the oldest VM that lacks its goal identity was created, ms since 1970: it lacks it no longer than that. */
  readonly oldestMissing: number | undefined;
}

/** Counts the VMs in scope, of one location or of all, and plans the work by region. Reads no VM. Throws AzureError. */
export async function planSweep(app: App, coverage: Coverage, location?: string): Promise<Plan> {
  const { policy, excludedScopes } = app.settings;
  const counts = await countVms(app.clients, coverage, policy, excludedScopes, location);
  const tally = emptyTally();
  for (const { verdict, total } of counts) {
    if (verdict !== GOAL_MISSING) count(tally, outcomeOfVerdict(verdict), total);
  }
  return { counts, tally, regions: regionsOf(counts), oldestMissing: oldestMissing(counts) };
}

function oldestMissing(counts: readonly VmCount[]): number | undefined {
  const created = counts
    .filter(({ verdict }) => verdict === GOAL_MISSING)
    .map(({ oldest }) => Date.parse(oldest ?? ''))
    .filter(Number.isFinite);
  return created.length > 0 ? Math.min(...created) : undefined;
}

function regionsOf(counts: readonly VmCount[]): RegionWork[] {
  const missing = counts.filter(({ verdict, total }) => verdict === GOAL_MISSING && total > 0);
  const regions = [...Map.groupBy(missing, ({ location }) => location)].map(([location, rows]) => ({
    location,
    total: rows.reduce((sum, { total }) => sum + total, 0),
    subscriptions: rows.map(({ subscriptionId, total }) => ({ subscriptionId, goalMissing: total })),
  }));
  return regions.sort((a, b) => b.total - a.total);
}
