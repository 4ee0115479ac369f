import { isAtOrAbove } from '../state/armPath.ts';
import type { ArmResource } from '../state/armResource.ts';
import { type Hierarchy, hierarchy } from '../state/managementGroups.ts';
import { type Store, subscriptionOf } from '../state/store.ts';
import { errors } from './errors.ts';
import { guidOf, host, type Principal, remediator, TENANT_ID } from './principals.ts';
import { allows, builtInRoles, OWNER_ID, type Role } from './roles.ts';

const ASSIGNMENT = 'microsoft.authorization/roleassignments';
const DEFINITION = 'microsoft.authorization/roledefinitions';
const DENY = 'microsoft.authorization/denyassignments';
const EVERYONE = '00000000-0000-0000-0000-000000000000';
const MANAGEMENT_GROUP_SCOPE = '/providers/microsoft.management/managementgroups/';

interface Grant {
  readonly scope: string;
  readonly role: Role;
  readonly evidence: Evidence;
}

/** The role assignment that let a caller do something, as events and the activity log tell it (g02). */
export interface Evidence {
  readonly role: string;
  readonly roleAssignmentScope: string;
  readonly roleAssignmentId: string;
  readonly roleDefinitionId: string;
  readonly principalId: string;
  readonly principalType: string;
}

/** Who may do what where: role assignments less deny assignments, as in the state. */
export interface Access {
  /** Throws ArmError 403 unless the caller may do this there. */
  require(principal: Principal, action: string, id: string): void;
  allowed(principal: Principal, action: string, id: string): boolean;
  /** What lets the caller do this there; undefined when nothing does. */
  evidence(principal: Principal, action: string, id: string): Evidence | undefined;
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
    const { principalId = '' } = (resource.properties ?? {}) as Record<string, string>;
    const grant = grantOf(store, resource);
    grants.set(principalId.toLowerCase(), [...(grants.get(principalId.toLowerCase()) ?? []), grant]);
  }
  const denials = [...store.list(DENY)].map(({ resource }) => resource);

  const applies = (scope: string, id: string): boolean => {
    if (!scope.startsWith(MANAGEMENT_GROUP_SCOPE)) return isAtOrAbove(scope === '' ? '/' : scope, id);
    const subscriptionId = subscriptionOf(id);
    const group = scope.slice(MANAGEMENT_GROUP_SCOPE.length);
    return subscriptionId !== '' && tree.above(subscriptionId).includes(group);
  };

  for (const { objectId } of [remediator, host]) {
    if (!grants.has(objectId)) grants.set(objectId, [grantOf(store, ownerOfEverything(objectId))]);
  }

  const grantsOf = ({ objectId }: Principal): readonly Grant[] => grants.get(objectId.toLowerCase()) ?? [];

  const grantsAt = (principal: Principal, id: string): Grant[] =>
    grantsOf(principal).filter((grant) => applies(grant.scope, id));

  const rolesAt = (principal: Principal, id: string): Role[] =>
    grantsAt(principal, id).map((grant) => grant.role);

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
    evidence: (principal, action, id) =>
      grantsAt(principal, id).find(({ role }) => allows(role, action))?.evidence,
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

function grantOf(store: Store, assignment: ArmResource): Grant {
  const {
    principalId = '',
    roleDefinitionId = '',
    principalType,
  } = (assignment.properties ?? {}) as Record<string, string>;
  const definitionId = roleDefinitionId.toLowerCase().split('/').at(-1) ?? '';
  const { name, role } = roleOf(store, definitionId);
  const scope = scopeOf(assignment);
  // The activity log writes these ids without hyphens.
  const bare = (guid: string) => guid.replaceAll('-', '').toLowerCase();
  const evidence = {
    role: name,
    roleAssignmentScope: scope,
    roleAssignmentId: bare(assignment.name),
    roleDefinitionId: bare(definitionId),
    principalId: bare(principalId),
    principalType: principalType ?? 'ServicePrincipal',
  };
  return { scope, role, evidence };
}

function ownerOfEverything(principalId: string): ArmResource {
  const name = guidOf(`owner ${principalId}`);
  return {
    id: `/providers/Microsoft.Authorization/roleAssignments/${name}`,
    name,
    type: 'Microsoft.Authorization/roleAssignments',
    properties: { principalId, roleDefinitionId: OWNER_ID },
  };
}

function roleOf(store: Store, guid: string): { name: string; role: Role } {
  const builtIn = builtInRoles[guid];
  if (builtIn) {
    const { name, ...role } = builtIn;
    return { name, role };
  }
  for (const { resource } of store.list(DEFINITION)) {
    if (resource.name.toLowerCase() !== guid) continue;
    const permissions = (resource.properties?.permissions ?? []) as {
      actions?: string[];
      notActions?: string[];
    }[];
    const role = {
      actions: permissions.flatMap((permission) => permission.actions ?? []),
      notActions: permissions.flatMap((permission) => permission.notActions ?? []),
    };
    return { name: String(resource.properties?.roleName ?? guid), role };
  }
  return { name: guid, role: { actions: [], notActions: [] } };
}

function scopeOf(extension: ArmResource): string {
  const id = extension.id.toLowerCase();
  const at = id.lastIndexOf('/providers/microsoft.authorization/');
  return at <= 0 ? '/' : id.slice(0, at);
}
