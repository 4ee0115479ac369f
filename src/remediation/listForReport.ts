import type { App } from '../app.ts';
import type { VmCount } from '../azure/inventory.ts';
import type { Coverage } from '../azure/scopeResolution.ts';
import { GOAL_MISSING, GOAL_PRESENT } from '../azure/verdictsKql.ts';
import { type ListedVm, listRenewals, listVms } from '../azure/vmLists.ts';
import { fold } from '../domain/resourceId.ts';
import type { Unlisted } from '../report/report.ts';
import type { Plan } from './plan.ts';

/** Which VMs a report lists. */
export interface ReportListing {
  readonly coverage: Coverage;
  readonly plan: Pick<Plan, 'counts' | 'renewals'>;
  /** Also those that carry their goal identity. */
  readonly all?: boolean;
  /** Most VMs to list, default 50,000; the others are counted only, and the report says so. */
  readonly mostRows?: number;
}

const MOST_ROWS = 50_000;
// Listing takes no longer: a sweep waits for it with its work.
const LISTING_MS = 3 * 60_000;

/**
 * Lists the VMs of a report, those that lack their identity first. Asks nothing where the counts say that there is
 * nothing to list, so a tenant where every VM carries its identity costs no query. Says how many VMs are counted and
 * not listed, and why. Throws AzureError.
 */
export async function listForReport(
  app: Pick<App, 'clients' | 'clock' | 'settings'>,
  { coverage, plan, all = false, mostRows = MOST_ROWS }: ReportListing,
): Promise<{ listed: ListedVm[]; unlisted: Unlisted[] }> {
  const { counts } = plan;
  const until = app.clock.now() + LISTING_MS;
  // What is excluded as a whole needs no list of its parts.
  const whole = coverage.scopes.excluded.subscriptions;
  const open = counts.filter(({ subscriptionId }) => !whole.has(subscriptionId));
  const wanted = open.filter(({ verdict, total }) => total > 0 && (all || verdict !== GOAL_PRESENT));
  const listed: ListedVm[] = [];
  let why = 'they were gone, or new, when they were to be listed';
  for await (const page of pages(app, coverage, wanted, plan.renewals > 0)) {
    listed.push(...page.slice(0, mostRows - listed.length));
    if (listed.length === mostRows) why = `a report lists at most ${mostRows.toLocaleString('en')}`;
    else if (app.clock.now() >= until) why = 'listing them took too long';
    else continue;
    break;
  }
  const unlisted = [
    { vms: sum(wanted) - listed.length, why },
    { vms: sum(counts) - sum(open), why: 'EXCLUDED_SCOPES holds their whole subscription' },
  ];
  return { listed, unlisted: unlisted.filter(({ vms }) => vms > 0) };
}

/** VMs that lack their identity, then those left alone, last those that carry it; each once. */
async function* pages(
  { clients, settings }: Pick<App, 'clients' | 'settings'>,
  coverage: Coverage,
  wanted: readonly VmCount[],
  renewing: boolean,
): AsyncGenerator<ListedVm[], void, undefined> {
  const turn = ({ verdict }: VmCount) => (verdict === GOAL_MISSING ? 0 : verdict === GOAL_PRESENT ? 2 : 1);
  // They carry what is no more: listed as lacking their identity, though they are found among those that carry it, too.
  const renewed = new Set<string>();
  for (const which of [0, 1, 2]) {
    const rows = wanted.filter((row) => turn(row) === which);
    const verdicts = [...new Set(rows.map(({ verdict }) => verdict))];
    const subscriptions = [...new Set(rows.map(({ subscriptionId }) => subscriptionId))];
    for await (const page of listVms(clients, coverage, settings, { verdicts }, subscriptions)) {
      yield page.filter(({ vm }) => !renewed.has(fold(vm.id)));
    }
    if (which > 0 || !renewing) continue;
    for await (const page of listRenewals(clients, coverage, settings, subscriptions)) {
      for (const { vm } of page) renewed.add(fold(vm.id));
      yield page;
    }
  }
}

function sum(counts: readonly VmCount[]): number {
  return counts.reduce((all, { total }) => all + total, 0);
}
