import type { ArmIdentity, ArmResource } from '../state/armResource.ts';
import { type Entry, isBeingDeleted } from '../state/store.ts';
import type { PolicyGroup } from '../throttle/limits.ts';
import { operationHeaders, timestamp } from './computeOperations.ts';
import { errors } from './errors.ts';
import { requireUnlocked } from './locks.ts';
import { guidOf } from './principals.ts';
import {
  type ArmAnswer,
  type ArmRequest,
  entriesAt,
  normalLocation,
  readTags,
  requirePlace,
  type World,
} from './request.ts';
import { acceptedProperties, createdProperties } from './vmDefaults.ts';
import { applyIdentity, type IdentityChange, unchanged } from './vmIdentity.ts';

export const VM_TYPE = 'microsoft.compute/virtualmachines';
const TYPE = 'Microsoft.Compute/virtualMachines';
/** Answers carry an ETag from this api-version on (wire-behaviour 1.4). */
const ETAG_SINCE = '2024-03-01';
/** Source: Compute's specification (azure-facts, section 5). */
const TIME_CREATED_SINCE = '2021-11-01';
/** Lists span regions; they are counted in the one the call enters by. Not confirmed. */
const ENTRY_REGION = 'eastus';
const INSTANCE_VIEW = {
  statuses: [
    { code: 'ProvisioningState/succeeded', level: 'Info', displayStatus: 'Provisioning succeeded' },
    { code: 'PowerState/running', level: 'Info', displayStatus: 'VM running' },
  ],
};

/** Virtual machines: GET, list, PUT, PATCH, DELETE (a01-a14; wire-behaviour, section 1). */
export function virtualMachines(world: World, request: ArmRequest): ArmAnswer | undefined {
  const { method, path } = request;
  requirePlace(world, request);
  if (path.isCollection) return method === 'GET' ? list(world, request) : undefined;
  const entry = world.store.get(path.path);
  const name = path.names[0] ?? '';
  if (method === 'PUT') return put(world, request, entry);
  if (!entry) throw errors.resourceNotFound(`${TYPE}/${name}`, path.resourceGroup ?? '');
  if (method === 'GET') {
    count(world, request, entry, 'LowCostGet');
    return { status: 200, headers: getHeaders(entry, request), body: vmBody(entry, request) };
  }
  if (method === 'PATCH') return patch(world, request, entry);
  return method === 'DELETE' ? remove(world, request, entry) : undefined;
}

function patch(world: World, request: ArmRequest, entry: Entry): ArmAnswer {
  const { resource } = entry;
  requireWritable(world, request, entry);
  const body = request.json();
  const change =
    'identity' in body
      ? applyIdentity(world, request, resource, entry, body.identity)
      : unchanged(resource.identity);
  const tags = readTags(body);
  const properties = body.properties as Record<string, unknown> | undefined;
  const updated = withIdentity(
    {
      ...resource,
      ...(tags && { tags }),
      ...(properties && { properties: { ...resource.properties, ...properties } }),
    },
    change.stored,
  );
  const work = Object.keys(body).join() === 'identity' ? 'identityPatch' : 'patch';
  return accept(world, request, updated, change, 200, work);
}

function put(world: World, request: ArmRequest, present: Entry | undefined): ArmAnswer {
  const { path } = request;
  const body = request.json();
  const [name = ''] = path.names;
  const location = normalLocation(body.location);
  if (location === '')
    throw errors.invalidParameter('location', 'The location property is required for this definition.');
  if (present) {
    requireWritable(world, request, present);
    if (present.resource.location !== location) throw errors.propertyChange('location');
  } else {
    requireUnlocked(world.store, path.path, 'write');
    world.throttle.compute(request.counted, 'PutVM', location, path.path);
    requireMatch(request, undefined);
  }
  const id =
    present?.resource.id ??
    `/subscriptions/${path.subscriptionId}/resourceGroups/${path.resourceGroup}/providers/${TYPE}/${name}`;
  // A PUT without identity leaves it as it is (one recorded sample, a13).
  const change =
    'identity' in body && body.identity !== null
      ? applyIdentity(world, request, { id, location }, present, body.identity)
      : unchanged(present?.resource.identity);
  const { identity: _, ...rest } = body;
  const accepted = {
    ...acceptedProperties(body.properties),
    vmId: present?.resource.properties?.vmId ?? guidOf(`vm ${id} ${request.requestId}`),
    timeCreated: present?.resource.properties?.timeCreated ?? timestamp(world.clock.now()),
  };
  const resource = { ...rest, id, name, type: TYPE, location, tags: readTags(body) ?? {} };
  const made = withIdentity({ ...resource, properties: createdProperties(accepted, id) }, change.stored);
  if (present) return accept(world, request, made, change, 200, 'update');
  const answer = accept(world, request, made, change, 201, 'create');
  const shown = answer.body as ArmResource;
  // The answer knows nothing yet of what is made on the way.
  return {
    ...answer,
    body: {
      ...shown,
      properties: visibleProperties({ ...accepted, provisioningState: 'Creating' }, request),
    },
  };
}

function accept(
  world: World,
  request: ArmRequest,
  resource: ArmResource,
  change: IdentityChange,
  status: 200 | 201,
  work: 'identityPatch' | 'patch' | 'update' | 'create',
): ArmAnswer {
  const { error, ms } = world.operationFault(request);
  // No recording shows what an operation that failed leaves behind: here, what was there before, marked Failed.
  const left = error ? (world.store.get(resource.id)?.resource ?? resource) : resource;
  const kind = status === 201 ? 'Creating' : 'Updating';
  const operation = world.operations.begin(request.requestId, kind, work, error, ms);
  const provisioningState = error ? 'Failed' : 'Succeeded';
  const made = { ...left, properties: { ...left.properties, provisioningState } };
  const entry = world.store.put(made, { operation });
  if (change.removed.length > 0)
    entry.formerIdentities = new Set([...(entry.formerIdentities ?? []), ...change.removed]);
  world.onWrite(entry, request);
  const body = vmBody(entry, request);
  return {
    status,
    headers: {
      ...operationHeaders(request, operation, resource.location ?? ''),
      ...etagHeader(entry, request),
      ...(status === 201 && { 'retry-after': '10' }),
    },
    // The answer says what was accepted, even where the operation is over at once.
    body: withIdentity(
      { ...body, properties: { ...body.properties, provisioningState: operation.kind } },
      change.shown,
    ),
  };
}

function remove(world: World, request: ArmRequest, entry: Entry): ArmAnswer {
  requireUnlocked(world.store, entry.resource.id, 'delete');
  count(world, request, entry, 'DeleteVM');
  requireMatch(request, entry);
  const operation = world.operations.begin(request.requestId, 'Deleting', 'delete');
  world.store.put(entry.resource, { operation });
  world.onWrite(entry, request);
  const headers = operationHeaders(request, operation, entry.resource.location ?? '');
  const location = `${headers['azure-asyncoperation']}&monitor=true`;
  return { status: 202, headers: { ...headers, location, 'retry-after': '10' } };
}

function list(world: World, request: ArmRequest): ArmAnswer {
  world.throttle.compute(request.counted, 'HighCostGet', ENTRY_REGION);
  const value = [...entriesAt(world, request, VM_TYPE)].map((entry) => {
    const body = vmBody(entry, request);
    // A list of a whole subscription has the group in upper case, that of a group as created (wire-behaviour 1.5).
    if (request.path.resourceGroup !== undefined) return { ...body, id: entry.resource.id };
    const id = entry.resource.id.replace(
      /(\/resourceGroups\/)([^/]+)/i,
      (_, before, group) => before + group.toUpperCase(),
    );
    return { ...body, id };
  });
  return { status: 200, body: { value } };
}

function count(world: World, request: ArmRequest, { resource }: Entry, group: PolicyGroup): void {
  world.throttle.compute(request.counted, group, resource.location ?? '', resource.id);
}

function requireWritable(world: World, request: ArmRequest, entry: Entry): void {
  requireUnlocked(world.store, entry.resource.id, 'write');
  // "Put VM" is for creating, "Update VM" for what is there (Compute's throttling page).
  count(world, request, entry, 'UpdateVM');
  if (isBeingDeleted(entry)) throw errors.vmBeingDeleted(entry.resource.name);
  requireMatch(request, entry);
}

function requireMatch(request: ArmRequest, entry: Entry | undefined): void {
  const ifMatch = request.header('if-match');
  const ifNoneMatch = request.header('if-none-match');
  const etag = entry ? etagOf(entry) : '';
  const matches = (condition: string) =>
    condition === '*' ? entry !== undefined : condition.split(',').some((one) => bare(one) === bare(etag));
  if (ifMatch !== undefined && !matches(ifMatch)) throw errors.preconditionFailed(ifMatch, etag);
  if (ifNoneMatch !== undefined && matches(ifNoneMatch)) throw errors.preconditionFailed(ifNoneMatch, etag);
}

function bare(etag: string): string {
  return etag.trim().replace(/^(?:W\/)?"(.*)"$/, '$1');
}

function etagOf(entry: Entry): string {
  return `"${entry.version}"`;
}

function etagHeader(entry: Entry, { apiVersion }: ArmRequest): Record<string, string> {
  return apiVersion >= ETAG_SINCE ? { etag: etagOf(entry) } : {};
}

// With instanceView the ETag comes in the body only (recorded in a05).
function getHeaders(entry: Entry, request: ArmRequest): Record<string, string> {
  return request.query.get('$expand') === 'instanceView' ? {} : etagHeader(entry, request);
}

/** The VM as an answer shows it: id as the URL spelled it (4,156 of 4,156 recorded), state as of now, ETag. */
function vmBody(entry: Entry, request: ArmRequest): ArmResource {
  const { resource, operation } = entry;
  const { path } = request;
  const id = path.isCollection
    ? resource.id
    : resource.id.replace(/(\/resourceGroups\/)[^/]+/i, (_, before) => before + path.resourceGroup);
  const properties = { ...resource.properties };
  if (operation) properties.provisioningState = operation.kind;
  properties.provisioningState ??= 'Succeeded';
  if (request.query.get('$expand') === 'instanceView') properties.instanceView ??= INSTANCE_VIEW;
  return {
    ...resource,
    id,
    properties: visibleProperties(properties, request),
    ...(request.apiVersion >= ETAG_SINCE && { etag: etagOf(entry) }),
  };
}

function visibleProperties(
  properties: Record<string, unknown>,
  { apiVersion }: ArmRequest,
): Record<string, unknown> {
  const { timeCreated, ...older } = properties;
  return apiVersion >= TIME_CREATED_SINCE || timeCreated === undefined ? properties : older;
}

function withIdentity(resource: ArmResource, identity: ArmIdentity | undefined): ArmResource {
  const { identity: _, ...rest } = resource;
  return identity ? { ...rest, identity } : rest;
}
