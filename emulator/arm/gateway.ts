import type { ArmPath } from '../state/armPath.ts';
import { computeOperation } from './computeOperations.ts';
import { managementGroups, permissions, subscriptions } from './containers.ts';
import { errors } from './errors.ts';
import { locks } from './locks.ts';
import { type ArmAnswer, type ArmRequest, type Handler, requirePlace, type World } from './request.ts';
import { operationResult, resourceGroups } from './resourceGroups.ts';
import { associatedResources, userAssignedIdentities } from './userAssignedIdentities.ts';
import { virtualMachines } from './virtualMachines.ts';

// Provider and type, lower case, to handler and ARM's own spelling of the type for actions.
const handlers: Readonly<Record<string, { handle: Handler; type: string }>> = {
  'microsoft.compute/virtualmachines': { handle: virtualMachines, type: 'Microsoft.Compute/virtualMachines' },
  'microsoft.compute/locations/operations': {
    handle: computeOperation,
    type: 'Microsoft.Compute/locations/operations',
  },
  'microsoft.managedidentity/userassignedidentities': {
    handle: userAssignedIdentities,
    type: 'Microsoft.ManagedIdentity/userAssignedIdentities',
  },
  'microsoft.managedidentity/userassignedidentities/listassociatedresources': {
    handle: associatedResources,
    type: 'Microsoft.ManagedIdentity/userAssignedIdentities/listAssociatedResources',
  },
  'microsoft.authorization/locks': { handle: locks, type: 'Microsoft.Authorization/locks' },
  'microsoft.authorization/permissions': {
    handle: permissions,
    type: 'Microsoft.Authorization/permissions',
  },
  'microsoft.management/managementgroups': {
    handle: managementGroups,
    type: 'Microsoft.Management/managementGroups',
  },
  '/subscriptions': { handle: subscriptions, type: 'Microsoft.Resources/subscriptions' },
  '/resourcegroups': { handle: resourceGroups, type: 'Microsoft.Resources/subscriptions/resourceGroups' },
  '/operationresults': {
    handle: operationResult,
    type: 'Microsoft.Resources/subscriptions/operationresults',
  },
};

const API_VERSION = /^\d{4}-\d{2}-\d{2}(-preview|-alpha|-beta|-privatepreview)?$/i;
// Reading these needs no right of its own.
const FREE_TO_READ = new Set([
  '/subscriptions',
  'microsoft.authorization/permissions',
  'microsoft.management/managementgroups',
]);

/** Checks what the gateway checks before any provider sees a request. Throws ArmError. */
export function requireApiVersion(version: string | null): string {
  if (version === null || version === '') throw errors.missingApiVersion();
  if (!API_VERSION.test(version)) throw errors.invalidApiVersion(version);
  return version.toLowerCase();
}

/** Sends a request to its provider, after checking that the caller may do it. Throws ArmError. */
export function route(world: World, request: ArmRequest): ArmAnswer {
  const { path, method } = request;
  const key = `${path.namespace ?? ''}/${path.type}`.toLowerCase();
  const known = handlers[key];
  const type = known?.type ?? `${path.namespace}/${path.type}`;
  if (path.subscriptionId !== undefined && !world.store.get(`/subscriptions/${path.subscriptionId}`)) {
    throw errors.subscriptionNotFound(path.subscriptionId);
  }
  if (!FREE_TO_READ.has(key)) {
    const scope = path.isCollection && path.namespace !== undefined ? path.scope : path.path;
    world.access().require(request.principal, `${type}/${verb(method)}`, scope);
  }
  const answer = known ? known.handle(world, request) : seededResource(world, request);
  if (!answer) throw errors.notImplemented(method, path.path);
  return answer;
}

// Resources of other types can be seeded, and then read; nothing else is known of them.
function seededResource(world: World, request: ArmRequest): ArmAnswer | undefined {
  const { path, method } = request;
  if (method !== 'GET' || path.isCollection || path.namespace === undefined) return undefined;
  requirePlace(world, request);
  const entry = world.store.get(path.path);
  if (entry) return { status: 200, body: entry.resource };
  if (path.resourceGroup === undefined) return undefined;
  throw errors.resourceNotFound(typeAndName(path), path.resourceGroup);
}

/** `Microsoft.Compute/virtualMachines/vm1/extensions/e1`, as error texts spell it (f03). */
function typeAndName({ namespace, type, names }: ArmPath): string {
  const pairs = type.split('/').map((segment, index) => `${segment}/${names[index] ?? ''}`);
  return `${namespace}/${pairs.join('/')}`;
}

function verb(method: string): string {
  if (method === 'GET' || method === 'HEAD') return 'read';
  if (method === 'DELETE') return 'delete';
  return method === 'POST' ? 'action' : 'write';
}
