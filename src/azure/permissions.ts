import { z } from 'zod';
import { fold, parseIdentityId } from '../domain/resourceId.ts';
import type { AzureClients } from './clients.ts';
import { AzureError } from './errors.ts';
import { itemsOf } from './lists.ts';

const names = z
  .array(z.string())
  .nullish()
  .transform((some) => some ?? []);
const permission = z.object({ actions: names, notActions: names });

/** What somebody may do, and what of it not. */
export type Permission = z.input<typeof permission>;

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
  const { data, error } = z.array(permission).safeParse(await Array.fromAsync(itemsOf(list)));
  if (error) throw new AzureError('unexpected', `Permissions of another form: ${z.prettifyError(error)}`);
  return data;
}

/** True when one of the permissions has the action among its actions and not among its notActions. */
export function allows(permissions: readonly Permission[], action: string): boolean {
  return permissions.some(
    ({ actions, notActions }) => matches(actions ?? [], action) && !matches(notActions ?? [], action),
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
  const list = roleAssignments.listForSubscription({ filter: `assignedTo('${objectId}')` });
  for await (const { scope } of itemsOf(list)) {
    if (fold(scope ?? below).startsWith(below)) return true;
  }
  return false;
}

// `*` stands for any text, letter case does not matter. Not by a regular expression: one of many wildcards, which a role
// may have, takes as good as for ever to say no.
function matches(patterns: readonly string[], action: string): boolean {
  return patterns.some((pattern) => {
    const [first = '', ...others] = fold(pattern).split('*');
    const text = fold(action);
    const last = others.pop();
    if (last === undefined) return text === first;
    if (!text.startsWith(first)) return false;
    let at = first.length;
    for (const part of others) {
      const found = text.indexOf(part, at);
      if (found < 0) return false;
      at = found + part.length;
    }
    return text.length - last.length >= at && text.endsWith(last);
  });
}
