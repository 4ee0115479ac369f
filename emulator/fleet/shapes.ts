import type { ArmIdentity } from '../state/armResource.ts';

/** Where a VM is, which decides what its regional identity would be. */
export interface Place {
  readonly subscriptionId: string;
  readonly location: string;
}

/** The id of a user-assigned identity. */
export function identityId(
  { subscriptionId }: Pick<Place, 'subscriptionId'>,
  group: string,
  name: string,
): string {
  return `/subscriptions/${subscriptionId}/resourceGroups/${group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${name}`;
}

/** The identity the built-in policy makes for a subscription and region, in the policy's own letter case. */
export function policyIdentity(place: Place): string {
  return identityId(place, 'Built-In-Identity-RG', `Built-In-Identity-${place.location}`);
}

const other = (place: Place, name: string): string => identityId(place, 'rg-identities', name);

function assigned(type: string, ...ids: string[]): ArmIdentity {
  return { type, userAssignedIdentities: Object.fromEntries(ids.map((id) => [id, {}])) };
}

const BOTH = 'SystemAssigned, UserAssigned';

/** Every shape the identity of a VM comes in, by what is special about it. */
export const identityShapes: Readonly<Record<string, (place: Place) => ArmIdentity | undefined>> = {
  none: () => undefined,
  system: () => ({ type: 'SystemAssigned' }),
  oneOther: (place) => assigned('UserAssigned', other(place, 'id-app')),
  twoOthers: (place) => assigned('UserAssigned', other(place, 'id-app'), other(place, 'id-backup')),
  systemAndOneOther: (place) => assigned(BOTH, other(place, 'id-app')),
  systemAndTwoOthers: (place) => assigned(BOTH, other(place, 'id-app'), other(place, 'id-backup')),
  goal: (place) => assigned('UserAssigned', policyIdentity(place)),
  goalAndOther: (place) => assigned('UserAssigned', other(place, 'id-app'), policyIdentity(place)),
  systemAndGoal: (place) => assigned(BOTH, policyIdentity(place)),
  goalInLowerCase: (place) => assigned(BOTH, policyIdentity(place).toLowerCase()),
  goalInUpperCase: (place) => assigned(BOTH, policyIdentity(place).toUpperCase()),
  typeWithoutBlank: (place) => assigned('SystemAssigned,UserAssigned', policyIdentity(place)),
  // `…-eastus` is a prefix of `…-eastus2`: an id must be matched whole.
  identityOfLongerRegion: (place) =>
    assigned(BOTH, policyIdentity({ ...place, location: `${place.location}2` })),
  identityOfShorterRegion: (place) =>
    assigned(
      BOTH,
      policyIdentity({ ...place, location: place.location.replace(/\d$/, '') || place.location }),
    ),
  sameNameInOtherGroup: (place) => assigned(BOTH, other(place, `Built-In-Identity-${place.location}`)),
  goalOfOtherSubscription: (place) =>
    assigned(BOTH, policyIdentity({ ...place, subscriptionId: 'ffffffff-0000-4000-8000-000000000000' })),
};
