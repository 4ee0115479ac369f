import type { ArmResource } from '../state/armResource.ts';
import { errors } from './errors.ts';
import { TENANT_ID } from './principals.ts';
import { type ArmAnswer, type ArmRequest, requirePlace, type World } from './request.ts';

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

/** Management groups: GET one, list all. */
export function managementGroups(world: World, request: ArmRequest): ArmAnswer | undefined {
  if (request.method !== 'GET') return undefined;
  if (request.path.isCollection) {
    const seeded = [...world.store.list('microsoft.management/managementgroups')].map(
      ({ resource }) => resource,
    );
    return { status: 200, body: { value: [rootGroup(), ...seeded].map(managementGroupBody) } };
  }
  const [name = ''] = request.path.names;
  const seeded = world.store.get(request.path.path)?.resource;
  const group = seeded ?? (name.toLowerCase() === TENANT_ID ? rootGroup() : undefined);
  if (!group) throw errors.managementGroupNotFound(name);
  return { status: 200, body: managementGroupBody(group) };
}

/** The roles of the caller at a group or resource: one entry each, not merged (h02, h05; wire-behaviour, section 8). */
export function permissions(world: World, request: ArmRequest): ArmAnswer | undefined {
  if (request.method !== 'GET') return undefined;
  const { actions, ...rest } = {
    actions: world.access().rolesAt(request.principal, request.path.scope),
    dataActions: [],
    notDataActions: [],
  };
  return { status: 200, body: { value: actions.map((role) => ({ ...role, ...rest })) } };
}

function subscriptionBody(resource: ArmResource): unknown {
  const { displayName, state, ...more } = (resource.properties ?? {}) as Record<string, unknown>;
  return {
    id: `/subscriptions/${resource.name}`,
    authorizationSource: 'RoleBased',
    managedByTenants: [],
    subscriptionId: resource.name,
    tenantId: TENANT_ID,
    displayName: displayName ?? resource.displayName ?? resource.name,
    state: state ?? resource.state ?? 'Enabled',
    subscriptionPolicies: more.subscriptionPolicies ?? {
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
