import { goalIdentity } from '../domain/goalIdentity.ts';
import type { ExclusionTag, Policy } from '../domain/policy.ts';
import { fold, type Scope } from '../domain/resourceId.ts';

/** The type of resource groups in Resource Graph. */
export const GROUPS = 'microsoft.resources/subscriptions/resourcegroups';
/** The type of user-assigned identities. */
export const IDENTITIES = 'microsoft.managedidentity/userassignedidentities';

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
 * Every VM with its verdict: the same rules as domain/rules.ts, in the order of its reasons; a property test holds the two
 * together. Only functions that public Resource Graph queries use (azure-facts, section 4 "Dialect"). What Resource
 * Graph gets wrong, being stale, is decided again on a fresh read.
 */
export function verdicts(
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
/** Shows the group of every VM, also of those that no service manages; default: of the others only, which are few. */
export const JOIN_GROUPS = joinGroups('');

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
