import { isAtOrAbove } from '../state/armPath.ts';
import type { ArmResource } from '../state/armResource.ts';
import type { Hierarchy } from '../state/managementGroups.ts';
import { type Store, subscriptionOf } from '../state/store.ts';
import { errors } from './errors.ts';
import type { ArmAnswer, ArmRequest, World } from './request.ts';
import { builtInRoles, type Role } from './roles.ts';

export const ASSIGNMENT = 'microsoft.authorization/roleassignments';
const DEFINITION = 'microsoft.authorization/roledefinitions';
const MANAGEMENT_GROUP_SCOPE = '/providers/microsoft.management/managementgroups/';

/** What is in the state of a type, less what was deleted and is only remembered for Resource Graph. */
export function live(store: Store, type: string): ArmResource[] {
  return [...store.list(type)].filter((entry) => !entry.deleted).map(({ resource }) => resource);
}

/** What an extension resource such as a role assignment is about, lower case; `/` is the whole tenant. */
export function scopeOf(extension: ArmResource): string {
  const id = extension.id.toLowerCase();
  const at = id.lastIndexOf('/providers/microsoft.authorization/');
  return at <= 0 ? '/' : id.slice(0, at);
}

/** True when a scope holds an id: the same, above it, or a management group above its subscription or group. */
export function holds(tree: Hierarchy, scope: string, id: string): boolean {
  const folded = scope.toLowerCase();
  if (!folded.startsWith(MANAGEMENT_GROUP_SCOPE)) return isAtOrAbove(folded, id);
  const group = folded.slice(MANAGEMENT_GROUP_SCOPE.length);
  const subscriptionId = subscriptionOf(id);
  if (subscriptionId !== '') return tree.above(subscriptionId).includes(group);
  const below = id.toLowerCase();
  if (!below.startsWith(MANAGEMENT_GROUP_SCOPE)) return false;
  const [name = ''] = below.slice(MANAGEMENT_GROUP_SCOPE.length).split('/', 1);
  return tree.atOrAboveGroup(name).includes(group);
}

/** The permissions of the role an assignment gives; undefined when there is no such role. */
export function rolesOf(store: Store, assignment: ArmResource): readonly Role[] | undefined {
  const guid = guidOfRole(assignment);
  const builtIn = builtInRoles[guid];
  if (builtIn) return [builtIn];
  const definition = definitionOf(store, guid);
  if (!definition) return undefined;
  const permissions = (definition.properties?.permissions ?? []) as Partial<Role>[];
  return permissions.map(({ actions = [], notActions = [] }) => ({ actions, notActions }));
}

/** What that role is called; its GUID when nobody named it. */
export function roleNameOf(store: Store, assignment: ArmResource): string {
  const guid = guidOfRole(assignment);
  const named = builtInRoles[guid]?.name ?? definitionOf(store, guid)?.properties?.roleName;
  return String(named ?? guid);
}

/**
 * Takes out of the state the role assignments Azure would have refused to make, and says why, one sentence each: the
 * role must exist, and where it names its assignable scopes, one of them must hold the assignment's.
 */
export function refuseAssignments(store: Store, tree: Hierarchy): string[] {
  return live(store, ASSIGNMENT).flatMap((assignment) => {
    const why = reasonToRefuse(store, tree, assignment);
    const entry = store.get(assignment.id);
    if (why === undefined || !entry) return [];
    store.remove(entry);
    return [why];
  });
}

function reasonToRefuse(store: Store, tree: Hierarchy, assignment: ArmResource): string | undefined {
  if (!rolesOf(store, assignment)) return `${assignment.id} names a role that does not exist.`;
  const definition = definitionOf(store, guidOfRole(assignment));
  const assignable = definition?.properties?.assignableScopes as readonly string[] | undefined;
  if (!assignable || assignable.some((one) => holds(tree, one, scopeOf(assignment)))) return undefined;
  return `${assignment.id} is outside the assignable scopes of its role: ${assignable.join(', ')}.`;
}

/**
 * Role assignments: GET one; list at a scope, those above and below included, with the filters `atScope()`,
 * `assignedTo('…')` and `principalId eq '…'` (RBAC "List Azure role assignments using the REST API").
 */
export function roleAssignments(world: World, request: ArmRequest): ArmAnswer | undefined {
  const { method, path, query } = request;
  if (method !== 'GET') return undefined;
  if (!path.isCollection) {
    const entry = world.store.get(path.path);
    if (!entry) throw errors.roleAssignmentNotFound(path.names[0] ?? '');
    return { status: 200, body: bodyOf(entry.resource) };
  }
  const { hierarchy } = world.access();
  const { atScope, principalId } = readFilter(query.get('$filter'));
  const value = live(world.store, ASSIGNMENT)
    .filter((resource) => {
      const scope = scopeOf(resource);
      const above = holds(hierarchy, scope, path.scope);
      if (!above && (atScope || !holds(hierarchy, path.scope, scope))) return false;
      return principalId === undefined || principalOf(resource) === principalId;
    })
    .map(bodyOf);
  return { status: 200, body: { value } };
}

/** Whom an assignment is for, lower case. */
export function principalOf(assignment: ArmResource): string {
  return String(assignment.properties?.principalId ?? '').toLowerCase();
}

function readFilter(filter: string | null): { atScope: boolean; principalId: string | undefined } {
  const parts = filter ? filter.split(/\s+and\s+/i).map((part) => part.trim()) : [];
  let principalId: string | undefined;
  let atScope = false;
  for (const part of parts) {
    const [, to, is] = /^assignedTo\('([^']*)'\)$|^principalId eq '([^']*)'$/i.exec(part) ?? [];
    if (/^atScope\(\)$/i.test(part)) atScope = true;
    else if (to === undefined && is === undefined)
      throw errors.badRequest(`The filter '${filter}' is not supported.`);
    else principalId = (to ?? is)?.toLowerCase();
  }
  return { atScope, principalId };
}

function bodyOf({ id, name, properties }: ArmResource): unknown {
  return {
    properties: { ...properties, scope: scopeOf({ id, name, type: '' }) },
    id,
    type: 'Microsoft.Authorization/roleAssignments',
    name,
  };
}

/** The GUID of the role an assignment gives. */
export function guidOfRole(assignment: ArmResource): string {
  return String(assignment.properties?.roleDefinitionId ?? '')
    .toLowerCase()
    .split('/')
    .at(-1) as string;
}

function definitionOf(store: Store, guid: string): ArmResource | undefined {
  return live(store, DEFINITION).find((definition) => definition.name.toLowerCase() === guid);
}
