import type { Permission } from '@azure/arm-authorization';
import { fold, parseIdentityId } from '../domain/resourceId.ts';
import type { AzureClients } from './clients.ts';

export type { Permission };

type Clients = Pick<AzureClients, 'authorization'>;

/**
 * What we may do in a resource group, or to the identity with this id, by the roles that apply there, those from above
 * included. A group that does not exist answers with what is inherited (recorded, wire-behaviour, section 8). Deny
 * assignments are not part of it, and of roles assigned further below it knows nothing. Throws AzureError.
 */
export async function permissionsAt(
  clients: Clients,
  place: { readonly subscriptionId: string; readonly resourceGroup: string; readonly id?: string },
): Promise<Permission[]> {
  const { permissions } = clients.authorization(place.subscriptionId);
  const identity = place.id === undefined ? undefined : parseIdentityId(place.id);
  const list = identity
    ? permissions.listForResource(
        identity.resourceGroup,
        'Microsoft.ManagedIdentity',
        '',
        'userAssignedIdentities',
        identity.name,
      )
    : permissions.listForResourceGroup(place.resourceGroup);
  return Array.fromAsync(list);
}

/** True when one of the permissions has the action among its actions and not among its notActions. */
export function allows(permissions: readonly Permission[], action: string): boolean {
  return permissions.some(
    ({ actions = [], notActions = [] }) => matches(actions, action) && !matches(notActions, action),
  );
}

/**
 * True when roles are assigned to somebody, or to a group of theirs, below the subscription: to groups or single
 * resources in it. Source: RBAC, "List Azure role assignments using the REST API". Throws AzureError.
 */
export async function assignedBelow(
  clients: Clients,
  subscriptionId: string,
  objectId: string,
): Promise<boolean> {
  const { roleAssignments } = clients.authorization(subscriptionId);
  const below = fold(`/subscriptions/${subscriptionId}/`);
  for await (const { scope } of roleAssignments.listForSubscription({
    filter: `assignedTo('${objectId}')`,
  })) {
    if (fold(scope ?? below).startsWith(below)) return true;
  }
  return false;
}

// `*` stands for any text, letter case does not matter.
function matches(patterns: readonly string[], action: string): boolean {
  return patterns.some((pattern) => {
    const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
    return new RegExp(`^${parts.join('.*')}$`, 'i').test(action);
  });
}
