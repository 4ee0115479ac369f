import { reasons } from '../domain/reasons.ts';
import { fold, type Scope } from '../domain/resourceId.ts';
import {
  GOAL_MISSING,
  GOAL_PRESENT,
  GROUPS,
  IDENTITIES,
  JOIN_GROUPS,
  quote,
  type VmFilter,
  verdicts,
} from './verdictsKql.ts';

const SUBSCRIPTIONS = 'microsoft.resources/subscriptions';

// What a VM looks like: the names of its identities without what Azure adds to each, so that pages stay small.
const LOOKS = `
| project id, location, provisioningState = tostring(properties.provisioningState), verdict, identityType, identities = bag_keys(identity.userAssignedIdentities)
| order by id asc`;

/**
 * Counts VMs, of one location or of all, by subscription, location and verdict, with the time the oldest of them was
 * created: Resource Graph does not know since when a VM lacks its identity, only that it cannot be longer.
 */
export function countQuery(filter: VmFilter, location?: string): string {
  return `${verdicts(filter, location)}
| summarize total = count(), oldest = min(todatetime(properties.timeCreated)) by subscriptionId, location, verdict
| project id = strcat(subscriptionId, '/', location, '/', verdict), subscriptionId, location, verdict, total, oldest
| order by id asc`;
}

/** Which VMs to list: those of these verdicts, narrowed down further. */
export interface Wanted {
  readonly verdicts: readonly string[];
  readonly location?: string | undefined;
  /** Only VMs without a system-assigned identity and with exactly so many user-assigned ones. */
  readonly onlyUserAssigned?: number | undefined;
}

/** By their ids, or the other way round. */
export type Order = 'asc' | 'desc';

/**
 * Lists VMs that are to be written. `groupSeen` is empty where the group of a VM is not shown: it may not be read, so nobody
 * knows whether a service manages it.
 */
export function vmIdsQuery(filter: VmFilter, wanted: Wanted, order: Order = 'asc'): string {
  return `${wantedVms(filter, wanted, JOIN_GROUPS)}
| project id, subscriptionId, location${seen(filter)}
| order by id ${order}`;
}

/** Lists VMs with what they look like, in a stable order. */
export function vmsQuery(filter: VmFilter, wanted: Wanted): string {
  return `${wantedVms(filter, wanted)}${LOOKS}`;
}

/** Counts VMs, by subscription and location. */
export function countWantedQuery(filter: VmFilter, wanted: Wanted): string {
  return `${wantedVms(filter, wanted)}
| summarize total = count() by subscriptionId, location
| project id = strcat(subscriptionId, '/', location), subscriptionId, location, total
| order by id asc`;
}

/** Tells what Resource Graph knows of one VM. */
export function oneVmQuery(filter: VmFilter, id: string): string {
  return `${verdicts(filter)}
| where id =~ ${quote(id)}${LOOKS}`;
}

/**
 * Every VM with its goal, its verdict and how it stands: lacking, compliant or excluded. The workbook goes on from here, so
 * that it judges by the rules of this app and not by some of its own. Of more than 100 `subscriptions` it asks all that the
 * one who looks may read.
 */
export function standingQuery(
  filter: VmFilter,
  subscriptions: readonly string[],
  excludedSubscriptions: readonly string[],
): string {
  const among = (ids: readonly string[]) => `subscriptionId in~ (${ids.map(quote).join(', ')})`;
  const only =
    subscriptions.length === 0 || subscriptions.length > 100 ? '' : `\n| where ${among(subscriptions)}`;
  const without =
    excludedSubscriptions.length === 0
      ? ''
      : `\n| extend verdict = iff(${among(excludedSubscriptions)}, 'excluded-scope', verdict)`;
  const compliant = Object.keys(reasons.compliant).map(quote).join(', ');
  return `${verdicts(filter)}${only}${without}
| extend state = case(verdict == ${quote(GOAL_MISSING)}, 'lacking', verdict in (${compliant}), 'compliant', 'excluded')`;
}

/** Lists the subscriptions of a request, and those of the resource groups that exist. */
export function scopesQuery(groups: readonly Scope[]): string {
  const groupIds = groups.map((group) => quote(fold(group.id)));
  const orGroup =
    groupIds.length > 0 ? ` or (type =~ ${quote(GROUPS)} and id in~ (${groupIds.join(', ')}))` : '';
  return `resourcecontainers
| where type =~ ${quote(SUBSCRIPTIONS)}${orGroup}
| project id, name, type, subscriptionId
| order by id asc`;
}

/** Counts VMs that carry a goal identity which is gone, or was deleted and made again, by subscription and location. */
export function renewalCountQuery(filter: VmFilter, location?: string): string {
  return `${renewals(filter, location)}
| summarize total = count() by subscriptionId, location
| project id = strcat(subscriptionId, '/', location), subscriptionId, location, total
| order by id asc`;
}

/** Lists those VMs of one location; `groupSeen` as in `vmIdsQuery`. */
export function renewalIdsQuery(filter: VmFilter, location: string, order: Order): string {
  return `${renewals(filter, location, JOIN_GROUPS)}
| project id, subscriptionId, location${seen(filter)}
| order by id ${order}`;
}

/** Lists those VMs of every location with what they look like, as having another verdict. */
export function renewalsQuery(filter: VmFilter, verdict: string): string {
  return `${renewals(filter)}
| extend verdict = ${quote(verdict)}${LOOKS}`;
}

// A central identity may be where the query does not look, so that one that is not found is not gone. Whether Resource
// Graph shows principals in the identities of a VM is unproven (wire-behaviour, section 5): where it shows none, no VM
// is said to carry another than the present one.
function renewals(filter: VmFilter, location?: string, joinGroups?: string): string {
  const gone = filter.policy.identity.kind === 'ownCentral' ? '' : 'isempty(principal) or ';
  return `${verdicts(filter, location, joinGroups)}
| where verdict == ${quote(GOAL_PRESENT)}
| join kind=leftouter (
    resources
    | where type =~ ${quote(IDENTITIES)}
    | project goal = tolower(id), principal = tolower(tostring(properties.principalId))
  ) on goal
| extend carried = tolower(tostring(identity.userAssignedIdentities))
| where ${gone}(isnotempty(principal) and carried contains 'principalid' and indexof(carried, principal) < 0)`;
}

function seen({ policy }: VmFilter): string {
  return policy.includeManagedGroups ? '' : ', groupSeen';
}

function wantedVms(
  filter: VmFilter,
  { verdicts: among, location, onlyUserAssigned }: Wanted,
  joinGroups?: string,
): string {
  const has =
    onlyUserAssigned === 0
      ? "keys in ('', '[]')"
      : `array_length(bag_keys(identity.userAssignedIdentities)) == ${onlyUserAssigned}`;
  const only = `\n| where not(identityType contains 'systemassigned') and ${has}`;
  return `${verdicts(filter, location, joinGroups)}
| where verdict in (${among.map(quote).join(', ')})${onlyUserAssigned === undefined ? '' : only}`;
}
