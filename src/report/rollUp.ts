import type { VmCount } from '../azure/inventory.ts';
import { adviceOn } from './advice.ts';
import type { ReasonCount, RegionStanding, ReportRow, SubscriptionStanding } from './report.ts';
import { type Standing, standingOf, stateOf } from './standing.ts';
import { byState } from './stateOrder.ts';

/** How each region stands, all subscriptions together, the one with most VMs that lack their identity first. */
export function regionStandings(counts: readonly VmCount[]): RegionStanding[] {
  const regions = [...Map.groupBy(counts, ({ location }) => location)];
  return regions.map(([location, rows]) => ({ location, ...standingOf(rows) })).sort(worstFirst);
}

/** How each subscription stands, and its regions. `nameOf` takes folded ids. */
export function subscriptionStandings(
  counts: readonly VmCount[],
  nameOf: (id: string) => string,
): SubscriptionStanding[] {
  const subscriptions = [...Map.groupBy(counts, ({ subscriptionId }) => subscriptionId)];
  return subscriptions
    .map(([id, rows]) => ({ id, name: nameOf(id), ...standingOf(rows), regions: regionStandings(rows) }))
    .sort((a, b) => worstFirst(a, b) || a.name.localeCompare(b.name, 'en'));
}

/**
 * How many VMs have which state and reason. Of VMs that lack their identity the rows know more than the counts; what
 * is not listed stays under its verdict.
 */
export function reasonCounts(counts: readonly VmCount[], rows: readonly ReportRow[]): ReasonCount[] {
  const found = new Map<string, ReasonCount>();
  const add = (of: Pick<ReasonCount, 'state' | 'reason'>, vms: number): void => {
    const { state, reason } = of;
    const known = found.get(`${state} ${reason}`)?.vms ?? 0;
    found.set(`${state} ${reason}`, { state, reason, vms: known + vms, meaning: adviceOn(reason).meaning });
  };
  for (const { verdict, total } of counts) add({ state: stateOf(verdict), reason: verdict }, total);
  for (const { state, reason } of rows) {
    if (state !== 'lacking') continue;
    add({ state, reason: 'goal-missing' }, -1);
    add({ state, reason }, 1);
  }
  const some = [...found.values()].filter(({ vms }) => vms > 0);
  return some.sort((a, b) => byState(a, b) || b.vms - a.vms);
}

function worstFirst(a: Standing, b: Standing): number {
  return b.lacking - a.lacking || b.vms - a.vms;
}
