import { guidOf, TENANT_ID } from '../arm/principals.ts';
import { completeIdentity } from '../arm/userAssignedIdentities.ts';
import { parseArmPath } from './armPath.ts';
import type { ArmIdentity, ArmResource } from './armResource.ts';
import type { Store } from './store.ts';

/** A resource that cannot be seeded. The message says what is wrong with it. */
export class SeedError extends Error {
  override readonly name = 'SeedError';
}

const ROOT_TYPES: Readonly<Record<string, string>> = {
  '/subscriptions': 'Microsoft.Resources/subscriptions',
  '/resourcegroups': 'Microsoft.Resources/resourceGroups',
};
// When VMs were made that a fleet says nothing of. One text for all: fleets are large.
const MADE_AT = '2025-01-01T00:00:00.0000000+00:00';
const PROVIDER_ID = /^\/subscriptions\/[^/]+\/providers\/([^/]+)$/i;

/**
 * Makes a resource of what a fleet file or a test gives: anything with an `id` in ARM's form. What Azure would have
 * filled in is filled in: name, type, principal ids, provisioning state, time of creation. Throws SeedError.
 */
export function toResource(given: unknown): ArmResource {
  if (given === null || typeof given !== 'object' || Array.isArray(given))
    throw new SeedError('not an object');
  const raw = given as Partial<ArmResource>;
  if (typeof raw.id !== 'string' || !raw.id.startsWith('/'))
    throw new SeedError('no id that starts with "/"');
  const path = parseArmPath(raw.id);
  const provider = PROVIDER_ID.exec(path.path)?.[1];
  if (provider !== undefined) {
    return { ...raw, id: path.path, name: provider, type: 'Microsoft.Resources/providers' };
  }
  if (path.isCollection || path.names.length === 0) throw new SeedError(`id ${raw.id} names no resource`);
  const type = ROOT_TYPES[`/${path.type.toLowerCase()}`] ?? `${path.namespace}/${path.type}`;
  const name = path.names.at(-1) ?? '';
  const resource: ArmResource = {
    ...raw,
    id: path.path,
    name: path.namespace === undefined ? name : (raw.name ?? name),
    type: path.namespace === undefined ? type : (raw.type ?? type),
    ...(raw.location !== undefined && { location: raw.location.replaceAll(' ', '').toLowerCase() }),
  };
  const lower = resource.type.toLowerCase();
  if (lower === 'microsoft.managedidentity/userassignedidentities') {
    return completeIdentity({
      ...resource,
      properties: { ...seededIds(resource.id), ...resource.properties },
    });
  }
  if (lower === 'microsoft.compute/virtualmachines') return completeVm(resource);
  if (path.namespace === undefined && path.resourceGroup !== undefined) {
    return { ...resource, properties: { provisioningState: 'Succeeded', ...resource.properties } };
  }
  return resource;
}

/** Puts a resource into the state, with the subscription and resource group it needs, seen by Resource Graph at once. */
export function seed(store: Store, resource: ArmResource): void {
  const { subscriptionId, resourceGroup } = parseArmPath(resource.id);
  if (subscriptionId !== undefined && !store.get(`/subscriptions/${subscriptionId}`)) {
    store.put(toResource({ id: `/subscriptions/${subscriptionId}` }), { lag: false });
  }
  const groupId = `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}`;
  if (resourceGroup !== undefined && !store.get(groupId)) {
    store.put(toResource({ id: groupId, location: resource.location ?? 'eastus' }), { lag: false });
  }
  store.put(resource, { lag: false });
}

function completeVm(vm: ArmResource): ArmResource {
  const filledIn = { vmId: guidOf(`vm ${vm.id}`), provisioningState: 'Succeeded', timeCreated: MADE_AT };
  const properties = { ...filledIn, ...vm.properties };
  const { identity, ...rest } = vm;
  return { ...rest, properties, ...(identity && { identity: completeVmIdentity(vm.id, identity) }) };
}

function completeVmIdentity(vmId: string, identity: ArmIdentity): ArmIdentity {
  const { type, userAssignedIdentities, ...rest } = identity;
  const system = type.toLowerCase().includes('systemassigned')
    ? { principalId: guidOf(`system ${vmId}`), tenantId: TENANT_ID }
    : {};
  const ids = Object.entries(userAssignedIdentities ?? {}).map(([id, value]) => {
    const values = seededIds(id);
    return [id, Object.keys(value).length === 0 ? values : { ...values, ...value }] as const;
  });
  const map = userAssignedIdentities ? { userAssignedIdentities: Object.fromEntries(ids) } : {};
  return { type, ...system, ...rest, ...map };
}

type Ids = Readonly<{ principalId: string; clientId: string }>;
// One object for each identity, however many VMs carry it: fleets are large.
const known = new Map<string, Ids>();

// The same for an identity and for the VMs that carry it, whichever is seeded first.
function seededIds(identityId: string): Ids {
  const ids = known.get(identityId) ?? {
    principalId: guidOf(`principal ${identityId}`),
    clientId: guidOf(`client ${identityId}`),
  };
  known.set(identityId, ids);
  return ids;
}
