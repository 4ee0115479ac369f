import { fold, type ResourceId, resourceGroupId } from './resourceId.ts';

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

/** True when the VM, its resource group or its subscription is in the set. */
export function covers(scopes: ScopeSet, vm: ResourceId): boolean {
  return (
    scopes.subscriptions.has(fold(vm.subscriptionId)) ||
    scopes.resourceGroups.has(fold(resourceGroupId(vm.subscriptionId, vm.resourceGroup))) ||
    scopes.virtualMachines.has(fold(vm.id))
  );
}
