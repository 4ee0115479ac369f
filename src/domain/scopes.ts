import { fold, type ResourceId, resourceGroupId, type Scope, sameId } from './resourceId.ts';

/** Scopes with every management group resolved to its subscriptions. All ids folded to lower case. */
export interface ScopeSet {
  /** Whole subscriptions, by id. */
  readonly subscriptions: ReadonlySet<string>;
  /** Single resource groups, by ARM id. */
  readonly resourceGroups: ReadonlySet<string>;
  /** Single virtual machines, by ARM id. Only excluded scopes have any. */
  readonly virtualMachines: ReadonlySet<string>;
}

/** What R8 is decided by: the scopes, and what is excluded from them. */
export interface ResolvedScopes {
  readonly included: ScopeSet;
  readonly excluded: ScopeSet;
}

/** What of the set covers the VM: the id of its subscription, of its resource group or its own; undefined when nothing does. */
export function coveredBy(scopes: ScopeSet, vm: ResourceId): string | undefined {
  const group = resourceGroupId(vm.subscriptionId, vm.resourceGroup);
  if (scopes.subscriptions.has(fold(vm.subscriptionId))) return `/subscriptions/${vm.subscriptionId}`;
  if (scopes.resourceGroups.has(fold(group))) return group;
  return scopes.virtualMachines.has(fold(vm.id)) ? vm.id : undefined;
}

/**
 * False when the scopes as they are written, without asking Azure what management groups hold, already say that the
 * VM is out: excluded, or in none of them.
 */
export function mayCover(scopes: readonly Scope[], excluded: readonly Scope[], vm: ResourceId): boolean {
  const holds = (scope: Scope): boolean | undefined => {
    if (scope.kind === 'managementGroup') return undefined;
    if (scope.kind === 'virtualMachine') return sameId(scope.id, vm.id);
    return scope.kind === 'subscription'
      ? sameId(scope.subscriptionId, vm.subscriptionId)
      : sameId(scope.id, resourceGroupId(vm.subscriptionId, vm.resourceGroup));
  };
  return !excluded.some((scope) => holds(scope) === true) && scopes.some((scope) => holds(scope) !== false);
}
