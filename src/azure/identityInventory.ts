import { z } from 'zod';
import { fold, parseIdentityId, resourceGroupId } from '../domain/resourceId.ts';
import type { AzureClients } from './clients.ts';
import { groupsQuery, identitiesQuery, unknownIdentitiesQuery } from './identityKql.ts';
import { inRequests, queryPages } from './resourceGraph.ts';
import type { Coverage } from './scopeResolution.ts';

/** What Resource Graph knows of the identities VMs should carry. */
export interface IdentityInventory {
  /** Folded ids of the identities that exist. */
  readonly identities: ReadonlySet<string>;
  /** Folded ids of the resource groups that exist. */
  readonly groups: ReadonlySet<string>;
}

type Clients = Pick<AzureClients, 'resourceGraph'>;

const idRow = z.object({ id: z.string() });

/**
 * Which of these identities exist, and which of their resource groups: two queries for each 300 subscriptions and
 * group name. Ids that are no identity's count as missing. Throws AzureError.
 */
export async function inventoryOf(clients: Clients, ids: readonly string[]): Promise<IdentityInventory> {
  const identities = new Set<string>();
  const groups = new Set<string>();
  const parsed = ids.map(parseIdentityId).filter((id) => id !== undefined);
  for (const [group, rows] of Map.groupBy(parsed, ({ resourceGroup }) => fold(resourceGroup))) {
    const names = [...new Set(rows.map(({ name }) => fold(name)))];
    const subscriptions = [...new Set(rows.map(({ subscriptionId }) => fold(subscriptionId)))];
    for (const request of inRequests(subscriptions)) {
      for await (const page of queryPages(clients, request, identitiesQuery(group, names), idRow)) {
        for (const { id } of page) identities.add(fold(id));
      }
      for await (const page of queryPages(clients, request, groupsQuery(group), idRow)) {
        for (const { id } of page) groups.add(fold(id));
      }
    }
  }
  return { identities, groups };
}

/** The folded id of the resource group an identity is in; empty for an id that is no identity's. */
export function groupOf(identity: string): string {
  const id = parseIdentityId(identity);
  return id ? fold(resourceGroupId(id.subscriptionId, id.resourceGroup)) : '';
}

/** An identity that VMs carry and that Resource Graph does not know: gone, or where it does not look. */
export interface UnknownIdentity {
  readonly identity: string;
  readonly vms: number;
  /** One of the VMs. */
  readonly vm: string;
}

const carriedRow = z.object({ id: z.string(), vms: z.number(), vm: z.string() });

/** The identities that VMs in scope carry and that Resource Graph does not know: one query. Throws AzureError. */
export async function carriedUnknownIdentities(
  clients: Clients,
  { requests, groups }: Coverage,
): Promise<UnknownIdentity[]> {
  const found = new Map<string, UnknownIdentity>();
  for (const request of requests) {
    for await (const page of queryPages(clients, request, unknownIdentitiesQuery(groups), carriedRow)) {
      for (const { id, vms, vm } of page) {
        found.set(id, { identity: id, vms: (found.get(id)?.vms ?? 0) + vms, vm });
      }
    }
  }
  return [...found.values()];
}
