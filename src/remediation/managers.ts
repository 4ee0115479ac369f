import type { App } from '../app.ts';
import { groupManagedBy } from '../azure/managedIdentities.ts';
import type { FoundVm } from '../azure/vmLists.ts';
import { fold, resourceGroupId } from '../domain/resourceId.ts';
import { once } from './once.ts';

/**
 * Tells `managedBy` of the group of a VM that a query has found. The query has left out VMs in managed groups already,
 * where it could see the group; only of the others is it asked, once for each group. Rejects with AzureError.
 */
export function managerLookup({ clients }: Pick<App, 'clients'>): (found: FoundVm) => Promise<string> {
  const groups = new Map<string, Promise<string>>();
  return async ({ vm, groupSeen }) => {
    const { subscriptionId, resourceGroup } = vm;
    if (groupSeen) return '';
    return once(groups, fold(resourceGroupId(subscriptionId, resourceGroup)), () =>
      groupManagedBy(clients, subscriptionId, resourceGroup),
    );
  };
}
