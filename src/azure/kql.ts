import { goalIdentity } from '../domain/goalIdentity.ts';
import type { ExclusionTag, Policy } from '../domain/policy.ts';
import { fold, type Scope } from '../domain/resourceId.ts';

/** The type of resource groups in Resource Graph. */
export const GROUPS = 'microsoft.resources/subscriptions/resourcegroups';
/** The type of user-assigned identities. */
export const IDENTITIES = 'microsoft.managedidentity/userassignedidentities';
const SUBSCRIPTIONS = 'microsoft.resources/subscriptions';

/** The verdict of a VM that lacks its goal identity; every other verdict is a reason code to leave it alone. */
export const GOAL_MISSING = 'goal-missing';

/** The verdict of a VM that carries its goal identity. */
export const GOAL_PRESENT = 'goal-present';

// What a VM looks like: the names of its identities without what Azure adds to each, so that pages stay small.
const LOOKS = `
| project id, location, provisioningState = tostring(properties.provisioningState), verdict, identityType, identities = bag_keys(identity.userAssignedIdentities)
| order by id asc`;

/** Which VMs a query looks at. */
export interface VmFilter {
  readonly policy: Policy;
  /** Excluded resource groups and VMs. Whole excluded subscriptions are left out of the request instead. */
  readonly excluded: readonly Scope[];
  /** Resource groups that are scopes by themselves, in subscriptions that are not. */
  readonly groups: readonly Scope[];
}

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

/**
 * Lists VMs that are to be written, in a stable order. `groupSeen` is empty where the group of a VM is not shown: it may
 * not be read, so nobody knows whether a service manages it.
 */
export function vmIdsQuery(filter: VmFilter, wanted: Wanted): string {
  return `${wantedVms(filter, wanted, JOIN_GROUPS)}
| project id, subscriptionId, location${seen(filter)}
| order by id asc`;
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
export function renewalIdsQuery(filter: VmFilter, location: string): string {
  return `${renewals(filter, location, JOIN_GROUPS)}
| project id, subscriptionId, location${seen(filter)}
| order by id asc`;
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

// The same rules as domain/rules.ts, in the order of its reasons; a property test holds the two together. Only
// functions that public Resource Graph queries use (azure-facts, section 4 "Dialect"). What Resource Graph gets
// wrong, being stale, is decided again on a fresh read.
function verdicts(
  { policy, excluded, groups }: VmFilter,
  location?: string,
  joinGroups = JOIN_MANAGED_GROUPS,
): string {
  const rules = [
    ...excludedRules(excluded),
    ...notIn('subscriptionId', policy.onlySubscriptions, 'subscription-not-rolled-out'),
    ...notIn('location', policy.onlyRegions, 'region-not-rolled-out'),
    ...(policy.exclusionTag ? [[hasTag(policy.exclusionTag), 'exclusion-tag']] : []),
    ...(policy.includeManagedGroups ? [] : [['isnotempty(groupOwner)', 'managed-group']]),
    ["tolower(tostring(properties.provisioningState)) == 'deleting'", 'vm-deleting'],
    ["identityType contains 'userassigned' and indexof(keys, strcat('\"', goal, '\"')) >= 0", GOAL_PRESENT],
    [singleIdentity(policy), 'single-identity'],
  ];
  const cases = rules.map(([condition, reason]) => `  ${condition}, ${quote(reason as string)},`);
  return `resources
| where type =~ 'microsoft.compute/virtualmachines'${location === undefined ? '' : `\n| where location =~ ${quote(location)}`}${onlyGroups(groups)}${policy.includeManagedGroups ? '' : joinGroups}
| extend identityType = tolower(tostring(identity.type)), keys = tolower(tostring(bag_keys(identity.userAssignedIdentities))), goal = ${goal(policy)}
| extend verdict = case(
${cases.join('\n')}
  ${quote(GOAL_MISSING)})`;
}

const joinGroups = (condition: string) => `
| extend groupName = tolower(resourceGroup)
| join kind=leftouter (
    resourcecontainers
    | where type =~ ${quote(GROUPS)}${condition}
    | project subscriptionId, groupName = tolower(name), groupOwner = managedBy, groupSeen = name
  ) on subscriptionId, groupName`;
// Counting looks at the whole tenant: managed groups are few.
const JOIN_MANAGED_GROUPS = joinGroups(' and isnotempty(managedBy)');
const JOIN_GROUPS = joinGroups('');

// The goal of each row, from the one place that knows how goals are spelled: placeholders become columns.
function goal(policy: Policy): string {
  const spelled = fold(goalIdentity(policy.identity, { subscriptionId: '{s}', location: '{l}' }));
  const parts = spelled.split(/(\{s\}|\{l\})/).filter((part) => part !== '');
  const columns = new Map([
    ['{s}', 'subscriptionId'],
    ['{l}', 'location'],
  ]);
  return `tolower(strcat(${parts.map((part) => columns.get(part) ?? quote(part)).join(', ')}))`;
}

function singleIdentity({ singleIdentityRule }: Policy): string {
  const one = 'array_length(bag_keys(identity.userAssignedIdentities)) == 1';
  return singleIdentityRule === 'always'
    ? `identityType contains 'userassigned' and ${one}`
    : `identityType == 'userassigned' and ${one}`;
}

function excludedRules(excluded: readonly Scope[]): string[][] {
  const groups = excluded.filter((scope) => scope.kind === 'resourceGroup').map(inGroup);
  const vms = excluded.filter((scope) => scope.kind === 'virtualMachine').map((scope) => quote(scope.id));
  const conditions = [...groups, ...(vms.length > 0 ? [`id in~ (${vms.join(', ')})`] : [])];
  return conditions.length > 0 ? [[conditions.join(' or '), 'excluded-scope']] : [];
}

function notIn(column: string, list: ReadonlySet<string> | undefined, reason: string): string[][] {
  return list === undefined ? [] : [[`${column} !in~ (${[...list].map(quote).join(', ')})`, reason]];
}

/** Leaves out what is in a subscription of these groups and in none of them. */
export function onlyGroups(groups: readonly Scope[]): string {
  if (groups.length === 0) return '';
  const subscriptions = new Set(
    groups.map((group) => (group.kind === 'resourceGroup' ? quote(fold(group.subscriptionId)) : '')),
  );
  const whole = `subscriptionId !in~ (${[...subscriptions].join(', ')})`;
  return `\n| where ${[whole, ...groups.map(inGroup)].join(' or ')}`;
}

function inGroup(scope: Scope): string {
  if (scope.kind !== 'resourceGroup') return '1 == 0';
  return `(subscriptionId =~ ${quote(scope.subscriptionId)} and resourceGroup =~ ${quote(scope.resourceGroup)})`;
}

// Tag names ignore case, values do not, and KQL keys are case-sensitive. So the tags are searched as JSON text:
// the pair without regard to case, then the value at that very place with regard to it.
function hasTag({ name, value }: ExclusionTag): string {
  const key = JSON.stringify(fold(name));
  if (value === undefined) return `indexof(tolower(tostring(bag_keys(tags))), ${quote(key)}) >= 0`;
  const text = 'tostring(tags)';
  const pair = quote(`${key}:${fold(JSON.stringify(value))}`);
  const place = `indexof(tolower(${text}), ${pair})`;
  const exact = quote(`:${JSON.stringify(value)}`);
  return `(${place} >= 0 and indexof(${text}, ${exact}, ${place}) == ${place} + ${key.length})`;
}

/** A KQL string literal. */
export function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
