import type { ArmResource } from '../state/armResource.ts';
import { errors } from './errors.ts';
import { requireUnlocked } from './locks.ts';
import { guidOf, TENANT_ID } from './principals.ts';
import { requireOffered } from './providers.ts';
import {
  type ArmAnswer,
  type ArmRequest,
  entriesAt,
  normalLocation,
  readTags,
  requirePlace,
  type World,
} from './request.ts';

export const IDENTITY_TYPE = 'microsoft.managedidentity/userassignedidentities';

/** User-assigned identities: GET, list, PUT, PATCH, DELETE; all synchronous (b01-b06; wire-behaviour, section 2). */
export function userAssignedIdentities(world: World, request: ArmRequest): ArmAnswer | undefined {
  const { method, path } = request;
  requirePlace(world, request);
  if (path.isCollection) {
    if (method !== 'GET') return undefined;
    return {
      status: 200,
      body: { value: [...entriesAt(world, request, IDENTITY_TYPE)].map(({ resource }) => resource) },
    };
  }
  const entry = world.store.get(path.path);
  const name = path.names[0] ?? '';
  if (method === 'PUT') return put(world, request, entry?.resource);
  if (!entry) {
    throw errors.resourceNotFound(
      `Microsoft.ManagedIdentity/userAssignedIdentities/${name}`,
      path.resourceGroup ?? '',
    );
  }
  if (method === 'GET') return { status: 200, body: entry.resource };
  if (method === 'PATCH') {
    requireUnlocked(world.store, entry.resource.id, 'write');
    const tags = readTags(request.json());
    const updated = world.store.put({ ...entry.resource, ...(tags && { tags }) });
    world.onWrite(updated, request);
    return { status: 200, body: updated.resource };
  }
  if (method !== 'DELETE') return undefined;
  requireUnlocked(world.store, entry.resource.id, 'delete');
  world.store.remove(entry);
  world.onWrite(entry, request);
  return { status: 200 };
}

function put(world: World, request: ArmRequest, present: ArmResource | undefined): ArmAnswer {
  const { path } = request;
  const body = request.json();
  const location = normalLocation(body.location);
  if (location === '')
    throw errors.invalidParameter('location', 'The location property is required for this definition.');
  if (present && present.location !== location) throw errors.propertyChange('location');
  const [namespace, type] = ['Microsoft.ManagedIdentity', 'userAssignedIdentities'];
  if (!present) requireOffered(world.store, path.subscriptionId ?? '', namespace, type, location);
  const [name = ''] = path.names;
  // The provider writes "resourcegroups" in lower case whatever the URL said (431 of 431 recorded bodies).
  const id =
    present?.id ??
    `/subscriptions/${path.subscriptionId}/resourcegroups/${path.resourceGroup}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${name}`;
  requireUnlocked(world.store, id, 'write');
  world.throttle.createIdentity(request.counted, location);
  const resource = completeIdentity({ id, name, type: '', location, tags: readTags(body) ?? {} }, present);
  world.onWrite(world.store.put(resource, { visibleAfterMs: world.identityVisibleAfterMs }), request);
  return present
    ? { status: 200, body: resource }
    : { status: 201, headers: { location: id }, body: resource };
}

/** POST listAssociatedResources: what carries the identity; here only virtual machines can (b01). */
export function associatedResources(world: World, request: ArmRequest): ArmAnswer | undefined {
  if (request.method !== 'POST') return undefined;
  requirePlace(world, request);
  const identityId = request.path.path.split('/').slice(0, -1).join('/').toLowerCase();
  const value = [...world.store.list('microsoft.compute/virtualmachines')]
    .filter((entry) => !entry.deleted)
    .map(({ resource }) => resource)
    .filter(({ identity }) =>
      Object.keys(identity?.userAssignedIdentities ?? {}).some((key) => key.toLowerCase() === identityId),
    )
    .map(({ id, name, type }) => {
      const [, , subscriptionId, , resourceGroup] = id.split('/');
      return { id, name, type: type.toLowerCase(), resourceGroup, subscriptionId };
    });
  return { status: 200, body: { totalCount: value.length, value } };
}

/** An identity with the ids Azure gives it; those of `present` are kept, since they never change. */
export function completeIdentity(resource: ArmResource, present?: ArmResource): ArmResource {
  const born = `${resource.id}@${present ? '' : Date.now()}`;
  const given = { ...resource.properties, ...present?.properties };
  return {
    ...resource,
    id: resource.id.replace(/\/resourcegroups\//i, '/resourcegroups/'),
    type: 'Microsoft.ManagedIdentity/userAssignedIdentities',
    tags: resource.tags ?? {},
    properties: {
      tenantId: given.tenantId ?? TENANT_ID,
      principalId: given.principalId ?? guidOf(`principal ${born}`),
      clientId: given.clientId ?? guidOf(`client ${born}`),
    },
  };
}
