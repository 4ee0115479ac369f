import { hash } from 'node:crypto';
import { z } from 'zod';
import type { Policy } from '../domain/policy.ts';
import { fold, parseVmId, type ResourceId, type Scope } from '../domain/resourceId.ts';
import { type VmIdentity, vmIdentity } from '../domain/vmIdentity.ts';
import type { AzureClients } from './clients.ts';
import { countQuery, goalMissingQuery, listQuery, standingQuery } from './kql.ts';
import { inRequests, queryPages } from './resourceGraph.ts';
import type { Coverage } from './scopeResolution.ts';

/** How many VMs of a subscription and location have a verdict: a reason code, or `goal-missing`. */
export interface VmCount {
  readonly subscriptionId: string;
  readonly location: string;
  readonly verdict: string;
  readonly total: number;
  /** When the oldest of them was created, where Azure says so. */
  readonly oldest?: string | null | undefined;
}

type Clients = Pick<AzureClients, 'resourceGraph'>;

const countRow = z.object({
  subscriptionId: z.string(),
  location: z.string(),
  verdict: z.string(),
  total: z.number().int().nonnegative(),
  oldest: z.string().nullish(),
});
const vmRow = z.object({ id: z.string(), groupSeen: z.string().nullish() });

/** A VM that lacks its goal identity. */
export interface GoalMissingVm {
  readonly vm: ResourceId;
  /** True when Resource Graph showed its resource group, so that the query has judged by it. */
  readonly groupSeen: boolean;
}

const listedRow = z.object({
  id: z.string(),
  location: z.string(),
  verdict: z.string(),
  identityType: z.string().nullish(),
  identities: z.array(z.string()).nullish(),
});

/** A VM as Resource Graph shows it. */
export interface ListedVm {
  readonly vm: ResourceId;
  readonly location: string;
  readonly verdict: string;
  readonly identity: VmIdentity;
}

/**
 * Counts every VM in scope, or those of one location, by subscription, location and verdict, in Resource Graph,
 * reading no VM.
 * Size grows with subscriptions and regions, not with VMs. Throws AzureError.
 */
export async function countVms(
  clients: Clients,
  coverage: Coverage,
  policy: Policy,
  excluded: readonly Scope[],
  location?: string,
): Promise<VmCount[]> {
  const counts: VmCount[] = [];
  const seen = new Set<string>();
  for (const request of coverage.requests) {
    const query = countQuery({ policy, excluded, groups: coverage.groups }, location);
    const here = new Set<string>();
    for await (const rows of queryPages(clients, request, query, countRow)) {
      for (const row of rows) {
        const subscriptionId = fold(row.subscriptionId);
        // Nested management groups may both be scopes: a subscription is counted by the first that holds it.
        if (seen.has(subscriptionId)) continue;
        here.add(subscriptionId);
        const verdict = coverage.scopes.excluded.subscriptions.has(subscriptionId)
          ? 'excluded-scope'
          : row.verdict;
        counts.push({ ...row, subscriptionId, location: fold(row.location), verdict });
      }
    }
    for (const subscriptionId of here) seen.add(subscriptionId);
  }
  return counts;
}

/** The rules that VMs are counted by, as a query that others can go on from (`standingQuery`). */
export function rulesQuery({ scopes, groups }: Coverage, policy: Policy, excluded: readonly Scope[]): string {
  const ofGroups = groups.flatMap((group) =>
    group.kind === 'resourceGroup' ? [fold(group.subscriptionId)] : [],
  );
  const subscriptions = new Set([...scopes.included.subscriptions, ...ofGroups]);
  return standingQuery({ policy, excluded, groups }, [...subscriptions], [...scopes.excluded.subscriptions]);
}

/**
 * Pages of the VMs of one location, in these subscriptions, that lack their goal identity as far as Resource Graph
 * knows: at most 1,000 a page, each id once. VMs that are written meanwhile leave the answer, and where its pages are
 * counted off anew each time, as nothing says they are not, others move up into pages that were read already. So it
 * is asked again as long as fewer VMs were seen than the `counted` ones and more of them turn up. Remembers a number for
 * each VM and no id. Throws AzureError.
 */
export async function* goalMissingVms(
  clients: Clients,
  coverage: Coverage,
  policy: Policy,
  excluded: readonly Scope[],
  location: string,
  subscriptions: readonly string[],
  counted = 0,
): AsyncGenerator<GoalMissingVm[], void, undefined> {
  const query = goalMissingQuery({ policy, excluded, groups: coverage.groups }, location);
  const seen = new Set<number>();
  let before: number;
  do {
    before = seen.size;
    for (const request of inRequests(subscriptions)) {
      for await (const rows of queryPages(clients, request, query, vmRow)) {
        const fresh = rows.filter(({ id }) => !seen.has(fingerprint(id)));
        for (const { id } of fresh) seen.add(fingerprint(id));
        yield fresh.flatMap(({ id, groupSeen }) => {
          const vm = parseVmId(id);
          return vm ? [{ vm, groupSeen: policy.includeManagedGroups || Boolean(groupSeen) }] : [];
        });
      }
    }
  } while (seen.size < counted && seen.size > before);
}

/**
 * Pages of the VMs in these subscriptions that have one of these verdicts, with the identities they carry: at most
 * 1,000 a page, ordered by id. What has no readable id is left out. Throws AzureError.
 */
export async function* listVms(
  clients: Clients,
  coverage: Coverage,
  policy: Policy,
  excluded: readonly Scope[],
  among: readonly string[],
  subscriptions: readonly string[],
): AsyncGenerator<ListedVm[], void, undefined> {
  const query = listQuery({ policy, excluded, groups: coverage.groups }, among);
  for (const request of inRequests(subscriptions)) {
    for await (const rows of queryPages(clients, request, query, listedRow)) {
      yield rows.flatMap(({ id, location, verdict, identityType, identities }) => {
        const vm = parseVmId(id);
        const userAssignedIdentities = Object.fromEntries((identities ?? []).map((key) => [key, {}]));
        const identity = vmIdentity({ type: identityType ?? '', userAssignedIdentities });
        return vm ? [{ vm, location: fold(location), verdict, identity }] : [];
      });
    }
  }
}

// 48 bits of an id: a region of a million VMs has two alike once in five hundred sweeps, and the next sweep finds the one.
function fingerprint(id: string): number {
  return hash('sha1', fold(id), 'buffer').readUIntBE(0, 6);
}
