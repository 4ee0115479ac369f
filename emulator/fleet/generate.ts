import { seededRandom } from '../random.ts';
import { identityId, identityShapes, policyIdentity } from './shapes.ts';
import { vmBody } from './vmBody.ts';

/** What fleet to make. */
export interface FleetOptions {
  readonly vms: number;
  /** Default 3. */
  readonly subscriptions?: number;
  /** Default: five regions, one a prefix of another. */
  readonly locations?: readonly string[];
  /** Names of identity shapes to choose from; default all. */
  readonly shapes?: readonly string[];
  /** Only plain VMs: no exclusion tags, managed groups, odd states. Default false. */
  readonly plain?: boolean;
  readonly seed?: number;
}

const LOCATIONS = ['eastus', 'eastus2', 'westeurope', 'northeurope', 'southeastasia'];
const VMS_IN_GROUP = 50;
const TAGS = [
  undefined,
  {},
  { env: 'prod' },
  { Owner: 'team-a', env: 'Test' },
  { 'Cost-Center': 'o\'brien "42"' },
];
const EXCLUSIONS = [
  { skip: 'Yes' },
  { Skip: 'yes' },
  { SKIP: 'Yes', env: 'Yes' },
  { noskip: 'Yes' },
  { env: 'skip' },
];

/** The subscription with this number in a generated fleet. */
export function subscriptionNumber(number: number): string {
  return `10000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
}

/**
 * Makes a fleet: VMs of every shape over subscriptions, regions and groups, some tagged to be left alone, some in
 * groups a service manages, some being deleted or failed; and the identities they carry. The same for the same options.
 */
export function* generateFleet(options: FleetOptions): Generator<unknown> {
  const { vms, subscriptions = 3, locations = LOCATIONS, plain = false, seed = 1 } = options;
  const shapes = options.shapes ?? Object.keys(identityShapes);
  const random = seededRandom(seed);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const ids = Array.from({ length: subscriptions }, (_, index) => subscriptionNumber(index + 1));
  for (const [index, id] of ids.entries()) yield* subscription(id, index, locations);

  for (let number = 0; number < vms; number++) {
    const subscriptionId = ids[number % ids.length] as string;
    const location = locations[Math.floor(number / ids.length) % locations.length] as string;
    const groupNumber = Math.floor(number / (VMS_IN_GROUP * ids.length));
    // Every tenth group is one that AKS manages.
    const managed = !plain && groupNumber % 10 === 9;
    const group = managed ? managedGroup(groupNumber) : `rg-app-${groupNumber}`;
    if (managed && number % (VMS_IN_GROUP * ids.length) < ids.length)
      yield managedGroupBody(subscriptionId, group);
    const place = { subscriptionId, location };
    const scaleSet =
      !plain && number % 97 === 0
        ? `/subscriptions/${subscriptionId}/resourceGroups/${group}/providers/Microsoft.Compute/virtualMachineScaleSets/flex`
        : undefined;
    yield vmBody({
      subscriptionId,
      group: !plain && number % 13 === 0 ? group.toUpperCase() : group,
      name: `vm-${String(number).padStart(7, '0')}`,
      location,
      identity: identityShapes[pick(shapes)]?.(place),
      tags: plain ? undefined : random() < 0.1 ? pick(EXCLUSIONS) : pick(TAGS),
      provisioningState: plain || random() < 0.95 ? undefined : pick(['Failed', 'Deleting', 'Updating']),
      spot: !plain && random() < 0.05,
      scaleSet,
    });
  }
}

function* subscription(id: string, index: number, locations: readonly string[]): Generator<unknown> {
  yield {
    id: `/subscriptions/${id}`,
    properties: { displayName: `Subscription ${index + 1}`, state: 'Enabled' },
  };
  for (const name of ['id-app', 'id-backup'])
    yield { id: identityId({ subscriptionId: id }, 'rg-identities', name), location: 'eastus' };
  // In every other subscription the policy has made its identities already.
  if (index % 2 === 1) return;
  for (const location of locations) yield { id: policyIdentity({ subscriptionId: id, location }), location };
}

function managedGroup(number: number): string {
  return `MC_rg-aks-${number}_cluster_eastus`;
}

function managedGroupBody(subscriptionId: string, name: string): unknown {
  const managedBy = `/subscriptions/${subscriptionId}/resourceGroups/rg-aks/providers/Microsoft.ContainerService/managedClusters/cluster`;
  return { id: `/subscriptions/${subscriptionId}/resourceGroups/${name}`, location: 'eastus', managedBy };
}
