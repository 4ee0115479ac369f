import { z } from 'zod';
import type { Policy } from '../domain/policy.ts';
import { fold, parseVmId, type ResourceId, type Scope } from '../domain/resourceId.ts';
import type { AzureClients } from './clients.ts';
import { countQuery, goalMissingQuery } from './kql.ts';
import { inRequests, queryPages } from './resourceGraph.ts';
import type { Coverage } from './scopeResolution.ts';

/** How many VMs of a subscription and location have a verdict: a reason code, or `goal-missing`. */
export interface VmCount {
  readonly subscriptionId: string;
  readonly location: string;
  readonly verdict: string;
  readonly total: number;
}

type Clients = Pick<AzureClients, 'resourceGraph'>;

const countRow = z.object({
  subscriptionId: z.string(),
  location: z.string(),
  verdict: z.string(),
  total: z.number().int().nonnegative(),
});
const vmRow = z.object({ id: z.string() });

/**
 * Counts every VM in scope by subscription, location and verdict, in Resource Graph, reading no VM.
 * Size grows with subscriptions and regions, not with VMs. Throws AzureError.
 */
export async function countVms(
  clients: Clients,
  coverage: Coverage,
  policy: Policy,
  excluded: readonly Scope[],
  abortSignal?: AbortSignal,
): Promise<VmCount[]> {
  const counts: VmCount[] = [];
  const seen = new Set<string>();
  for (const request of coverage.requests) {
    const query = countQuery({ policy, excluded, groups: coverage.groups });
    const here = new Set<string>();
    for await (const rows of queryPages(clients, request, query, countRow, abortSignal)) {
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

/**
 * Pages of the VMs of one location, in these subscriptions, that lack their goal identity as far as Resource Graph
 * knows: at most 1,000 ids a page, ordered by id. Throws AzureError.
 * All pages are read before the first is given: what is remediated meanwhile leaves the answer, and a later page, which
 * Resource Graph finds by counting rows, would pass over as many. A subscription has at most 25,000 VMs in a region (Azure subscription limits).
 */
export async function* goalMissingVms(
  clients: Clients,
  coverage: Coverage,
  policy: Policy,
  excluded: readonly Scope[],
  location: string,
  subscriptions: readonly string[],
  abortSignal?: AbortSignal,
): AsyncGenerator<ResourceId[], void, undefined> {
  const query = goalMissingQuery({ policy, excluded, groups: coverage.groups }, location);
  for (const request of inRequests(subscriptions)) {
    const pages = await Array.fromAsync(queryPages(clients, request, query, vmRow, abortSignal));
    for (const rows of pages) yield rows.map((row) => parseVmId(row.id)).filter((id) => id !== undefined);
  }
}
