import type { Scope } from '../domain/resourceId.ts';
import { GROUPS, IDENTITIES, onlyGroups, quote } from './verdictsKql.ts';

/** Lists the user-assigned identities of these names in the resource groups of one name. */
export function identitiesQuery(resourceGroup: string, names: readonly string[]): string {
  return `resources
| where type =~ ${quote(IDENTITIES)}
| where resourceGroup =~ ${quote(resourceGroup)} and name in~ (${names.map(quote).join(', ')})
| project id
| order by id asc`;
}

/** Lists the identities that VMs carry and that are not found, with how many VMs carry each and one of them. */
export function unknownIdentitiesQuery(groups: readonly Scope[]): string {
  return `resources
| where type =~ 'microsoft.compute/virtualmachines'${onlyGroups(groups)}
| mv-expand carriedId = bag_keys(identity.userAssignedIdentities) limit 400
| extend carried = tolower(tostring(carriedId))
| where isnotempty(carried)
| join kind=leftouter (
    resources
    | where type =~ ${quote(IDENTITIES)}
    | project carried = tolower(id), found = id
  ) on carried
| where isempty(found)
| summarize vms = count(), vm = min(id) by carried
| project id = carried, vms, vm
| order by id asc`;
}

/** Lists the resource groups of one name. */
export function groupsQuery(name: string): string {
  return `resourcecontainers
| where type =~ ${quote(GROUPS)} and name =~ ${quote(name)}
| project id
| order by id asc`;
}

/**
 * Lists VMs that had `fewest` or more changes in which user-assigned identities appear whose names begin so. Resource
 * Graph keeps changes for 14 days. Shape: Microsoft's page "Get resource changes".
 */
export function changedOftenQuery(identityName: string, fewest: number): string {
  return `${identityChanges(identityName)}
| summarize total = count() by target = tolower(tostring(properties.targetResourceId))
| where total >= ${fewest}
| project id = target, total
| order by id asc`;
}

/** Lists those changes of these VMs. */
export function changesQuery(identityName: string, vms: readonly string[]): string {
  return `${identityChanges(identityName)}
| where tostring(properties.targetResourceId) in~ (${vms.map(quote).join(', ')})
| project id, target = tostring(properties.targetResourceId), changedBy = tostring(properties.changeAttributes.changedBy), clientType = tostring(properties.changeAttributes.clientType), timestamp = tostring(properties.changeAttributes.timestamp), changes = properties.changes
| order by id asc`;
}

function identityChanges(identityName: string): string {
  return `resourcechanges
| where tostring(properties.targetResourceType) =~ 'microsoft.compute/virtualmachines' and tostring(properties.changeType) =~ 'Update'
| where tostring(properties.changes) contains ${quote(`/userAssignedIdentities/${identityName}`)}`;
}
