import { generateFleet, subscriptionNumber } from '../emulator/fleet/generate.ts';
import { identityId } from '../emulator/fleet/shapes.ts';

/** A fleet to measure with. The same options make the same fleet in every process. */
export interface BenchFleet {
  readonly vms: number;
  readonly subscriptions: number;
  readonly regions: number;
  /** Of how many VMs one lacks its identity: 1 (default) is each, 1000 is 0.1 % (by chance), 0 is none. */
  readonly missingOneOf?: number;
  /** False: the goal identities have to be made first. Default true. */
  readonly identities?: boolean;
}

/** The group of the goal identities, and the name of their locks. */
export const GROUP = 'built-in-identity-rg';
export const LOCK_NAME = 'keep';

const LOCATIONS = [
  'eastus',
  'westeurope',
  'northeurope',
  'southeastasia',
  'eastus2',
  'westus2',
  'uksouth',
  'japaneast',
];

/** The regions of a fleet. */
export function locationsOf({ regions }: Pick<BenchFleet, 'regions'>): string[] {
  return LOCATIONS.slice(0, regions);
}

/** The id of the identity that VMs of a subscription and region should carry. */
export function goalOf(subscriptionId: string, location: string): string {
  return identityId({ subscriptionId }, GROUP, `built-in-identity-${location}`);
}

/** Plain VMs, spread evenly, and their goal identities, locked. VMs that lack theirs have a system identity. */
export function* benchFleet(fleet: BenchFleet): Generator<unknown> {
  const { vms, subscriptions, missingOneOf = 1, identities = true } = fleet;
  const locations = locationsOf(fleet);
  const compliant = Array.from({ length: missingOneOf === 0 ? 1 : missingOneOf - 1 }, () => 'goal');
  const shapes = missingOneOf === 0 ? compliant : [...compliant, 'system'];
  for (const resource of generateFleet({ vms, subscriptions, locations, shapes, plain: true })) {
    // The generator makes the policy's identities in every other subscription.
    if (!/built-in-identity/i.test((resource as { id: string }).id)) yield resource;
  }
  for (let number = 1; identities && number <= subscriptions; number++) {
    const subscriptionId = subscriptionNumber(number);
    yield { id: `/subscriptions/${subscriptionId}/resourceGroups/${GROUP}`, location: 'eastus' };
    for (const location of locations) {
      const id = goalOf(subscriptionId, location);
      yield { id, location };
      const lock = `${id}/providers/Microsoft.Authorization/locks/${LOCK_NAME}`;
      yield { id: lock, properties: { level: 'CanNotDelete' } };
    }
  }
}

/** Where the VMs of a fleet are, in the fleet's order. */
export function* vmsOf(fleet: BenchFleet): Generator<{ id: string; location: string }> {
  for (const resource of benchFleet({ ...fleet, identities: false })) {
    const { id, location } = resource as { id: string; location: string };
    if (/\/virtualMachines\//.test(id)) yield { id, location };
  }
}
