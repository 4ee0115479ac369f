import { goalIdentity } from './goalIdentity.ts';
import { type Outcome, outcome } from './outcome.ts';
import type { Policy } from './policy.ts';
import type { ResourceId } from './resourceId.ts';
import { carries, rulesOfId, rulesOfVm, type VmFacts } from './rules.ts';
import type { ResolvedScopes } from './scopes.ts';

/** Assign the goal identity, or leave the VM alone with the outcome that says why. */
export type Decision =
  | { readonly action: 'assign'; readonly goal: string }
  | { readonly action: 'leave'; readonly goal: string; readonly outcome: Outcome };

/** Remove the goal identity, or leave the VM alone with the outcome that says why. */
export type RollbackDecision =
  | { readonly action: 'remove'; readonly goal: string }
  | { readonly action: 'leave'; readonly goal: string; readonly outcome: Outcome };

/**
 * Decides one VM by the first rule that holds. The Resource Graph query says the same in KQL, and a test holds them
 * together. `goalPrincipal` is the principal of the goal identity as it is now, where that is known: a VM that carries
 * an earlier one under the same id lacks it.
 */
export function decide(
  vm: VmFacts,
  policy: Policy,
  scopes: ResolvedScopes,
  goalPrincipal?: string,
): Decision {
  const goal = goalOf(vm, policy);
  const given = { policy, scopes };
  const rule =
    rulesOfId.find(({ holds }) => holds(vm.id, given)) ??
    rulesOfVm.find(({ holds }) => holds({ ...vm, goal, goalPrincipal }, given));
  return rule ? { action: 'leave', goal, outcome: rule.leave } : { action: 'assign', goal };
}

/** Why a VM is not even read: what effect and scopes say of its id alone (R7, R8). Undefined when it may be. */
export function reasonNotToRead(vm: ResourceId, policy: Policy, scopes: ResolvedScopes): Outcome | undefined {
  return rulesOfId.find(({ holds }) => holds(vm, { policy, scopes }))?.leave;
}

/**
 * Decides one VM of a rollback: whatever is excluded from assigning is left alone here, too, except that the effect
 * does not count, since it should be off by then; every other VM that carries its goal identity loses it.
 */
export function decideRollback(vm: VmFacts, policy: Policy, scopes: ResolvedScopes): RollbackDecision {
  const goal = goalOf(vm, policy);
  const given = { policy: { ...policy, effect: 'DeployIfNotExists' as const }, scopes };
  const excluded =
    rulesOfId.find(({ holds }) => holds(vm.id, given)) ??
    rulesOfVm.find(({ leave, holds }) => leave.outcome === 'excluded' && holds({ ...vm, goal }, given));
  if (excluded) return { action: 'leave', goal, outcome: excluded.leave };
  if (carries(vm.identity, goal)) return { action: 'remove', goal };
  return { action: 'leave', goal, outcome: outcome('compliant', 'goal-absent') };
}

function goalOf(vm: VmFacts, policy: Policy): string {
  return goalIdentity(policy.identity, { subscriptionId: vm.id.subscriptionId, location: vm.location });
}
