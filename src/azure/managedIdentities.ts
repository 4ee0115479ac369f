import type { ManagementLockObject } from '@azure/arm-locks';
import { fold, type ResourceId, resourceGroupId } from '../domain/resourceId.ts';
import { inRegion } from './callContext.ts';
import type { AzureClients } from './clients.ts';
import { toAzureError } from './errors.ts';
import { itemsOf } from './lists.ts';

type Clients = Pick<AzureClients, 'identities' | 'locks' | 'resources'>;
type Tags = Readonly<Record<string, string>>;

/** The principal of the identity, empty where Azure tells none; undefined when it does not exist. Throws AzureError. */
export async function identityPrincipal(clients: Clients, id: ResourceId): Promise<string | undefined> {
  const { userAssignedIdentities } = clients.identities(id.subscriptionId);
  const identity = await unlessMissing(userAssignedIdentities.get(id.resourceGroup, id.name));
  return identity && principalOf(identity);
}

/** True when the identity exists. Throws AzureError. */
export async function identityExists(clients: Clients, id: ResourceId): Promise<boolean> {
  return (await identityPrincipal(clients, id)) !== undefined;
}

/**
 * Creates the identity; what exists already would be adopted by Azure as it is (PUT is idempotent). Returns its
 * principal. Throws AzureError.
 */
export async function createIdentity(
  clients: Clients,
  id: ResourceId,
  location: string,
  tags: Tags,
): Promise<string> {
  const { userAssignedIdentities } = clients.identities(id.subscriptionId);
  const resource = { location, tags: { ...tags } };
  const made = await inRegion(location, () =>
    userAssignedIdentities.createOrUpdate(id.resourceGroup, id.name, resource),
  );
  return principalOf(made);
}

/** True when the resource group exists. Throws AzureError. */
export async function groupExists(
  clients: Clients,
  subscriptionId: string,
  resourceGroup: string,
): Promise<boolean> {
  const { resourceGroups } = clients.resources(subscriptionId);
  // Not HEAD, whose answer has no body: a refusal could not say which right is missing.
  return (await unlessMissing(resourceGroups.get(resourceGroup))) !== undefined;
}

/** `managedBy` of a resource group; empty when nobody manages it or it does not exist. Throws AzureError. */
export async function groupManagedBy(
  clients: Clients,
  subscriptionId: string,
  resourceGroup: string,
): Promise<string> {
  try {
    const group = await clients.resources(subscriptionId).resourceGroups.get(resourceGroup);
    return group.managedBy ?? '';
  } catch (error) {
    const failure = toAzureError(error);
    if (failure.kind === 'not-found') return '';
    throw failure;
  }
}

/** Creates the resource group. Look first: on an existing one this would replace its tags. Throws AzureError. */
export async function createGroup(
  clients: Clients,
  subscriptionId: string,
  resourceGroup: string,
  location: string,
  tags: Tags,
): Promise<void> {
  await clients
    .resources(subscriptionId)
    .resourceGroups.createOrUpdate(resourceGroup, { location, tags: { ...tags } });
}

/**
 * True when a CanNotDelete or ReadOnly lock applies to the identity: its own, its group's or its subscription's.
 * The list at a resource also has locks of its children (wire-behaviour, section 3), which do not protect it.
 * Throws AzureError.
 */
export async function isLocked(clients: Clients, id: ResourceId): Promise<boolean> {
  const [provider = '', type = ''] = id.id.split('/').slice(-3);
  const list = clients
    .locks(id.subscriptionId)
    .managementLocks.listAtResourceLevel(id.resourceGroup, provider, '', type, id.name);
  return isProtected(id, await lockedScopes(list));
}

/** Folded ids of everything in a subscription that has a CanNotDelete or ReadOnly lock: one list. Throws AzureError. */
export function lockedScopesOf(
  clients: Pick<AzureClients, 'locks'>,
  subscriptionId: string,
): Promise<Set<string>> {
  return lockedScopes(clients.locks(subscriptionId).managementLocks.listAtSubscriptionLevel());
}

/** True when the identity, its group or its subscription is among the locked scopes, which are folded ids. */
export function isProtected(id: ResourceId, locked: ReadonlySet<string>): boolean {
  const { subscriptionId, resourceGroup } = id;
  const scopes = [id.id, resourceGroupId(subscriptionId, resourceGroup), `/subscriptions/${subscriptionId}`];
  return scopes.some((scope) => locked.has(fold(scope)));
}

async function lockedScopes(list: Parameters<typeof itemsOf<ManagementLockObject>>[0]): Promise<Set<string>> {
  const scopes = new Set<string>();
  for await (const { id, level } of itemsOf(list)) {
    const [scope = ''] = fold(id ?? '').split('/providers/microsoft.authorization/locks/');
    if (level === 'CanNotDelete' || level === 'ReadOnly') scopes.add(scope);
  }
  return scopes;
}

/** Locks the identity against deletion. Throws AzureError. */
export async function lockIdentity(clients: Clients, id: ResourceId, notes: string): Promise<void> {
  await clients
    .locks(id.subscriptionId)
    .managementLocks.createOrUpdateByScope(id.id, `CanNotDeleteLock-${id.name}`, {
      level: 'CanNotDelete',
      notes,
    });
}

// Compared with what VMs say of it; of another form it is as good as not told.
function principalOf({ principalId }: { readonly principalId?: unknown }): string {
  return typeof principalId === 'string' ? principalId : '';
}

async function unlessMissing<T>(request: Promise<T>): Promise<T | undefined> {
  try {
    return await request;
  } catch (error) {
    const failure = toAzureError(error);
    if (failure.kind === 'not-found') return undefined;
    throw failure;
  }
}
