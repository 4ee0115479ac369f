import { goalIdentity } from './goalIdentity.ts';
import { type Outcome, outcome } from './outcome.ts';
import type { ExclusionTag, Policy, SingleIdentityRule } from './policy.ts';
import { fold, type ResourceId, sameId } from './resourceId.ts';
import { covers, type ResolvedScopes } from './scopes.ts';
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

/** Assign the goal identity, or leave the VM alone with the outcome that says why. */
export type Decision =
  | { readonly action: 'assign'; readonly goal: string }
  | { readonly action: 'leave'; readonly goal: string; readonly outcome: Outcome };

/** Decides one VM. The only home of R5 and R8; the Resource Graph query says the same in KQL, and a test holds them together. */
export function decide(vm: VmFacts, policy: Policy, scopes: ResolvedScopes): Decision {
  const goal = goalIdentity(policy.identity, {
    subscriptionId: vm.id.subscriptionId,
    location: vm.location,
  });
  const outcome = reasonToLeave(vm, goal, policy, scopes);
  return outcome ? { action: 'leave', goal, outcome } : { action: 'assign', goal };
}

/** Why a VM is not even read: what effect and scopes say of its id alone (R7, R8). Undefined when it may be. */
export function reasonNotToRead(
  vm: ResourceId,
  policy: Pick<Policy, 'effect'>,
  scopes: ResolvedScopes,
): Outcome | undefined {
  if (policy.effect === 'Disabled') return outcome('excluded', 'effect-disabled');
  if (!covers(scopes.included, vm)) return outcome('excluded', 'out-of-scope');
  return covers(scopes.excluded, vm) ? outcome('excluded', 'excluded-scope') : undefined;
}

function reasonToLeave(
  vm: VmFacts,
  goal: string,
  policy: Policy,
  scopes: ResolvedScopes,
): Outcome | undefined {
  const unread = reasonNotToRead(vm.id, policy, scopes);
  if (unread) return unread;
  if (policy.exclusionTag && hasTag(vm.tags, policy.exclusionTag)) {
    return outcome('excluded', 'exclusion-tag');
  }
  if (!policy.includeManagedGroups && vm.groupManagedBy !== '') return outcome('excluded', 'managed-group');
  if (fold(vm.provisioningState) === 'deleting') return outcome('excluded', 'vm-deleting');
  if (carries(vm.identity, goal)) return outcome('compliant', 'goal-present');
  if (isSingleIdentity(vm.identity, policy.singleIdentityRule)) {
    return outcome('compliant', 'single-identity');
  }
  if (policy.effect === 'AuditIfNotExists') return outcome('deferred', 'audit-only');
  return undefined;
}

/** True when the VM carries the identity: the type says so and the id is a key, matched whole (R4, R5). */
export function carries(identity: VmIdentity, goal: string): boolean {
  return identity.user && identity.userAssigned.some((id) => sameId(id, goal));
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
