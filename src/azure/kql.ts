import { goalIdentity } from '../domain/goalIdentity.ts';
import type { ExclusionTag, Policy } from '../domain/policy.ts';
import { reasons } from '../domain/reasons.ts';
import { fold, type Scope } from '../domain/resourceId.ts';

const GROUPS = 'microsoft.resources/subscriptions/resourcegroups';
const SUBSCRIPTIONS = 'microsoft.resources/subscriptions';

/** The verdict of a VM that lacks its goal identity; every other verdict is a reason code to leave it alone. */
export const GOAL_MISSING = 'goal-missing';

/** The verdict of a VM that carries its goal identity. */
export const GOAL_PRESENT = 'goal-present';

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

/**
 * Lists the VMs of one location that lack their goal identity, in a stable order. `groupSeen` is empty where the group of
 * a VM is not shown: it may not be read, so nobody knows whether a service manages it.
 */
export function goalMissingQuery(filter: VmFilter, location: string): string {
  const seen = filter.policy.includeManagedGroups ? '' : ', groupSeen';
  return `${verdicts(filter, location, JOIN_GROUPS)}
| where verdict == ${quote(GOAL_MISSING)}
| project id, subscriptionId, location${seen}
| order by id asc`;
}

/** Lists the VMs with one of these verdicts, with the identities they carry, in a stable order. */
export function listQuery(filter: VmFilter, among: readonly string[]): string {
  return `${verdicts(filter)}
| where verdict in (${among.map(quote).join(', ')})
| project id, location, verdict, identityType, identities = bag_keys(identity.userAssignedIdentities)
| order by id asc`;
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

// The same rules as domain/decide.ts, in the order of its reasons; a property test holds the two together. Only
// functions that public Resource Graph queries use (azure-facts, section 4 "Dialect"). What Resource Graph gets
// wrong, being stale, is decided again on a fresh read.
function verdicts(
  { policy, excluded, groups }: VmFilter,
  location?: string,
  joinGroups = JOIN_MANAGED_GROUPS,
): string {
  const rules = [
    ...excludedRules(excluded),
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

function onlyGroups(groups: readonly Scope[]): string {
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
function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
