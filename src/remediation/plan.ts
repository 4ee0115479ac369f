import type { App } from '../app.ts';
import { type AzureError, toAzureError } from '../azure/errors.ts';
import { countRenewals, countVms, type VmCount } from '../azure/inventory.ts';
import type { Coverage } from '../azure/scopeResolution.ts';
import { GOAL_MISSING, GOAL_PRESENT } from '../azure/verdictsKql.ts';
import { count, emptyTally, outcomeOfVerdict, type Tally } from '../domain/outcome.ts';
import type { RegionWork } from './writeRegion.ts';

/** What Resource Graph says is to be done. */
export interface Plan {
  /** VMs by verdict; those that carry a goal identity which is no more count as lacking it. */
  readonly counts: readonly VmCount[];
  /** VMs that need nothing, by outcome and reason. */
  readonly tally: Tally;
  /** Regions with VMs that lack their goal identity, the one with most of them first. */
  readonly regions: readonly RegionWork[];
  /** When the oldest VM that lacks its goal identity was created, ms since 1970: it lacks it no longer than that. */
  readonly oldestMissing: number | undefined;
  /** How many of them carry one that is gone, or was deleted and made again since. */
  readonly renewals: number;
  /** Why the last figure could not be had. */
  readonly renewalsUnread: AzureError | undefined;
}

/** Counts the VMs in scope, of one location or of all, and plans the work by region. Reads no VM. Throws AzureError. */
export async function planSweep(app: App, coverage: Coverage, location?: string): Promise<Plan> {
  const { clients, settings } = app;
  const { policy, excludedScopes } = settings;
  const counted = await countVms(clients, coverage, policy, excludedScopes, location);
  let renewals: Omit<VmCount, 'verdict'>[] = [];
  let renewalsUnread: AzureError | undefined;
  if (counted.some(({ verdict }) => verdict === GOAL_PRESENT)) {
    try {
      renewals = await countRenewals(clients, coverage, settings, location);
    } catch (error) {
      renewalsUnread = toAzureError(error);
    }
  }
  const counts = renewals.reduce(asMissing, counted);
  const tally = emptyTally();
  for (const { verdict, total } of counts) {
    if (verdict !== GOAL_MISSING) count(tally, outcomeOfVerdict(verdict), total);
  }
  const renewing = new Set(renewals.map((row) => row.location));
  const regions = regionsWith(GOAL_MISSING, counts).map((region) => ({
    ...region,
    renewing: renewing.has(region.location),
  }));
  return {
    ...{ counts, tally, regions, renewalsUnread },
    oldestMissing: oldestMissing(counts),
    // Not the sum of `renewals`: some of those are in subscriptions that are excluded as a whole.
    renewals: missingIn(counts) - missingIn(counted),
  };
}

/** How many of the counted VMs lack their goal identity. */
export function missingIn(counts: readonly VmCount[]): number {
  return counts.reduce((sum, { verdict, total }) => sum + (verdict === GOAL_MISSING ? total : 0), 0);
}

function oldestMissing(counts: readonly VmCount[]): number | undefined {
  const created = counts
    .filter(({ verdict }) => verdict === GOAL_MISSING)
    .map(({ oldest }) => Date.parse(oldest ?? ''))
    .filter(Number.isFinite);
  return created.length > 0 ? Math.min(...created) : undefined;
}

/** The VMs with this verdict by region, the one with most of them first, since it takes longest. */
export function regionsWith(verdict: string, counts: readonly VmCount[]): RegionWork[] {
  const wanted = counts.filter((row) => row.verdict === verdict && row.total > 0);
  const regions = [...Map.groupBy(wanted, ({ location }) => location)].map(([location, rows]) => ({
    location,
    total: rows.reduce((sum, { total }) => sum + total, 0),
    subscriptions: [...Map.groupBy(rows, ({ subscriptionId }) => subscriptionId)].map(
      ([subscriptionId, own]) => ({ subscriptionId, vms: own.reduce((sum, { total }) => sum + total, 0) }),
    ),
  }));
  return regions.sort((a, b) => b.total - a.total);
}

// Counted from what Resource Graph showed a moment later: never more than there were. Since when their identity is gone
// nobody knows, and it is not since they were created.
function asMissing(
  counts: VmCount[],
  { subscriptionId, location, total }: Omit<VmCount, 'verdict'>,
): VmCount[] {
  const of = (row: VmCount) =>
    row.verdict === GOAL_PRESENT && row.subscriptionId === subscriptionId && row.location === location;
  const present = counts.find(of);
  if (!present) return counts;
  const moved = Math.min(total, present.total);
  return [
    ...counts.filter((row) => row !== present),
    { ...present, total: present.total - moved },
    { ...present, verdict: GOAL_MISSING, total: moved, oldest: undefined },
  ].filter((row) => row.total > 0);
}
