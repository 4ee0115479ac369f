import { z } from 'zod';
import type { Policy } from '../domain/policy.ts';
import { fold, parseVmId, type ResourceId, type Scope } from '../domain/resourceId.ts';
import { type VmIdentity, vmIdentity } from '../domain/vmIdentity.ts';
import type { AzureClients } from './clients.ts';
import {
  countQuery,
  countWantedQuery,
  oneVmQuery,
  renewalCountQuery,
  renewalIdsQuery,
  vmIdsQuery,
  vmsQuery,
  type Wanted,
} from './kql.ts';
import { inRequests, queryPages } from './resourceGraph.ts';
import type { Coverage } from './scopeResolution.ts';

/** How many VMs of a subscription and location have a verdict: a reason code, or `goal-missing`. */
export interface VmCount {
  readonly subscriptionId: string;
  readonly location: string;
  readonly verdict: string;
  readonly total: number;
}

/** A VM as Resource Graph shows it. */
export interface ListedVm {
  readonly vm: ResourceId;
  readonly location: string;
  readonly identity: VmIdentity;
  readonly provisioningState: string;
  readonly verdict: string;
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
});
const idRow = z.object({ id: z.string(), groupSeen: z.string().nullish() });
const wantedRow = countRow.omit({ verdict: true });
const vmRow = z.object({
  id: z.string(),
  location: z.string(),
  provisioningState: z.string(),
  verdict: z.string(),
  identity: z
    .object({
      type: z.string().optional(),
      userAssignedIdentities: z.record(z.string(), z.unknown()).nullish(),
    })
    .nullish(),
});

/** A VM that is to be written. */
export interface FoundVm {
  readonly vm: ResourceId;
  /** True when Resource Graph showed its resource group, so that the query has judged by it. */
  readonly groupSeen: boolean;
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

/**
 * Pages of VMs with a verdict, in these subscriptions, as far as Resource Graph knows: at most 1,000 a page, ordered by
 * id. Throws AzureError.
 */
export async function* vmIds(
  clients: Clients,
  coverage: Coverage,
  { policy, excludedScopes }: VmSettings,
  wanted: Wanted,
  subscriptions: readonly string[],
): AsyncGenerator<FoundVm[], void, undefined> {
  const query = vmIdsQuery({ policy, excluded: excludedScopes, groups: coverage.groups }, wanted);
  for (const request of inRequests(subscriptions)) {
    for await (const rows of queryPages(clients, request, query, idRow)) {
      yield rows.flatMap((row) => toFoundVm(row, policy));
    }
  }
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
  for (const request of coverage.requests) {
    for await (const rows of queryPages(clients, request, query, wantedRow)) {
      counts.push(
        ...rows.map((row) => ({
          ...row,
          subscriptionId: fold(row.subscriptionId),
          location: fold(row.location),
        })),
      );
    }
  }
  return counts;
}

/** Pages of those VMs, of one location. Throws AzureError. */
export async function* renewalIds(
  clients: Clients,
  coverage: Coverage,
  { policy, excludedScopes }: VmSettings,
  location: string,
  subscriptions: readonly string[],
): AsyncGenerator<FoundVm[], void, undefined> {
  const query = renewalIdsQuery({ policy, excluded: excludedScopes, groups: coverage.groups }, location);
  for (const request of inRequests(subscriptions)) {
    for await (const rows of queryPages(clients, request, query, idRow)) {
      yield rows.flatMap((row) => toFoundVm(row, policy));
    }
  }
}

/** VMs with a verdict, with what they look like to Resource Graph. Throws AzureError. */
export async function* listVms(
  clients: Clients,
  coverage: Coverage,
  { policy, excludedScopes }: VmSettings,
  wanted: Wanted,
  subscriptions: readonly string[],
): AsyncGenerator<ListedVm[], void, undefined> {
  const query = vmsQuery({ policy, excluded: excludedScopes, groups: coverage.groups }, wanted);
  for (const request of inRequests(subscriptions)) {
    for await (const rows of queryPages(clients, request, query, vmRow)) {
      yield rows.map(toListedVm).filter((vm) => vm !== undefined);
    }
  }
}

/** How many of those VMs there are. Throws AzureError. */
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

/** What Resource Graph knows of one VM; undefined when it does not know it. Throws AzureError. */
export async function oneVm(
  clients: Clients,
  coverage: Coverage,
  { policy, excludedScopes }: VmSettings,
  vm: ResourceId,
): Promise<ListedVm | undefined> {
  const query = oneVmQuery({ policy, excluded: excludedScopes, groups: coverage.groups }, vm.id);
  for await (const rows of queryPages(clients, { subscriptions: [vm.subscriptionId] }, query, vmRow)) {
    for (const row of rows) return toListedVm(row);
  }
  return undefined;
}

function toFoundVm({ id, groupSeen }: z.infer<typeof idRow>, policy: Policy): FoundVm[] {
  const vm = parseVmId(id);
  return vm ? [{ vm, groupSeen: policy.includeManagedGroups || Boolean(groupSeen) }] : [];
}

function toListedVm({ id, identity, ...row }: z.infer<typeof vmRow>): ListedVm | undefined {
  const vm = parseVmId(id);
  return vm && { vm, ...row, identity: vmIdentity(identity) };
}
