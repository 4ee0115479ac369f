import type { App } from '../app.ts';
import { countVms, type VmCount } from '../azure/inventory.ts';
import { GOAL_MISSING } from '../azure/kql.ts';
import type { Coverage } from '../azure/scopeResolution.ts';
import { count, emptyTally, outcomeOfVerdict, type Tally } from '../domain/outcome.ts';
import type { RegionWork } from './writeRegion.ts';

/** What Resource Graph says is to be done. */
export interface Plan {
  readonly counts: readonly VmCount[];
  /** VMs that need nothing, by outcome and reason. */
  readonly tally: Tally;
  /** Regions with VMs that lack their goal identity, the one with most of them first. */
  readonly regions: readonly RegionWork[];
}

/** Counts the VMs in scope, of one location or of all, and plans the work by region. Reads no VM. Throws AzureError. */
export async function planSweep(app: App, coverage: Coverage, location?: string): Promise<Plan> {
  const { policy, excludedScopes } = app.settings;
  const counts = await countVms(app.clients, coverage, policy, excludedScopes, location);
  const tally = emptyTally();
  for (const { verdict, total } of counts) {
    if (verdict !== GOAL_MISSING) count(tally, outcomeOfVerdict(verdict), total);
  }
  return { counts, tally, regions: regionsWith(GOAL_MISSING, counts) };
}

/** The VMs with this verdict by region, the one with most of them first, since it takes longest. */
export function regionsWith(verdict: string, counts: readonly VmCount[]): RegionWork[] {
  const wanted = counts.filter((row) => row.verdict === verdict && row.total > 0);
  const regions = [...Map.groupBy(wanted, ({ location }) => location)].map(([location, rows]) => ({
    location,
    total: rows.reduce((sum, { total }) => sum + total, 0),
    subscriptions: rows.map(({ subscriptionId, total }) => ({ subscriptionId, vms: total })),
  }));
  return regions.sort((a, b) => b.total - a.total);
}
