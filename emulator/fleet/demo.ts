import { remediator } from '../arm/principals.ts';
import { seededRandom } from '../random.ts';
import { identityId, identityShapes, policyIdentity } from './shapes.ts';
import { type VmSpec, vmBody } from './vmBody.ts';

const SHOP = '5ca1ab1e-0001-4000-8000-000000000001';
const ANALYTICS = '5ca1ab1e-0002-4000-8000-000000000002';
const LEGACY = '5ca1ab1e-0003-4000-8000-000000000003';
const LOCATIONS = ['eastus', 'eastus2', 'westeurope', 'northeurope', 'southeastasia'];
const MANAGEMENT_GROUP = '/providers/Microsoft.Management/managementGroups/contoso';
const ROLES = '/providers/Microsoft.Authorization/roleDefinitions';
const OWNER = `${ROLES}/8e3af657-a8ff-443c-a75c-2fe8c4bcb635`;
const READER = `${ROLES}/acdd72a7-3385-48ef-bd42-f606fba81ae7`;

/** The settings the demo tenant is made for. */
export const demoSettings = {
  SCOPES: MANAGEMENT_GROUP,
  EXCLUDED_SCOPES: `/subscriptions/${SHOP}/resourceGroups/rg-payments`,
  EXCLUSION_TAG: 'vm-identity=skip',
} as const;

/** Where somebody may create VMs in the demo tenant. */
export const demoPlaces = [
  { subscriptionId: SHOP, group: 'rg-web-2', location: 'eastus' },
  { subscriptionId: ANALYTICS, group: 'rg-batch-3', location: 'westeurope' },
  { subscriptionId: SHOP, group: 'rg-web-5', location: 'northeurope' },
] as const;

/** A VM whose identity somebody else changes while the demo sweeps. */
export const demoRival: VmSpec = {
  subscriptionId: SHOP,
  group: 'rg-web-0',
  name: 'vm-contested',
  location: 'eastus',
  identity: { type: 'SystemAssigned' },
};

/**
 * The demo tenant: about 1,200 VMs in 3 subscriptions and 5 regions, with every identity shape and every exclusion,
 * a subscription the remediator may only read, a VM behind a ReadOnly lock, and one that a rival writes.
 */
export function* demoFleet(): Generator<unknown> {
  yield { id: MANAGEMENT_GROUP, properties: { displayName: 'Contoso' } };
  for (const [id, displayName] of [
    [SHOP, 'Online Shop'],
    [ANALYTICS, 'Analytics'],
    [LEGACY, 'Legacy (read only)'],
  ]) {
    yield { id: `/subscriptions/${id}`, properties: { displayName, state: 'Enabled' } };
    yield {
      id: `${MANAGEMENT_GROUP}/subscriptions/${id}`,
      type: 'Microsoft.Management/managementGroups/subscriptions',
    };
  }
  yield* grants();
  yield* identities();
  yield* vms();
  yield* oddities();
}

function* grants(): Generator<unknown> {
  const grant = (scope: string, name: string, roleDefinitionId: string) => ({
    id: `${scope}/providers/Microsoft.Authorization/roleAssignments/${name}`,
    properties: { principalId: remediator.objectId, roleDefinitionId },
  });
  yield grant(MANAGEMENT_GROUP, 'read-all', READER);
  yield grant(`/subscriptions/${SHOP}`, 'shop', OWNER);
  yield grant(`/subscriptions/${ANALYTICS}`, 'analytics', OWNER);
}

function* identities(): Generator<unknown> {
  for (const subscriptionId of [SHOP, ANALYTICS, LEGACY]) {
    for (const name of ['id-app', 'id-backup']) {
      yield { id: identityId({ subscriptionId }, 'rg-identities', name), location: 'eastus' };
    }
  }
  // Made by the policy before, in its own letter case, lock and all. One of the shop's was deleted since, so that some
  // VMs carry an identity that is no more.
  for (const subscriptionId of [SHOP, ANALYTICS, LEGACY]) {
    for (const location of LOCATIONS) {
      if (subscriptionId === SHOP && location === 'southeastasia') continue;
      const id = policyIdentity({ subscriptionId, location });
      yield { id, location };
      yield {
        id: `${id}/providers/Microsoft.Authorization/locks/CanNotDeleteLock-Built-In-Identity-${location}`,
        properties: { level: 'CanNotDelete', notes: 'Please do not delete this User-assigned identity' },
      };
    }
  }
}

function* vms(): Generator<unknown> {
  const random = seededRandom(7);
  // Most real VMs are plain; the odd shapes come in turn.
  const common = ['none', 'none', 'none', 'system', 'system', 'oneOther', 'systemAndOneOther', 'twoOthers'];
  const rare = Object.keys(identityShapes);
  const parts: readonly [string, string, number][] = [
    [SHOP, 'rg-web', 600],
    [ANALYTICS, 'rg-batch', 420],
    [LEGACY, 'rg-legacy', 120],
  ];
  for (const [subscriptionId, group, count] of parts) {
    for (let number = 0; number < count; number++) {
      const location = LOCATIONS[number % LOCATIONS.length] as string;
      const shape =
        random() < 0.25 ? rare[number % rare.length] : common[Math.floor(random() * common.length)];
      yield vmBody({
        subscriptionId,
        group: `${group}-${number % 8}`,
        name: `vm-${group.slice(3)}-${String(number).padStart(4, '0')}`,
        location,
        identity: identityShapes[shape ?? 'none']?.({ subscriptionId, location }),
        tags: number % 40 === 7 ? { 'VM-Identity': 'skip' } : { env: number % 2 === 0 ? 'prod' : 'test' },
        spot: number % 29 === 0,
        provisioningState: number % 211 === 5 ? 'Failed' : undefined,
      });
    }
  }
}

function* oddities(): Generator<unknown> {
  yield vmBody(demoRival);
  const managedBy = `/subscriptions/${SHOP}/resourceGroups/rg-aks/providers/Microsoft.ContainerService/managedClusters/shop`;
  const nodes = 'MC_rg-aks_shop_westeurope';
  yield { id: `/subscriptions/${SHOP}/resourceGroups/${nodes}`, location: 'westeurope', managedBy };
  for (let number = 0; number < 30; number++) {
    yield vmBody({ subscriptionId: SHOP, group: nodes, name: `aks-pool1-${number}`, location: 'westeurope' });
  }
  for (let number = 0; number < 20; number++) {
    yield vmBody({
      subscriptionId: SHOP,
      group: 'rg-payments',
      name: `vm-pay-${number}`,
      location: 'northeurope',
    });
  }
  yield vmBody({
    subscriptionId: SHOP,
    group: 'rg-web-0',
    name: 'vm-leaving',
    location: 'eastus',
    provisioningState: 'Deleting',
  });
  const locked = { subscriptionId: SHOP, group: 'rg-web-1', name: 'vm-locked', location: 'eastus2' };
  yield vmBody(locked);
  yield {
    id: `/subscriptions/${SHOP}/resourceGroups/rg-web-1/providers/Microsoft.Compute/virtualMachines/vm-locked/providers/Microsoft.Authorization/locks/freeze`,
    properties: { level: 'ReadOnly', notes: 'Change freeze until January' },
  };
}
