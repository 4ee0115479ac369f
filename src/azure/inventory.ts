import { z } from 'zod';
import type { Policy } from '../domain/policy.ts';
import { fold, type Scope } from '../domain/resourceId.ts';
import type { AzureClients } from './clients.ts';
import { countQuery, countWantedQuery, renewalCountQuery, standingQuery, type Wanted } from './kql.ts';
import { inRequests, queryPages } from './resourceGraph.ts';
import { type Coverage, coveredSubscriptions } from './scopeResolution.ts';

/** How many VMs of a subscription and location have a verdict: a reason code, or `goal-missing`. */
export interface VmCount {
  readonly subscriptionId: string;
  readonly location: string;
  readonly verdict: string;
  readonly total: number;
  /** When the oldest of them was created, where Azure says so. */
  readonly oldest?: string | null | undefined;
}

/** The settings that decide about VMs. */
export interface VmSettings {
  readonly policy: Policy;
  readonly excludedScopes: readonly Scope[];
}

type Clients = Pick<AzureClients, 'resourceGraph'>;

const countRow = z.object({
  subscriptionId: z.string(),
  location: z.string(),
  verdict: z.string(),
  total: z.number().int().nonnegative(),
  oldest: z.string().nullish(),
});
const wantedRow = countRow.omit({ verdict: true, oldest: true });

/**
 * Counts every VM in scope, or those of one location, by subscription, location and verdict, in Resource Graph,
 * reading no VM. Size grows with subscriptions and regions, not with VMs.
 * Throws AzureError where any part of the scopes cannot be counted: the rest would pass for all there is.
 */
export async function countVms(
  clients: Clients,
  coverage: Coverage,
  policy: Policy,
  excluded: readonly Scope[],
  location?: string,
): Promise<VmCount[]> {
  const counts: VmCount[] = [];
  // Of what Resource Graph says of others nothing comes: identities are made and locked by these counts (R8).
  const asked = coveredSubscriptions(coverage);
  const query = countQuery({ policy, excluded, groups: coverage.groups }, location);
  for (const request of coverage.requests) {
    for await (const rows of queryPages(clients, request, query, countRow)) {
      for (const row of rows) {
        const subscriptionId = fold(row.subscriptionId);
        if (!asked.has(subscriptionId)) continue;
        const verdict = coverage.scopes.excluded.subscriptions.has(subscriptionId)
          ? 'excluded-scope'
          : row.verdict;
        counts.push({ ...row, subscriptionId, location: fold(row.location), verdict });
      }
    }
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
 * Counts VMs, of one location or of all, that carry a goal identity which is gone, or was deleted and made again since:
 * one query. Throws AzureError.
 */
export async function countRenewals(
  clients: Clients,
  coverage: Coverage,
  { policy, excludedScopes }: VmSettings,
  location?: string,
): Promise<Omit<VmCount, 'verdict'>[]> {
  const query = renewalCountQuery({ policy, excluded: excludedScopes, groups: coverage.groups }, location);
  const counts: Omit<VmCount, 'verdict'>[] = [];
  const asked = coveredSubscriptions(coverage);
  for (const request of coverage.requests) {
    for await (const rows of queryPages(clients, request, query, wantedRow)) {
      for (const row of rows) {
        const subscriptionId = fold(row.subscriptionId);
        if (asked.has(subscriptionId)) counts.push({ ...row, subscriptionId, location: fold(row.location) });
      }
    }
  }
  return counts;
}

/** How many such VMs there are in these subscriptions. Throws AzureError. */
export async function countWanted(
  clients: Clients,
  coverage: Coverage,
  { policy, excludedScopes }: VmSettings,
  wanted: Wanted,
  subscriptions: readonly string[],
): Promise<number> {
  const query = countWantedQuery({ policy, excluded: excludedScopes, groups: coverage.groups }, wanted);
  let total = 0;
  for (const request of inRequests(subscriptions)) {
    for await (const rows of queryPages(clients, request, query, wantedRow)) {
      for (const row of rows) total += row.total;
    }
  }
  return total;
}
