import { randomUUID } from 'node:crypto';
import type { ArmResource } from '../state/armResource.ts';
import type { Entry } from '../state/store.ts';
import { errors } from './errors.ts';
import { locations } from './locations.ts';
import { requireNothingLocked, requireUnlocked } from './locks.ts';
import {
  type ArmAnswer,
  type ArmRequest,
  normalLocation,
  readTags,
  requirePlace,
  type World,
} from './request.ts';

export const GROUP_TYPE = 'microsoft.resources/resourcegroups';

/** Resource groups: HEAD, GET, list, PUT, PATCH, DELETE (recorded in d01, d04-d07; wire-behaviour, section 4). */
export function resourceGroups(world: World, request: ArmRequest): ArmAnswer | undefined {
  const { method, path } = request;
  if (path.isCollection) return method === 'GET' ? list(world, request) : undefined;
  const name = path.resourceGroup ?? '';
  const entry = world.store.get(path.path);
  if (method === 'PUT') return put(world, request, entry);
  if (!entry) throw errors.groupNotFound(name);
  if (method === 'HEAD') return { status: 204 };
  if (method === 'GET') return { status: 200, body: groupBody(entry) };
  if (method === 'PATCH') {
    requireUnlocked(world.store, entry.resource.id, 'write');
    const tags = readTags(request.json());
    world.store.put({ ...entry.resource, ...(tags && { tags }) });
    world.onWrite(entry, request);
    return { status: 200, body: groupBody(entry) };
  }
  return method === 'DELETE' ? remove(world, request, entry) : undefined;
}

function put(world: World, request: ArmRequest, present: Entry | undefined): ArmAnswer {
  const { path } = request;
  requirePlace(world, { ...request, path: { ...path, resourceGroup: undefined } });
  const body = request.json();
  const location = normalLocation(body.location);
  const name = path.resourceGroup ?? '';
  if (!locations.includes(location)) throw errors.invalidLocation(location);
  if (present) requireUnlocked(world.store, present.resource.id, 'write');
  if (present && present.resource.location !== location) {
    throw errors.groupLocationConflict(name, location, present.resource.location ?? '');
  }
  const tags = readTags(body);
  const resource: ArmResource = {
    id: present?.resource.id ?? `/subscriptions/${path.subscriptionId}/resourceGroups/${name}`,
    name: present?.resource.name ?? name,
    type: 'Microsoft.Resources/resourceGroups',
    location,
    ...(typeof body.managedBy === 'string' && { managedBy: body.managedBy }),
    ...(tags && { tags }),
    properties: { provisioningState: 'Succeeded' },
  };
  const entry = world.store.put(resource);
  world.onWrite(entry, request);
  return { status: present ? 200 : 201, body: groupBody(entry) };
}

function remove(world: World, request: ArmRequest, entry: Entry): ArmAnswer {
  requireNothingLocked(world.store, entry.resource.id);
  const operation = world.operations.begin(request.requestId, 'Deleting', 'groupDelete');
  world.store.put(entry.resource, { operation });
  world.onWrite(entry, request);
  const prefix = `${entry.resource.id.toLowerCase()}/`;
  for (const type of world.store.types()) {
    for (const child of world.store.list(type, request.path.subscriptionId)) {
      if (child.deleted || !child.resource.id.toLowerCase().startsWith(prefix)) continue;
      world.store.put(child.resource, { operation });
      world.onWrite(child, request);
    }
  }
  const location = operationResultUrl(request, operation.id);
  return { status: 202, headers: { location, 'retry-after': '15' } };
}

/** GET of the URL a group's deletion is followed by: 202 while it runs, then 200, both empty (recorded in d04). */
export function operationResult(world: World, request: ArmRequest): ArmAnswer | undefined {
  if (request.method !== 'GET') return undefined;
  const token = Buffer.from(request.path.names[1] ?? '', 'base64url').toString();
  const operation = world.operations.get(jobOf(token));
  if (!operation || operation.endsAt <= world.clock.now()) return { status: 200 };
  return {
    status: 202,
    headers: { location: operationResultUrl(request, operation.id), 'retry-after': '15' },
  };
}

function operationResultUrl({ origin, path, apiVersion }: ArmRequest, id: string): string {
  const token = Buffer.from(JSON.stringify({ jobId: id, jobLocation: randomUUID() })).toString('base64url');
  return `${origin}/subscriptions/${path.subscriptionId}/operationresults/${token}?api-version=${apiVersion}`;
}

function jobOf(token: string): string {
  try {
    return String(JSON.parse(token).jobId);
  } catch {
    return '';
  }
}

function list(world: World, request: ArmRequest): ArmAnswer {
  requirePlace(world, request);
  const wanted = tagFilter(request.query.get('$filter'));
  const value = [...world.store.list(GROUP_TYPE, request.path.subscriptionId)]
    .filter((entry) => !entry.deleted && wanted(entry.resource.tags ?? {}))
    .map(groupBody);
  return { status: 200, body: { value } };
}

// "tagname eq 'a'", or with "and tagvalue eq 'b'" (recorded in d04).
function tagFilter(filter: string | null): (tags: Record<string, string>) => boolean {
  if (!filter) return () => true;
  const [, name, value] = /^tagname eq '([^']*)'(?: and tagvalue eq '([^']*)')?$/i.exec(filter.trim()) ?? [];
  if (name === undefined)
    throw errors.badRequest(`The $filter '${filter}' is not supported for resource groups.`);
  return (tags) =>
    Object.entries(tags).some(
      ([tag, text]) => tag.toLowerCase() === name.toLowerCase() && (value === undefined || text === value),
    );
}

function groupBody({ resource, operation }: Entry): ArmResource {
  if (!operation) return resource;
  return { ...resource, properties: { ...resource.properties, provisioningState: operation.kind } };
}
