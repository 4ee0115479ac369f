import type { ArmResource } from './armResource.ts';
import type { Store } from './store.ts';

const GROUP_TYPE = 'microsoft.management/managementgroups';
const MEMBER_TYPE = 'microsoft.management/managementgroups/subscriptions';
const SUBSCRIPTION_TYPE = 'microsoft.resources/subscriptions';

/** The hierarchy above subscriptions. All names and ids are lower case. */
export interface Hierarchy {
  exists(managementGroup: string): boolean;
  /** Ids of the subscriptions at or below the group, or undefined when there is no such group. */
  subscriptionsUnder(managementGroup: string): string[] | undefined;
  /** Names of the groups above a subscription, nearest first; the tenant root is always the last. */
  above(subscriptionId: string): string[];
  /** Names of a group and of those above it, nearest first. */
  atOrAboveGroup(managementGroup: string): string[];
}

/**
 * Reads the hierarchy from the state. A subscription's place is taken from whichever of Azure's own forms is there:
 * a `managementGroups/subscriptions` resource, `properties.managementGroupAncestorsChain` of the subscription (as in
 * Resource Graph), or `properties.children` of the group. Without any it is right below the tenant root.
 */
export function hierarchy(store: Store, tenantRoot: string): Hierarchy {
  const root = tenantRoot.toLowerCase();
  const groupParent = new Map<string, string>();
  const subscriptionParent = new Map<string, string>();
  for (const { resource } of store.list(GROUP_TYPE)) {
    const name = nameOf(resource.id);
    if (name !== root) groupParent.set(name, parentOf(resource) ?? root);
    for (const child of childrenOf(resource)) {
      if (child.type?.toLowerCase() === '/subscriptions' && child.name) {
        subscriptionParent.set(child.name.toLowerCase(), name);
      }
    }
  }
  for (const { resource } of store.list(SUBSCRIPTION_TYPE)) {
    const chain = resource.properties?.managementGroupAncestorsChain as { name?: string }[] | undefined;
    const nearest = chain?.[0]?.name;
    if (nearest) subscriptionParent.set(nameOf(resource.id), nearest.toLowerCase());
  }
  for (const { resource } of store.list(MEMBER_TYPE)) {
    const group = resource.id.split('/')[4];
    if (group) subscriptionParent.set(nameOf(resource.id), group.toLowerCase());
  }

  function atOrAboveGroup(managementGroup: string): string[] {
    const names: string[] = [];
    let next = managementGroup.toLowerCase();
    while (next !== root && !names.includes(next)) {
      names.push(next);
      next = groupParent.get(next) ?? root;
    }
    return [...names, root];
  }

  const above = (subscriptionId: string): string[] =>
    atOrAboveGroup(subscriptionParent.get(subscriptionId.toLowerCase()) ?? root);

  return {
    above,
    atOrAboveGroup,
    exists: (managementGroup) =>
      managementGroup.toLowerCase() === root || groupParent.has(managementGroup.toLowerCase()),
    subscriptionsUnder(managementGroup) {
      const name = managementGroup.toLowerCase();
      if (name !== root && !groupParent.has(name)) return undefined;
      return [...store.list(SUBSCRIPTION_TYPE)]
        .filter((entry) => !entry.deleted)
        .map((entry) => nameOf(entry.resource.id))
        .filter((id) => above(id).includes(name));
    },
  };
}

function nameOf(id: string): string {
  return (id.split('/').at(-1) ?? '').toLowerCase();
}

function parentOf(group: ArmResource): string | undefined {
  const details = group.properties?.details as { parent?: { id?: string; name?: string } } | undefined;
  const parent = details?.parent;
  return parent?.id ? nameOf(parent.id) : parent?.name?.toLowerCase();
}

function childrenOf(group: ArmResource): { type?: string; name?: string }[] {
  const children = group.properties?.children;
  return Array.isArray(children) ? children : [];
}
