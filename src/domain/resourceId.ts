/** A resource of a kind this app handles, addressed by subscription, resource group and name. */
export interface ResourceId {
  /** The whole ARM id, spelled canonically; names keep their letter case. */
  readonly id: string;
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  readonly name: string;
}

/** Where the app may work: the forms `SCOPES` and `EXCLUDED_SCOPES` take. */
export type Scope =
  | { readonly kind: 'managementGroup'; readonly id: string; readonly name: string }
  | { readonly kind: 'subscription'; readonly id: string; readonly subscriptionId: string }
  | {
      readonly kind: 'resourceGroup';
      readonly id: string;
      readonly subscriptionId: string;
      readonly resourceGroup: string;
    }
  | { readonly kind: 'virtualMachine'; readonly id: string; readonly vm: ResourceId };

const VM_TYPE = 'Microsoft.Compute/virtualMachines';
const IDENTITY_TYPE = 'Microsoft.ManagedIdentity/userAssignedIdentities';
const SYSTEM_TOPIC_TYPE = 'Microsoft.EventGrid/systemTopics';
const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
// ARM's own rules for names. None lets "/", "%", a blank, a quote or ".." through, so an id that was parsed is
// safe in a URL and in a query.
const MANAGEMENT_GROUP_NAME = /^[\p{L}\p{N}_\-.()]{1,90}$/u;
const RESOURCE_GROUP_NAME = /^[\p{L}\p{N}_\-.()]{0,89}[\p{L}\p{N}_\-()]$/u;
const RESOURCE_NAME = /^[\p{L}\p{N}_][\p{L}\p{N}_.-]{0,127}$/u;

/** True for a GUID, the form of subscription and client ids. */
export function isGuid(text: string): boolean {
  return GUID.test(text);
}

/** True for a name ARM accepts for a resource group. */
export function isResourceGroupName(text: string): boolean {
  return RESOURCE_GROUP_NAME.test(text);
}

/** The form in which ARM ids, names and locations are compared: without regard to letter case (R4). */
export function fold(text: string): string {
  return text.toLowerCase();
}

/** A location as Azure normalises it: `West US` is `westus`. */
export function foldLocation(location: string): string {
  return fold(location).replaceAll(' ', '');
}

/** True when both texts are the same id: compared whole, without regard to case (R4). */
export function sameId(a: string, b: string): boolean {
  return fold(a) === fold(b);
}

/** The id of a resource group, spelled canonically. */
export function resourceGroupId(subscriptionId: string, resourceGroup: string): string {
  return `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}`;
}

/** The id of a user-assigned identity, spelled canonically. */
export function identityId(subscriptionId: string, resourceGroup: string, name: string): string {
  return `${resourceGroupId(subscriptionId, resourceGroup)}/providers/${IDENTITY_TYPE}/${name}`;
}

/** Parses the id of a virtual machine; undefined when the text is anything else, however similar it looks. */
export function parseVmId(text: string): ResourceId | undefined {
  return parseResource(text, VM_TYPE);
}

/** Parses the id of a user-assigned identity; undefined when the text is anything else. */
export function parseIdentityId(text: string): ResourceId | undefined {
  return parseResource(text, IDENTITY_TYPE);
}

/** Parses the id of a system topic of Event Grid; undefined when the text is anything else. */
export function parseSystemTopicId(text: string): ResourceId | undefined {
  return parseResource(text, SYSTEM_TOPIC_TYPE);
}

/** Parses a scope: a management group, subscription, resource group or virtual machine id; else undefined. */
export function parseScope(text: string): Scope | undefined {
  const managementGroup = after(text, '/providers/Microsoft.Management/managementGroups/');
  if (managementGroup !== undefined) {
    if (!MANAGEMENT_GROUP_NAME.test(managementGroup)) return undefined;
    const id = `/providers/Microsoft.Management/managementGroups/${managementGroup}`;
    return { kind: 'managementGroup', id, name: managementGroup };
  }
  const vm = parseVmId(text);
  if (vm) return { kind: 'virtualMachine', id: vm.id, vm };
  const [subscriptionId = '', groups, resourceGroup, ...rest] =
    after(text, '/subscriptions/')?.split('/') ?? [];
  if (!isGuid(subscriptionId) || rest.length > 0) return undefined;
  if (groups === undefined) {
    return { kind: 'subscription', id: `/subscriptions/${subscriptionId}`, subscriptionId };
  }
  if (!sameId(groups, 'resourceGroups') || !isResourceGroupName(resourceGroup ?? '')) return undefined;
  const group = resourceGroup as string;
  return {
    kind: 'resourceGroup',
    id: resourceGroupId(subscriptionId, group),
    subscriptionId,
    resourceGroup: group,
  };
}

function parseResource(text: string, type: string): ResourceId | undefined {
  const [
    subscriptionId = '',
    groups = '',
    resourceGroup = '',
    providers = '',
    provider,
    kind,
    name = '',
    ...rest
  ] = after(text, '/subscriptions/')?.split('/') ?? [];
  const wellFormed =
    isGuid(subscriptionId) &&
    sameId(groups, 'resourceGroups') &&
    isResourceGroupName(resourceGroup) &&
    sameId(providers, 'providers') &&
    sameId(`${provider}/${kind}`, type) &&
    RESOURCE_NAME.test(name) &&
    rest.length === 0;
  if (!wellFormed) return undefined;
  const id = `${resourceGroupId(subscriptionId, resourceGroup)}/providers/${type}/${name}`;
  return { id, subscriptionId, resourceGroup, name };
}

/** What follows the prefix, which is compared without regard to case; undefined when the text starts otherwise. */
function after(text: string, prefix: string): string | undefined {
  return sameId(text.slice(0, prefix.length), prefix) ? text.slice(prefix.length) : undefined;
}
