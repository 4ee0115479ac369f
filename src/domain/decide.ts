import { goalIdentity } from './goalIdentity.ts';
import type { Outcome } from './outcome.ts';
import type { Policy } from './policy.ts';
import type { ResourceId } from './resourceId.ts';
import { rulesOfId, rulesOfVm, type VmFacts } from './rules.ts';
import type { ResolvedScopes } from './scopes.ts';

/** Assign the goal identity, or leave the VM alone with the outcome that says why. */
export type Decision =
  | { readonly action: 'assign'; readonly goal: string }
  | { readonly action: 'leave'; readonly goal: string; readonly outcome: Outcome };

/** Decides one VM by the first rule that holds. The Resource Graph query says the same in KQL, and a test holds them together. */
export function decide(vm: VmFacts, policy: Policy, scopes: ResolvedScopes): Decision {
  const goal = goalOf(vm, policy);
  const given = { policy, scopes };
  const rule =
    rulesOfId.find(({ holds }) => holds(vm.id, given)) ??
    rulesOfVm.find(({ holds }) => holds({ ...vm, goal }, given));
  return rule ? { action: 'leave', goal, outcome: rule.leave } : { action: 'assign', goal };
}

/** Why a VM is not even read: what effect and scopes say of its id alone (R7, R8). Undefined when it may be. */
export function reasonNotToRead(vm: ResourceId, policy: Policy, scopes: ResolvedScopes): Outcome | undefined {
  return rulesOfId.find(({ holds }) => holds(vm, { policy, scopes }))?.leave;
}

function goalOf(vm: VmFacts, policy: Policy): string {
  return goalIdentity(policy.identity, { subscriptionId: vm.id.subscriptionId, location: vm.location });
}
