import { isAtOrAbove } from '../state/armPath.ts';
import type { ArmResource } from '../state/armResource.ts';
import { type Hierarchy, hierarchy } from '../state/managementGroups.ts';
import { type Store, subscriptionOf } from '../state/store.ts';
import { errors } from './errors.ts';
import { guidOf, host, type Principal, remediator, TENANT_ID } from './principals.ts';
import {
  ASSIGNMENT,
  guidOfRole,
  holds,
  live,
  principalOf,
  roleNameOf,
  rolesOf,
  scopeOf,
} from './roleAssignments.ts';
import { allows, OWNER_ID, type Role } from './roles.ts';

const DENY = 'microsoft.authorization/denyassignments';
const EVERYONE = '00000000-0000-0000-0000-000000000000';

interface Grant {
  readonly scope: string;
  readonly roles: readonly Role[];
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
  /** The permissions that apply at a place, those of each assignment, not merged (wire-behaviour, section 8). */
  rolesAt(principal: Principal, id: string): Role[];
  /** Lower-case ids of the subscriptions in which the caller may read something. */
  readableSubscriptions(principal: Principal): Set<string>;
  /** Which ids in a subscription (empty: above all of them) the caller may do this to; made once for a whole list. */
  filter(principal: Principal, action: string, subscriptionId: string): (id: string) => boolean;
  readonly hierarchy: Hierarchy;
}

/**
 * Reads access from the state. The remediator, and the host likewise, is Owner of everything while the state has no role
 * assignment of its own for it, so that plain fleets need none. Nobody else may do anything without one. Make a new one
 * after assignments changed.
 */
export function access(store: Store): Access {
  const tree = hierarchy(store, TENANT_ID);
  const grants = new Map<string, Grant[]>();
  for (const resource of live(store, ASSIGNMENT)) {
    const principalId = principalOf(resource);
    grants.set(principalId, [...(grants.get(principalId) ?? []), grantOf(store, resource)]);
  }
  const denials = live(store, DENY);
  const filters = new Map<string, (id: string) => boolean>();

  for (const { objectId } of [remediator, host]) {
    if (!grants.has(objectId)) grants.set(objectId, [grantOf(store, ownerOfEverything(objectId))]);
  }

  const grantsOf = ({ objectId }: Principal): readonly Grant[] => grants.get(objectId.toLowerCase()) ?? [];

  const grantsAt = (principal: Principal, id: string): Grant[] =>
    grantsOf(principal).filter((grant) => holds(tree, grant.scope, id));

  const rolesAt = (principal: Principal, id: string): Role[] =>
    grantsAt(principal, id).flatMap((grant) => grant.roles);

  const granted = (principal: Principal, action: string, id: string): boolean =>
    rolesAt(principal, id).some((role) => allows(role, action));

  const denial = (principal: Principal, action: string, id: string): ArmResource | undefined =>
    denials.find((resource) => {
      const properties = (resource.properties ?? {}) as DenyProperties;
      const { permissions, principals, excludePrincipals, doNotApplyToChildScopes } = properties;
      const scope = scopeOf(resource);
      const reached = doNotApplyToChildScopes ? scope === id.toLowerCase() : holds(tree, scope, id);
      return (
        reached &&
        isAmong(principals, principal) &&
        !isAmong(excludePrincipals, principal) &&
        permissions?.some(({ actions = [], notActions = [] }) => allows({ actions, notActions }, action))
      );
    });

  const allowed = (principal: Principal, action: string, id: string): boolean =>
    granted(principal, action, id) && denial(principal, action, id) === undefined;

  return {
    hierarchy: tree,
    rolesAt,
    allowed,
    evidence: (principal, action, id) =>
      grantsAt(principal, id).find(({ roles }) => roles.some((role) => allows(role, action)))?.evidence,
    require(principal, action, id) {
      const { clientId, objectId } = principal;
      if (!granted(principal, action, id)) throw errors.authorizationFailed(clientId, objectId, action, id);
      const denied = denial(principal, action, id);
      if (!denied) return;
      const name = String(denied.properties?.denyAssignmentName ?? denied.name);
      throw errors.denyAssignment(clientId, objectId, action, id, {
        name,
        id: denied.name,
        scope: scopeOf(denied),
      });
    },
    readableSubscriptions(principal) {
      const own = grantsOf(principal).filter(({ roles }) => roles.some(mayReadSomething));
      const readable = new Set<string>();
      for (const { resource } of store.list('microsoft.resources/subscriptions')) {
        const id = resource.id.toLowerCase();
        if (own.some(({ scope }) => holds(tree, scope, id) || isAtOrAbove(id, scope)))
          readable.add(subscriptionOf(id));
      }
      return readable;
    },
    filter(principal, action, subscriptionId) {
      const key = `${principal.objectId} ${action} ${subscriptionId}`;
      const known = filters.get(key) ?? makeFilter(principal, action, subscriptionId);
      filters.set(key, known);
      return known;
    },
  };

  // A million VMs are asked about in one query: only where grants or denials lie below the subscription, each is.
  function makeFilter(principal: Principal, action: string, subscriptionId: string): (id: string) => boolean {
    const each = (id: string) => allowed(principal, action, id);
    if (subscriptionId === '') return each;
    const place = `/subscriptions/${subscriptionId}`;
    const below = (scope: string) => isAtOrAbove(place, scope);
    if (denials.some((resource) => below(scopeOf(resource)) || holds(tree, scopeOf(resource), place)))
      return each;
    if (granted(principal, action, place)) return () => true;
    return grantsOf(principal).some(({ scope }) => below(scope)) ? each : () => false;
  }
}

interface DenyProperties {
  permissions?: Partial<Role>[];
  principals?: { id?: string }[];
  excludePrincipals?: { id?: string }[];
  doNotApplyToChildScopes?: boolean;
}

function grantOf(store: Store, assignment: ArmResource): Grant {
  const scope = scopeOf(assignment);
  // The activity log writes these ids without hyphens.
  const bare = (guid: string) => guid.replaceAll('-', '').toLowerCase();
  const evidence = {
    role: roleNameOf(store, assignment),
    roleAssignmentScope: scope,
    roleAssignmentId: bare(assignment.name),
    roleDefinitionId: bare(guidOfRole(assignment)),
    principalId: bare(principalOf(assignment)),
    principalType: String(assignment.properties?.principalType ?? 'ServicePrincipal'),
  };
  return { scope, roles: rolesOf(store, assignment) ?? [], evidence };
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

function isAmong(list: { id?: string }[] | undefined, { objectId }: Principal): boolean {
  return list?.some(({ id }) => id === EVERYONE || id?.toLowerCase() === objectId.toLowerCase()) ?? false;
}

function mayReadSomething({ actions }: Role): boolean {
  return actions.some((action) => /(read|\*)$/i.test(action));
}
