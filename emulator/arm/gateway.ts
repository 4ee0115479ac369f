import type { ArmPath } from '../state/armPath.ts';
import { isBeingDeleted } from '../state/store.ts';
import { computeOperation } from './computeOperations.ts';
import { managementGroups, permissions, subscriptionState, subscriptions } from './containers.ts';
import { errors } from './errors.ts';
import { locks } from './locks.ts';
import { providers, requireRegistered } from './providers.ts';
import { type ArmAnswer, type ArmRequest, type Handler, requirePlace, type World } from './request.ts';
import { operationResult, resourceGroups } from './resourceGroups.ts';
import { roleAssignments } from './roleAssignments.ts';
import { systemTopics } from './systemTopics.ts';
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
  'microsoft.authorization/roleassignments': {
    handle: roleAssignments,
    type: 'Microsoft.Authorization/roleAssignments',
  },
  'microsoft.eventgrid/systemtopics': { handle: systemTopics, type: 'Microsoft.EventGrid/systemTopics' },
  'microsoft.eventgrid/systemtopics/eventsubscriptions': {
    handle: systemTopics,
    type: 'Microsoft.EventGrid/systemTopics/eventSubscriptions',
  },
  'microsoft.management/managementgroups': {
    handle: managementGroups,
    type: 'Microsoft.Management/managementGroups',
  },
  '/subscriptions': { handle: subscriptions, type: 'Microsoft.Resources/subscriptions' },
  '/resourcegroups': { handle: resourceGroups, type: 'Microsoft.Resources/subscriptions/resourceGroups' },
  '/providers': { handle: providers, type: 'Microsoft.Resources/subscriptions/providers' },
  '/operationresults': {
    handle: operationResult,
    type: 'Microsoft.Resources/subscriptions/operationresults',
  },
};

const API_VERSION = /^\d{4}-\d{2}-\d{2}(-preview|-alpha|-beta|-privatepreview)?$/i;
// Lists of the tenant need no right of their own: they show what the caller may read.
const FREE_TO_LIST = new Set(['/subscriptions', 'microsoft.management/managementgroups']);

/** Checks what the gateway checks before any provider sees a request. Throws ArmError. */
export function requireApiVersion(version: string | null): string {
  if (version === null || version === '') throw errors.missingApiVersion();
  if (!API_VERSION.test(version)) throw errors.invalidApiVersion(version);
  return version.toLowerCase();
}

/** Sends a request to its provider, after checking that the caller may do it. Throws ArmError. */
export function route(world: World, request: ArmRequest): ArmAnswer {
  const { path, method } = request;
  const aboutProvider = isAboutProvider(path);
  const key = aboutProvider ? '/providers' : `${path.namespace ?? ''}/${path.type}`.toLowerCase();
  const known = handlers[key];
  const type = known?.type ?? `${path.namespace}/${path.type}`;
  if (path.subscriptionId !== undefined && !world.store.get(`/subscriptions/${path.subscriptionId}`)) {
    throw errors.subscriptionNotFound(path.subscriptionId);
  }
  if (!(path.isCollection && FREE_TO_LIST.has(key))) {
    const [action, scope] = aboutProvider ? providerAction(path, method) : actionOf(path, method, type);
    world.access().require(request.principal, action, scope);
  }
  requireOpen(world, request);
  const { subscriptionId, namespace } = path;
  if (subscriptionId !== undefined && namespace !== undefined && !aboutProvider && WRITES.has(method)) {
    requireRegistered(world.store, subscriptionId, namespace);
  }
  const answer = known ? known.handle(world, request) : seededResource(world, request);
  if (!answer) throw errors.notImplemented(method, path.path);
  return answer;
}

const WRITES = new Set(['PUT', 'PATCH']);

/** Throws ArmError 409 for a write in a subscription that is disabled, or in or to a group that is being deleted. */
function requireOpen({ store }: World, { path, method }: ArmRequest): void {
  const { subscriptionId, resourceGroup } = path;
  const writes = WRITES.has(method);
  if (subscriptionId === undefined || !(writes || method === 'POST')) return;
  const place = `/subscriptions/${subscriptionId}`;
  const subscription = store.get(place)?.resource;
  // What is there can still be deleted ("Subscription states" of azure-resource-manager-rpc).
  if (subscription && subscriptionState(subscription) === 'Disabled')
    throw errors.subscriptionDisabled(subscriptionId);
  if (resourceGroup === undefined || !writes) return;
  const group = store.get(`${place}/resourceGroups/${resourceGroup}`);
  if (group && isBeingDeleted(group)) throw errors.groupBeingDeleted(resourceGroup);
}

/** `/subscriptions/{id}/providers`, `…/{namespace}` and `…/{namespace}/register`. */
function isAboutProvider({ path, namespace, type }: ArmPath): boolean {
  const parts = path.split('/').length;
  if (!/^\/subscriptions\/[^/]+\/providers(\/|$)/i.test(path)) return false;
  return namespace === undefined || type === '' || (parts === 6 && type.toLowerCase() === 'register');
}

// "… 'Microsoft.Resources/subscriptions/providers/read' over scope '/subscriptions/…'" (terraform-provider-azurerm#2678).
function providerAction({ namespace, subscriptionId }: ArmPath, method: string): [string, string] {
  const action =
    method === 'POST' ? `${namespace}/register/action` : 'Microsoft.Resources/subscriptions/providers/read';
  return [action, `/subscriptions/${subscriptionId}`];
}

// A list is named by its provider: "over scope '…/accounts/a/providers/Microsoft.Authorization'", as quoted in threads.
function actionOf(path: ArmPath, method: string, type: string): [string, string] {
  const { namespace, isCollection, scope } = path;
  const above = scope === '/' ? '' : scope;
  const place = isCollection && namespace !== undefined ? `${above}/providers/${namespace}` : path.path;
  return [`${type}/${verb(method)}`, place];
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
