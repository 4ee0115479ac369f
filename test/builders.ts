import type { Policy } from '../src/domain/policy.ts';
import { identityId, parseVmId, type ResourceId } from '../src/domain/resourceId.ts';
import type { VmFacts } from '../src/domain/rules.ts';
import type { ResolvedScopes } from '../src/domain/scopes.ts';
import { vmIdentity } from '../src/domain/vmIdentity.ts';

export const SUBSCRIPTION = '11111111-1111-1111-1111-111111111111';
export const OTHER_SUBSCRIPTION = '22222222-2222-2222-2222-222222222222';

/** The id of a VM; throws on parts that make no id. */
export function aVmId(name = 'vm-01', group = 'rg-app', subscription = SUBSCRIPTION): ResourceId {
  const text = `/subscriptions/${subscription}/resourceGroups/${group}/providers/Microsoft.Compute/virtualMachines/${name}`;
  const id = parseVmId(text);
  if (!id) throw new Error(`not a VM id: ${text}`);
  return id;
}

/** The built-in identity of a region, as the app spells it. */
export function regionalIdentity(location: string, subscription = SUBSCRIPTION): string {
  return identityId(subscription, 'built-in-identity-rg', `built-in-identity-${location}`);
}

/** Any other identity of the same subscription. */
export function otherIdentity(name = 'app'): string {
  return identityId(SUBSCRIPTION, 'rg-identities', name);
}

/** A VM in eastus without identity; `type` and `ids` as Azure would return them. */
export function aVm(overrides: Partial<VmFacts> & { type?: string; ids?: readonly string[] } = {}): VmFacts {
  const { type, ids = [], ...facts } = overrides;
  const userAssignedIdentities = Object.fromEntries(ids.map((id) => [id, {}]));
  return {
    id: aVmId(),
    location: 'eastus',
    tags: {},
    identity: vmIdentity(type === undefined ? undefined : { type, userAssignedIdentities }),
    provisioningState: 'Succeeded',
    groupManagedBy: '',
    ...facts,
  };
}

/** The default policy, built-in mode. */
export function aPolicy(overrides: Partial<Policy> = {}): Policy {
  return {
    effect: 'DeployIfNotExists',
    identity: { kind: 'builtIn', resourceGroup: 'built-in-identity-rg', namePrefix: 'built-in-identity' },
    singleIdentityRule: 'imds',
    exclusionTag: undefined,
    includeManagedGroups: false,
    onlySubscriptions: undefined,
    onlyRegions: undefined,
    ...overrides,
  };
}

/** Scopes of the first subscription, nothing excluded. */
export function someScopes(
  overrides: { included?: Partial<Sets>; excluded?: Partial<Sets> } = {},
): ResolvedScopes {
  return {
    included: aSet(overrides.included ?? { subscriptions: [SUBSCRIPTION] }),
    excluded: aSet(overrides.excluded ?? {}),
  };
}

interface Sets {
  subscriptions: readonly string[];
  resourceGroups: readonly string[];
  virtualMachines: readonly string[];
}

function aSet({ subscriptions = [], resourceGroups = [], virtualMachines = [] }: Partial<Sets>) {
  const folded = (ids: readonly string[]) => new Set(ids.map((id) => id.toLowerCase()));
  return {
    subscriptions: folded(subscriptions),
    resourceGroups: folded(resourceGroups),
    virtualMachines: folded(virtualMachines),
  };
}
