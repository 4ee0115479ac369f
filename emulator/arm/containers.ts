import type { ArmResource } from '../state/armResource.ts';
import { errors } from './errors.ts';
import { TENANT_ID } from './principals.ts';
import { type ArmAnswer, type ArmRequest, requirePlace, type World } from './request.ts';

export const MANAGEMENT_GROUP_READ = 'Microsoft.Management/managementGroups/read';

const DATA_ACTIONS_SINCE = '2018-01-01-preview';

/** Subscriptions: GET one, list those the caller may read. */
export function subscriptions(world: World, request: ArmRequest): ArmAnswer | undefined {
  if (request.method !== 'GET') return undefined;
  requirePlace(world, request);
  if (!request.path.isCollection) {
    const entry = world.store.get(request.path.path);
    return { status: 200, body: subscriptionBody(entry?.resource as ArmResource) };
  }
  const readable = world.access().readableSubscriptions(request.principal);
  const value = [...world.store.list('microsoft.resources/subscriptions')]
    .filter(({ resource }) => readable.has(resource.name.toLowerCase()))
    .map(({ resource }) => subscriptionBody(resource));
  return { status: 200, body: { value, count: { type: 'Total', value: value.length } } };
}

/** Management groups: GET one, list those the caller may read. */
export function managementGroups(world: World, request: ArmRequest): ArmAnswer | undefined {
  if (request.method !== 'GET') return undefined;
  if (request.path.isCollection) {
    const seeded = [...world.store.list('microsoft.management/managementgroups')].map(
      ({ resource }) => resource,
    );
    const mayRead = world.access().filter(request.principal, MANAGEMENT_GROUP_READ, '');
    const value = [rootGroup(), ...seeded].filter(({ id }) => mayRead(id)).map(managementGroupBody);
    return { status: 200, body: { value } };
  }
  const [name = ''] = request.path.names;
  const seeded = world.store.get(request.path.path)?.resource;
  const group = seeded ?? (name.toLowerCase() === TENANT_ID ? rootGroup() : undefined);
  if (!group) throw errors.managementGroupNotFound(name);
  return { status: 200, body: managementGroupBody(group) };
}

/**
 * The roles of the caller at a place: one entry each, not merged; deny assignments are not looked at. A group that does
 * not exist answers with what is inherited, a resource in it does not (h02-h05; wire-behaviour, section 8).
 */
export function permissions(world: World, request: ArmRequest): ArmAnswer | undefined {
  const { method, path, apiVersion, principal } = request;
  if (method !== 'GET') return undefined;
  if (path.scope.split('/').length > 5) requirePlace(world, request);
  const data = apiVersion >= DATA_ACTIONS_SINCE ? { dataActions: [], notDataActions: [] } : {};
  const roles = world.access().rolesAt(principal, path.scope);
  return {
    status: 200,
    body: { value: roles.map(({ actions, notActions }) => ({ actions, notActions, ...data })) },
  };
}

/** `Enabled`, unless a fleet says otherwise. */
export function subscriptionState({ properties, state }: ArmResource): string {
  return String(properties?.state ?? state ?? 'Enabled');
}

function subscriptionBody(resource: ArmResource): unknown {
  const { displayName, subscriptionPolicies } = (resource.properties ?? {}) as Record<string, unknown>;
  return {
    id: `/subscriptions/${resource.name}`,
    authorizationSource: 'RoleBased',
    managedByTenants: [],
    subscriptionId: resource.name,
    tenantId: TENANT_ID,
    displayName: displayName ?? resource.displayName ?? resource.name,
    state: subscriptionState(resource),
    subscriptionPolicies: subscriptionPolicies ?? {
      locationPlacementId: 'Public_2014-09-01',
      quotaId: 'EnterpriseAgreement_2014-09-01',
      spendingLimit: 'Off',
    },
    ...(resource.tags && { tags: resource.tags }),
  };
}

function rootGroup(): ArmResource {
  return {
    id: `/providers/Microsoft.Management/managementGroups/${TENANT_ID}`,
    name: TENANT_ID,
    type: 'Microsoft.Management/managementGroups',
    properties: { displayName: 'Tenant Root Group' },
  };
}

function managementGroupBody({ id, name, properties }: ArmResource): unknown {
  return {
    id,
    type: 'Microsoft.Management/managementGroups',
    name,
    properties: { tenantId: TENANT_ID, displayName: name, ...properties },
  };
}
