import { type Outcome, outcome } from './outcome.ts';
import type { ExclusionTag, Policy, SingleIdentityRule } from './policy.ts';
import { fold, foldLocation, type ResourceId, sameId } from './resourceId.ts';
import { coveredBy, type ResolvedScopes } from './scopes.ts';
import type { VmIdentity } from './vmIdentity.ts';

/** What is known of a VM, read fresh from Azure. */
export interface VmFacts {
  readonly id: ResourceId;
  readonly location: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly identity: VmIdentity;
  readonly provisioningState: string;
  /** `managedBy` of the VM's resource group; empty when nobody manages it. */
  readonly groupManagedBy: string;
}

/** What rules go by besides the VM. */
export interface Given {
  readonly policy: Policy;
  readonly scopes: ResolvedScopes;
}

/** One rule about a VM. Where it holds, the VM is left alone, and `leave` says why. */
export interface Rule<Subject> {
  readonly leave: Outcome;
  holds(subject: Subject, given: Given): boolean;
  /** What the rule looked at, and found, for a person to read. */
  saw(subject: Subject, given: Given): string;
}

/** A VM with the identity it should carry. */
export type VmWithGoal = VmFacts & {
  readonly goal: string;
  /** The principal of that identity as it is now, or NO_PRINCIPAL; undefined when not known. */
  readonly goalPrincipal?: string | undefined;
};

/** The rules that need nothing but a VM's id (R7, R8), in order: the first that holds counts. */
export const rulesOfId: readonly Rule<ResourceId>[] = [
  {
    leave: outcome('excluded', 'effect-disabled'),
    holds: (_, { policy }) => policy.effect === 'Disabled',
    saw: (_, { policy }) => `EFFECT is ${policy.effect}`,
  },
  {
    leave: outcome('excluded', 'out-of-scope'),
    holds: (vm, { scopes }) => coveredBy(scopes.included, vm) === undefined,
    saw: (vm, { scopes }) =>
      `SCOPES cover ${coveredBy(scopes.included, vm) ?? 'neither it, its group nor its subscription'}`,
  },
  {
    leave: outcome('excluded', 'excluded-scope'),
    holds: (vm, { scopes }) => coveredBy(scopes.excluded, vm) !== undefined,
    saw: (vm, { scopes }) =>
      `EXCLUDED_SCOPES cover ${coveredBy(scopes.excluded, vm) ?? 'neither it, its group nor its subscription'}`,
  },
  {
    leave: outcome('excluded', 'subscription-not-rolled-out'),
    holds: (vm, { policy }) => !isIn(policy.onlySubscriptions, fold(vm.subscriptionId)),
    saw: (_, { policy }) => `ONLY_SUBSCRIPTIONS is ${listText(policy.onlySubscriptions)}`,
  },
];

/** The rules that need the VM as it is (R5, R7, R8), in order, after those of its id. */
export const rulesOfVm: readonly Rule<VmWithGoal>[] = [
  {
    leave: outcome('excluded', 'region-not-rolled-out'),
    holds: (vm, { policy }) => !isIn(policy.onlyRegions, foldLocation(vm.location)),
    saw: (vm, { policy }) => `the VM is in ${vm.location}, ONLY_REGIONS is ${listText(policy.onlyRegions)}`,
  },
  {
    leave: outcome('excluded', 'exclusion-tag'),
    holds: (vm, { policy }) => policy.exclusionTag !== undefined && hasTag(vm.tags, policy.exclusionTag),
    saw: (vm, { policy }) =>
      `EXCLUSION_TAG is ${tagText(policy.exclusionTag)}, tags of the VM: ${tagsText(vm.tags)}`,
  },
  {
    leave: outcome('excluded', 'managed-group'),
    holds: (vm, { policy }) => !policy.includeManagedGroups && vm.groupManagedBy !== '',
    saw: (vm, { policy }) =>
      `${vm.groupManagedBy === '' ? 'nobody' : vm.groupManagedBy} manages its group, INCLUDE_MANAGED_GROUPS is ${policy.includeManagedGroups}`,
  },
  {
    leave: outcome('excluded', 'vm-deleting'),
    holds: (vm) => fold(vm.provisioningState) === 'deleting',
    saw: (vm) => `its provisioning state is ${vm.provisioningState || 'not told'}`,
  },
  {
    leave: outcome('compliant', 'goal-present'),
    holds: (vm) => carries(vm.identity, vm.goal) && !isDead(vm.identity, vm.goal, vm.goalPrincipal),
    saw: (vm) =>
      `it has ${identityText(vm.identity)}; the goal identity is ${carries(vm.identity, vm.goal) ? '' : 'not '}among them${isDead(vm.identity, vm.goal, vm.goalPrincipal) ? ', but it was deleted since' : ''}`,
  },
  {
    leave: outcome('compliant', 'single-identity'),
    holds: (vm, { policy }) =>
      isSingleIdentity(vm.identity, policy.singleIdentityRule) && !carries(vm.identity, vm.goal),
    saw: (vm, { policy }) =>
      `it has ${identityText(vm.identity)}, SINGLE_IDENTITY_RULE is ${policy.singleIdentityRule}`,
  },
  {
    leave: outcome('deferred', 'audit-only'),
    holds: (_, { policy }) => policy.effect === 'AuditIfNotExists',
    saw: (_, { policy }) => `EFFECT is ${policy.effect}`,
  },
];

/** True when the VM carries the identity: the type says so and the id is a key, matched whole (R4, R5). */
export function carries(identity: VmIdentity, goal: string): boolean {
  return identity.user && identity.userAssigned.some((id) => sameId(id, goal));
}

/**
 * True when what the VM carries under this id is an earlier identity, deleted since: its principal is not the one the
 * identity has now. Azure leaves such a one on the VM, dead (peers, "How MIC batches", 8). False where Azure tells
 * nothing of either.
 */
export function isDead(identity: VmIdentity, goal: string, goalPrincipal: string | undefined): boolean {
  const carried = identity.principals?.[fold(goal)];
  if (carried === undefined || !goalPrincipal) return false;
  return !sameId(carried, goalPrincipal);
}

/** Stands for the principal of an identity that does not exist. */
export const NO_PRINCIPAL = 'none';

/** The identities of a VM in words. */
export function identityText({ system, userAssigned }: VmIdentity): string {
  const user = userAssigned.length === 0 ? '' : `${userAssigned.length} user-assigned`;
  if (!system) return user || 'no identity';
  return user ? `system-assigned and ${user}` : 'system-assigned';
}

// R5: a program that names no identity gets the only user-assigned one from IMDS; a second would break it.
// With a system identity present IMDS hands out that one, so `imds` exempts no VM that has it.
function isSingleIdentity(identity: VmIdentity, rule: SingleIdentityRule): boolean {
  return identity.user && identity.userAssigned.length === 1 && (rule === 'always' || !identity.system);
}

// Tag names ignore case, values do not (azure-facts, section 12).
function hasTag(tags: Readonly<Record<string, string>>, wanted: ExclusionTag): boolean {
  return Object.entries(tags).some(
    ([name, value]) => sameId(name, wanted.name) && (wanted.value === undefined || value === wanted.value),
  );
}

function isIn(list: ReadonlySet<string> | undefined, folded: string): boolean {
  return list === undefined || list.has(folded);
}

function listText(list: ReadonlySet<string> | undefined): string {
  return list === undefined ? 'not set' : [...list].join(', ');
}

function tagText(tag: ExclusionTag | undefined): string {
  if (!tag) return 'not set';
  return tag.value === undefined ? tag.name : `${tag.name}=${tag.value}`;
}

function tagsText(tags: Readonly<Record<string, string>>): string {
  return (
    Object.entries(tags)
      .map(([name, value]) => `${name}=${value}`)
      .join(', ') || 'none'
  );
}
