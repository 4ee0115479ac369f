import { fold, type ResourceId, resourceGroupId } from '../domain/resourceId.ts';
import { inRegion } from './callContext.ts';
import type { AzureClients } from './clients.ts';
import { toAzureError } from './errors.ts';

type Clients = Pick<AzureClients, 'identities' | 'locks' | 'resources'>;
type Tags = Readonly<Record<string, string>>;

/** True when the identity exists. Throws AzureError. */
export function identityExists(clients: Clients, id: ResourceId): Promise<boolean> {
  return exists(clients.identities(id.subscriptionId).userAssignedIdentities.get(id.resourceGroup, id.name));
}

/** Creates the identity; what exists already would be adopted by Azure as it is (PUT is idempotent). Throws AzureError. */
export async function createIdentity(
  clients: Clients,
  id: ResourceId,
  location: string,
  tags: Tags,
): Promise<void> {
  await inRegion(location, () =>
    clients
      .identities(id.subscriptionId)
      .userAssignedIdentities.createOrUpdate(id.resourceGroup, id.name, { location, tags: { ...tags } }),
  );
}

/** True when the resource group exists. Throws AzureError. */
export function groupExists(
  clients: Clients,
  subscriptionId: string,
  resourceGroup: string,
): Promise<boolean> {
  // Not HEAD, whose answer has no body: a refusal could not say which right is missing.
  return exists(clients.resources(subscriptionId).resourceGroups.get(resourceGroup));
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
  const scopes = [
    id.id,
    resourceGroupId(id.subscriptionId, id.resourceGroup),
    `/subscriptions/${id.subscriptionId}`,
  ];
  const list = clients
    .locks(id.subscriptionId)
    .managementLocks.listAtResourceLevel(id.resourceGroup, provider, '', type, id.name);
  for await (const lock of list) {
    const scope = fold(lock.id ?? '').split('/providers/microsoft.authorization/locks/')[0];
    const protects = lock.level === 'CanNotDelete' || lock.level === 'ReadOnly';
    if (protects && scopes.some((own) => fold(own) === scope)) return true;
  }
  return false;
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

async function exists(request: Promise<unknown>): Promise<boolean> {
  try {
    await request;
    return true;
  } catch (error) {
    const failure = toAzureError(error);
    if (failure.kind === 'not-found') return false;
    throw failure;
  }
}
