import { guidOf } from '../../emulator/arm/principals.ts';
import { OWNER_ID } from '../../emulator/arm/roles.ts';
import { subscriptionNumber } from '../../emulator/fleet/generate.ts';
import { identityId, identityShapes } from '../../emulator/fleet/shapes.ts';
import { seededRandom } from '../../emulator/random.ts';

/** Where the VMs are: few regions, several subscriptions, as Azure limits each. */
export const subscriptions: readonly string[] = [1, 2, 3, 4].map(subscriptionNumber);
const LOCATIONS = ['eastus', 'westeurope'];
// All lack the goal identity, and none is left alone for its single one.
const SHAPES = ['none', 'system', 'twoOthers', 'systemAndOneOther', 'systemAndTwoOthers'];

/** Who the rivals sign in as. */
export const rival = {
  clientId: 'c0ffee00-0000-4000-8000-000000000003',
  objectId: 'c0ffee00-0000-4000-8000-0000000000a3',
};

/** Names of the identities that rivals add and remove. */
const OTHERS = ['id-app', 'id-backup', 'id-third', 'id-fourth'];

/** Ids of the identities that rivals add and remove in a subscription. */
export function otherIdentities(subscriptionId: string): string[] {
  return OTHERS.map((name) => identityId({ subscriptionId }, 'rg-identities', name));
}

/** What there is before the VMs: other identities, and the rivals' right to do everything. */
export function surroundings(): unknown[] {
  const name = guidOf('owner rival');
  return [
    ...subscriptions.flatMap(otherIdentities).map((id) => ({ id, location: 'eastus' })),
    {
      id: `/providers/Microsoft.Authorization/roleAssignments/${name}`,
      properties: { principalId: rival.objectId, roleDefinitionId: OWNER_ID },
    },
  ];
}

/** The VM with this number. The same for the same seed. */
export function raceVm(number: number, seed: number) {
  const random = seededRandom(seed * 7_368_787 + number);
  const subscriptionId = subscriptions[number % subscriptions.length] as string;
  const location = LOCATIONS[Math.floor(random() * LOCATIONS.length)] as string;
  const shape = SHAPES[Math.floor(random() * SHAPES.length)] as string;
  const identity = identityShapes[shape]?.({ subscriptionId, location });
  const id = `/subscriptions/${subscriptionId}/resourceGroups/rg-races/providers/Microsoft.Compute/virtualMachines/vm-${number}`;
  return { id, location, tags: {}, ...(identity && { identity }) };
}
