import { TENANT_ID } from '../arm/principals.ts';
import type { GraphRow, GraphSource } from '../graph/graphSource.ts';
import type { ArmResource } from './armResource.ts';
import type { Changes } from './changes.ts';
import type { Hierarchy } from './managementGroups.ts';
import { type Store, subscriptionOf } from './store.ts';

const SUBSCRIPTION = 'microsoft.resources/subscriptions';
const GROUP = 'microsoft.resources/resourcegroups';
const GROUP_IN_GRAPH = 'microsoft.resources/subscriptions/resourcegroups';
const MANAGEMENT_GROUP = 'microsoft.management/managementgroups';
// Kept in tables of their own, or in none.
const NOT_IN_RESOURCES = /^microsoft\.(authorization|management|resources)\//;
// Tables that exist and that nothing seeded here fills.
const EMPTY_TABLES = new Set([
  'advisorresources',
  'alertsmanagementresources',
  'appserviceresources',
  'authorizationresources',
  'computeresources',
  'connectedvmwarevsphereresources',
  'extendedlocationresources',
  'guestconfigurationresources',
  'healthresources',
  'healthresourcechanges',
  'insightsresources',
  'iotsecurityresources',
  'kubernetesconfigurationresources',
  'maintenanceresources',
  'managedservicesresources',
  'networkresources',
  'patchassessmentresources',
  'patchinstallationresources',
  'policyresources',
  'recoveryservicesresources',
  'resourcecontainerchanges',
  'securityresources',
  'servicehealthresources',
  'spotresources',
  'supportresources',
  'tagsresources',
]);

/** Which ids of a subscription (empty: above all of them) a caller may do something to. */
export type Filter = (action: string, subscriptionId: string) => (id: string) => boolean;

/**
 * Resource Graph's tables over the state, as one caller may see them: a row needs the right to read that resource, and
 * what lacks it is left out without a word (azure-facts, section 4). So is what a fault `hides`, by id.
 */
export function graphSource(
  store: Store,
  changes: Changes,
  tree: Hierarchy,
  readable: ReadonlySet<string>,
  filter: Filter,
  hides?: RegExp,
): GraphSource {
  function* rows(types: Iterable<string>, subscriptions: ReadonlySet<string>): Generator<GraphRow> {
    for (const type of types) {
      for (const subscriptionId of subscriptions) {
        const mayRead = filter(`${graphType(type)}/read`, subscriptionId);
        for (const entry of store.list(type, subscriptionId)) {
          const shown = store.graphView(entry);
          if (shown && mayRead(shown.id) && !hides?.test(shown.id)) yield toRow(shown, tree);
        }
      }
    }
  }

  function* readableChanges(subscriptions: ReadonlySet<string>): Generator<GraphRow> {
    for (const { id, type, row } of changes.rows(subscriptions)) {
      if (filter(`${graphType(type)}/read`, subscriptionOf(id))(id)) yield row;
    }
  }

  return {
    readableSubscriptions: () => readable,
    subscriptionsUnder: (managementGroup) => tree.subscriptionsUnder(managementGroup),
    rows(table, subscriptions, type) {
      if (table === 'resources') {
        const types = [...store.types()].filter((one) => !NOT_IN_RESOURCES.test(one));
        return rows(type === undefined ? types : types.filter((one) => one === type), subscriptions);
      }
      if (table === 'resourcecontainers') {
        const types = [SUBSCRIPTION, GROUP].filter((one) => type === undefined || graphType(one) === type);
        const containers = rows(types, subscriptions);
        return type === undefined || type === MANAGEMENT_GROUP
          ? withManagementGroups(containers)
          : containers;
      }
      if (table === 'resourcechanges') return readableChanges(subscriptions);
      return EMPTY_TABLES.has(table) ? [] : undefined;
    },
  };

  function* withManagementGroups(containers: Iterable<GraphRow>): Generator<GraphRow> {
    yield* containers;
    const mayRead = filter(`${MANAGEMENT_GROUP}/read`, '');
    for (const entry of store.list(MANAGEMENT_GROUP)) {
      if (mayRead(entry.resource.id)) yield toRow(entry.resource, tree);
    }
  }
}

function toRow(resource: ArmResource, tree: Hierarchy): GraphRow {
  const type = resource.type.toLowerCase();
  const subscriptionId = subscriptionOf(resource.id);
  const group = resource.id.split('/', 5)[4] ?? '';
  return {
    id: resource.id,
    name: type === SUBSCRIPTION ? displayName(resource) : resource.name,
    type: graphType(type),
    tenantId: TENANT_ID,
    kind: resource.kind ?? '',
    location: resource.location ?? '',
    // Lower case in `resources`, as created in `resourcecontainers` (azure-facts, section 4).
    resourceGroup: type === GROUP ? resource.name : subscriptionId === '' ? '' : group.toLowerCase(),
    subscriptionId,
    managedBy: resource.managedBy ?? '',
    sku: resource.sku ?? null,
    plan: resource.plan ?? null,
    properties: type === SUBSCRIPTION ? subscriptionProperties(resource, tree) : (resource.properties ?? {}),
    tags: resource.tags ?? null,
    identity: resource.identity ?? null,
    zones: resource.zones ?? null,
    extendedLocation: resource.extendedLocation ?? null,
  };
}

function graphType(type: string): string {
  return type === GROUP ? GROUP_IN_GRAPH : type;
}

function displayName(subscription: ArmResource): string {
  return String(subscription.properties?.displayName ?? subscription.displayName ?? subscription.name);
}

function subscriptionProperties(subscription: ArmResource, tree: Hierarchy): unknown {
  return {
    state: 'Enabled',
    ...subscription.properties,
    managementGroupAncestorsChain: tree.above(subscription.name).map((name) => ({ name, displayName: name })),
  };
}
