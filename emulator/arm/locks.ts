import { isAtOrAbove } from '../state/armPath.ts';
import type { ArmResource } from '../state/armResource.ts';
import type { Store } from '../state/store.ts';
import { errors } from './errors.ts';
import { type ArmAnswer, type ArmRequest, requirePlace, type World } from './request.ts';

const TYPE = 'microsoft.authorization/locks';
const LEVELS = ['CanNotDelete', 'ReadOnly'];
/** At one scope, those it inherits not counted (azure-facts, section 3). */
const MOST_LOCKS = 20;

/** Management locks at any scope: GET, PUT, DELETE one, and list (c01, c06). */
export function locks(world: World, request: ArmRequest): ArmAnswer | undefined {
  const { method, path } = request;
  const { scope } = path;
  if (path.isCollection) return method === 'GET' ? list(world, request) : undefined;
  const name = path.names[0] ?? '';
  const present = world.store.get(path.path);
  if (method === 'GET') {
    if (!present) throw errors.lockNotFound(name);
    return { status: 200, body: present.resource };
  }
  if (method === 'PUT') {
    requirePlace(world, request);
    if (!scopeExists(world.store, scope)) {
      const [group = '', ...rest] = scope.split('/').slice(4);
      throw errors.resourceNotFound(rest.slice(1).join('/'), group);
    }
    const { properties } = request.json() as { properties?: { level?: string; notes?: string } };
    const level = LEVELS.find((known) => known.toLowerCase() === properties?.level?.toLowerCase());
    if (!level) throw errors.invalidContent(`The lock level '${properties?.level ?? ''}' is invalid.`);
    if (!present) requireRoom(world.store, scope);
    const notes = properties?.notes === undefined ? {} : { notes: properties.notes };
    // The id keeps the casing of the URL that made it.
    const id = present?.resource.id ?? path.path;
    const resource: ArmResource = {
      properties: { level, ...notes },
      id,
      type: 'Microsoft.Authorization/locks',
      name,
    };
    world.onWrite(world.store.put(resource), request);
    return { status: present ? 200 : 201, body: resource };
  }
  if (method === 'DELETE') {
    if (!present) return { status: 204 };
    world.store.remove(present);
    world.onWrite(present, request);
    return { status: 200 };
  }
  return undefined;
}

// Locks at the scope and below it; of a resource, those it inherits too (wire-behaviour, section 3).
function list(world: World, request: ArmRequest): ArmAnswer {
  requirePlace(world, request);
  const filter = request.query.get('$filter');
  if (filter !== null) throw errors.badRequest(`The filter '${filter}' is not supported.`);
  const { scope, subscriptionId } = request.path;
  const inherits = /\/providers\//i.test(scope);
  const value = [...world.store.list(TYPE, subscriptionId)]
    .filter((entry) => !entry.deleted)
    .map(({ resource }) => resource)
    .filter(
      (lock) => isAtOrAbove(scope, lockedScope(lock)) || (inherits && isAtOrAbove(lockedScope(lock), scope)),
    );
  return { status: 200, body: { value } };
}

/** Throws ArmError 409 when a lock at or above the resource forbids the operation (azure-facts, section 3). */
export function requireUnlocked(store: Store, id: string, operation: 'write' | 'delete'): void {
  const locked = locksOf(store, id)
    .filter((lock) => isAtOrAbove(lockedScope(lock), id))
    .filter((lock) => operation === 'delete' || lock.properties?.level === 'ReadOnly');
  if (locked.length > 0) throw errors.scopeLocked(id, operation, locked.map(lockedScope));
}

/** Throws ArmError 409 when anything at, above or below the scope is locked: what deletes a whole group. */
export function requireNothingLocked(store: Store, id: string): void {
  requireUnlocked(store, id, 'delete');
  const below = locksOf(store, id).filter((lock) => isAtOrAbove(id, lockedScope(lock)));
  if (below.length > 0) throw errors.scopeLocked(id, 'delete', below.map(lockedScope));
}

function requireRoom(store: Store, scope: string): void {
  const here = locksOf(store, scope).filter(
    (lock) => lockedScope(lock).toLowerCase() === scope.toLowerCase(),
  );
  if (here.length >= MOST_LOCKS) throw errors.tooManyLocks(scope, MOST_LOCKS);
}

function locksOf(store: Store, id: string): ArmResource[] {
  const locks: ArmResource[] = [];
  for (const entry of store.list(TYPE, id.split('/', 3)[2] ?? '')) {
    if (!entry.deleted) locks.push(entry.resource);
  }
  return locks;
}

function lockedScope(lock: ArmResource): string {
  return lock.id.slice(0, lock.id.toLowerCase().lastIndexOf('/providers/microsoft.authorization/locks/'));
}

// A subnet or the like is part of its parent, which is what the state holds.
function scopeExists(store: Store, scope: string): boolean {
  const segments = scope.split('/');
  for (let length = segments.length; length > 4; length -= 2) {
    if (store.get(segments.slice(0, length).join('/'))) return true;
    if (length <= 9) break;
  }
  return store.get(scope) !== undefined;
}
