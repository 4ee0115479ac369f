import { isAtOrAbove } from '../state/armPath.ts';
import type { ArmResource } from '../state/armResource.ts';
import { type Hierarchy, hierarchy } from '../state/managementGroups.ts';
import { type Store, subscriptionOf } from '../state/store.ts';
import { errors } from './errors.ts';
import { host, type Principal, remediator, TENANT_ID } from './principals.ts';
import { allows, builtInRoles, type Role } from './roles.ts';

const ASSIGNMENT = 'microsoft.authorization/roleassignments';
const DEFINITION = 'microsoft.authorization/roledefinitions';
const DENY = 'microsoft.authorization/denyassignments';
const EVERYONE = '00000000-0000-0000-0000-000000000000';
const OWNER: Role = { actions: ['*'], notActions: [] };
const MANAGEMENT_GROUP_SCOPE = '/providers/microsoft.management/managementgroups/';

interface Grant {
  readonly scope: string;
  readonly role: Role;
}

/** Who may do what where: role assignments less deny assignments, as in the state. */
export interface Access {
  /** Throws ArmError 403 unless the caller may do this there. */
  require(principal: Principal, action: string, id: string): void;
  allowed(principal: Principal, action: string, id: string): boolean;
  /** The roles that apply at a place, one for each assignment, not merged (wire-behaviour, section 8). */
  rolesAt(principal: Principal, id: string): Role[];
  /** Lower-case ids of the subscriptions in which the caller may read something. */
  readableSubscriptions(principal: Principal): Set<string>;
  readonly hierarchy: Hierarchy;
}

/**
 * Reads access from the state. A principal without any role assignment in the state is Owner of everything, so that
 * plain fleets need none; that ends with its first assignment. Make a new one after assignments changed.
 */
export function access(store: Store): Access {
  const tree = hierarchy(store, TENANT_ID);
  const grants = new Map<string, Grant[]>();
  for (const { resource } of store.list(ASSIGNMENT)) {
    const { principalId = '', roleDefinitionId = '' } = (resource.properties ?? {}) as Record<string, string>;
    const role = roleOf(store, roleDefinitionId);
    const grant = { scope: scopeOf(resource), role };
    grants.set(principalId.toLowerCase(), [...(grants.get(principalId.toLowerCase()) ?? []), grant]);
  }
  const denials = [...store.list(DENY)].map(({ resource }) => resource);

  const applies = (scope: string, id: string): boolean => {
    if (!scope.startsWith(MANAGEMENT_GROUP_SCOPE)) return isAtOrAbove(scope === '' ? '/' : scope, id);
    const subscriptionId = subscriptionOf(id);
    const group = scope.slice(MANAGEMENT_GROUP_SCOPE.length);
    return subscriptionId !== '' && tree.above(subscriptionId).includes(group);
  };

  const grantsOf = ({ objectId }: Principal): readonly Grant[] => {
    const own = grants.get(objectId.toLowerCase());
    if (own) return own;
    const bornOwner = objectId === remediator.objectId || objectId === host.objectId;
    return bornOwner ? [{ scope: '/', role: OWNER }] : [];
  };

  const rolesAt = (principal: Principal, id: string): Role[] =>
    grantsOf(principal)
      .filter((grant) => applies(grant.scope, id))
      .map((grant) => grant.role);

  const denial = (principal: Principal, action: string, id: string): ArmResource | undefined =>
    denials.find((resource) => {
      const { permissions, principals, excludePrincipals } = (resource.properties ?? {}) as DenyProperties;
      const among = (list: { id?: string }[] | undefined) =>
        list?.some(
          ({ id: one }) => one === EVERYONE || one?.toLowerCase() === principal.objectId.toLowerCase(),
        );
      return (
        applies(scopeOf(resource), id) &&
        among(principals) &&
        !among(excludePrincipals) &&
        permissions?.some((role) =>
          allows({ actions: role.actions ?? [], notActions: role.notActions ?? [] }, action),
        )
      );
    });

  const allowed = (principal: Principal, action: string, id: string): boolean =>
    rolesAt(principal, id).some((role) => allows(role, action)) &&
    (denials.length === 0 || denial(principal, action, id) === undefined);

  return {
    hierarchy: tree,
    rolesAt,
    allowed,
    require(principal, action, id) {
      const { clientId, objectId } = principal;
      if (!rolesAt(principal, id).some((role) => allows(role, action))) {
        throw errors.authorizationFailed(clientId, objectId, action, id);
      }
      const denied = denials.length > 0 ? denial(principal, action, id) : undefined;
      if (!denied) return;
      const name = String(denied.properties?.denyAssignmentName ?? denied.name);
      throw errors.denyAssignment(clientId, objectId, action, id, name, denied.id);
    },
    readableSubscriptions(principal) {
      const own = grantsOf(principal).filter(({ role }) =>
        role.actions.some((action) => /(^\*$|read$|\*$)/i.test(action)),
      );
      const readable = new Set<string>();
      for (const { resource } of store.list('microsoft.resources/subscriptions')) {
        const id = resource.id.toLowerCase();
        if (own.some(({ scope }) => applies(scope, id) || isAtOrAbove(id, scope)))
          readable.add(subscriptionOf(id));
      }
      return readable;
    },
  };
}

interface DenyProperties {
  permissions?: { actions?: string[]; notActions?: string[] }[];
  principals?: { id?: string }[];
  excludePrincipals?: { id?: string }[];
}

function roleOf(store: Store, roleDefinitionId: string): Role {
  const guid = roleDefinitionId.toLowerCase().split('/').at(-1) ?? '';
  const builtIn = builtInRoles[guid];
  if (builtIn) return builtIn;
  for (const { resource } of store.list(DEFINITION)) {
    if (resource.name.toLowerCase() !== guid) continue;
    const permissions = (resource.properties?.permissions ?? []) as {
      actions?: string[];
      notActions?: string[];
    }[];
    return {
      actions: permissions.flatMap((permission) => permission.actions ?? []),
      notActions: permissions.flatMap((permission) => permission.notActions ?? []),
    };
  }
  return { actions: [], notActions: [] };
}

function scopeOf(extension: ArmResource): string {
  const id = extension.id.toLowerCase();
  const at = id.lastIndexOf('/providers/microsoft.authorization/');
  return at <= 0 ? '/' : id.slice(0, at);
}
