import type { VmCount } from '../../src/azure/inventory.ts';
import { GOAL_MISSING } from '../../src/azure/verdictsKql.ts';
import type { ListedVm } from '../../src/azure/vmLists.ts';
import { identityId } from '../../src/domain/resourceId.ts';
import { makeReport, type ReportFacts } from '../../src/report/makeReport.ts';
import type { RegionNotes, VmNote } from '../../src/report/regionNotes.ts';
import type { Report } from '../../src/report/report.ts';
import { aPolicy, aVmId, OTHER_SUBSCRIPTION, SUBSCRIPTION } from '../builders.ts';

export const NOW = Date.parse('2026-11-24T15:00:00Z');
export const SWEEP = { id: 'sweep-2', nextAt: '2026-11-24T16:00:00.000Z' };

/** A VM as listed: one that lacks its identity, in eastus of the first subscription, unless told otherwise. */
export function aListedVm(name: string, more: Partial<Place> = {}): ListedVm {
  const { verdict = GOAL_MISSING, location = 'eastus', group = 'rg-app', subscription = SUBSCRIPTION } = more;
  const identity = more.identity ?? { system: false, user: false, userAssigned: [] };
  return {
    vm: aVmId(name, group, subscription),
    location,
    verdict,
    provisioningState: 'Succeeded',
    identity,
  };
}

interface Place {
  verdict: string;
  location: string;
  group: string;
  subscription: string;
  identity: ListedVm['identity'];
}

/** Facts about these VMs: each counted, `carrying` more that carry their identity, nothing known of before. */
export function someFacts(
  listed: readonly ListedVm[],
  more: Partial<ReportFacts> & { readonly carrying?: number } = {},
): ReportFacts {
  const { carrying = 0, ...overrides } = more;
  const counts = new Map<string, VmCount>();
  const add = (subscriptionId: string, location: string, verdict: string, total: number): void => {
    const key = `${subscriptionId} ${location} ${verdict}`;
    const known = counts.get(key)?.total ?? 0;
    counts.set(key, { subscriptionId, location, verdict, total: known + total });
  };
  for (const { vm, location, verdict } of listed) add(vm.subscriptionId, location, verdict, 1);
  if (carrying > 0) add(SUBSCRIPTION, 'eastus', 'goal-present', carrying);
  return {
    now: NOW,
    sweep: SWEEP,
    sweepProblems: [],
    settings: {
      scopes: [`/subscriptions/${SUBSCRIPTION}`],
      excludedScopes: [],
      effect: 'DeployIfNotExists',
      identityMode: 'builtIn',
      goal: identityId('{subscription}', 'built-in-identity-rg', 'built-in-identity-{region}'),
      singleIdentityRule: 'imds',
      includeManagedGroups: false,
      portal: 'https://portal.azure.com',
    },
    policy: aPolicy(),
    counts: [...counts.values()],
    subscriptionNames: new Map([
      [SUBSCRIPTION, 'Online Shop'],
      [OTHER_SUBSCRIPTION, 'Analytics'],
    ]),
    listed,
    unlisted: [],
    scopeProblems: [],
    notes: [],
    history: { version: 1, points: [], lacking: {}, problems: [] },
    ...overrides,
  };
}

/** The report of these VMs. */
export function aReport(listed: readonly ListedVm[], more: Parameters<typeof someFacts>[1] = {}): Report {
  return makeReport(someFacts(listed, more));
}

/** What the runs of the sweep before noted about a region. */
export function someNotes(vms: readonly Partial<VmNote>[], more: Partial<RegionNotes> = {}): RegionNotes {
  return {
    version: 1,
    sweepId: 'sweep-1',
    location: 'eastus',
    at: '2026-11-24T14:05:00.000Z',
    tally: { assigned: {}, compliant: {}, excluded: {}, deferred: {}, removed: {}, failed: {} },
    problems: [],
    ...more,
    vms: vms.map((vm) => ({
      id: aVmId().id,
      outcome: 'failed',
      reason: 'forbidden',
      at: '2026-11-24T14:03:00.000Z',
      ...vm,
    })),
  };
}

/** The report of a tenant with this many VMs to list, in 40 subscriptions and 12 regions, of every state. */
export function aLargeReport(vms: number): Report {
  const locations = ['eastus', 'eastus2', 'westus2', 'westus3', 'centralus', 'northeurope', 'westeurope'];
  const more = ['uksouth', 'francecentral', 'southeastasia', 'japaneast', 'australiaeast'];
  const verdicts = [GOAL_MISSING, 'single-identity', 'managed-group', 'exclusion-tag', GOAL_MISSING];
  const regions = [...locations, ...more];
  const subscriptions = Array.from(
    { length: 40 },
    (_, n) => `${String(n).padStart(8, '0')}-0000-4000-8000-000000000000`,
  );
  const own = [identityId(SUBSCRIPTION, 'rg-identities', 'id-app')];
  const listed = Array.from({ length: vms }, (_, n) =>
    aListedVm(`vm-${['web', 'batch', 'db', 'cache'][n % 4]}-${n}`, {
      verdict: verdicts[n % verdicts.length] as string,
      location: regions[n % regions.length] as string,
      subscription: subscriptions[n % subscriptions.length] as string,
      group: `rg-team-${n % 300}`,
      identity: { system: n % 3 === 0, user: n % 5 === 1, userAssigned: n % 5 === 1 ? own : [] },
    }),
  );
  const failed = listed.filter(({ verdict }, n) => verdict === GOAL_MISSING && n % 10 === 0);
  const reasons = ['forbidden', 'read-only-lock', 'deny-policy', 'throttled'];
  const notes = failed.map(({ vm }, n) => ({
    id: vm.id,
    reason: reasons[n % 4] as string,
    detail: 'Azure said no.',
  }));
  const points = Array.from({ length: 199 }, (_, n) => ({
    at: new Date(NOW - (199 - n) * 3_600_000).toISOString(),
    sweepId: `sweep-${n}`,
    vms: 250_000 + n * 10,
    compliant: Math.round((250_000 + n * 10) * (0.7 + 0.2 * Math.sin((n / 199) * 1.5))),
    excluded: 20_000,
  }));
  return aReport(listed, {
    carrying: 200_000,
    subscriptionNames: new Map(subscriptions.map((id, n) => [id, `Landing zone ${n + 1}`])),
    notes: [someNotes(notes)],
    history: { version: 1, points, lacking: {}, problems: [] },
  });
}
