import type { ArmResource } from '../state/armResource.ts';
import type { Store } from '../state/store.ts';
import { errors } from './errors.ts';
import { locations } from './locations.ts';
import { type ArmAnswer, type ArmRequest, normalLocation, requirePlace, type World } from './request.ts';

export const PROVIDER_TYPE = 'microsoft.resources/providers';

// Namespaces in ARM's own spelling, with the types a region is asked about.
const KNOWN: Readonly<Record<string, readonly string[]>> = {
  'Microsoft.Authorization': [],
  'Microsoft.Compute': ['virtualMachines'],
  'Microsoft.EventGrid': [],
  'Microsoft.Insights': [],
  'Microsoft.ManagedIdentity': ['userAssignedIdentities'],
  'Microsoft.Management': [],
  'Microsoft.Network': [],
  'Microsoft.OperationalInsights': [],
  'Microsoft.ResourceGraph': [],
  'Microsoft.Resources': [],
  'Microsoft.Storage': [],
  'Microsoft.Web': [],
};
const SUPPORTED_VERSIONS = ['2024-11-30', '2023-01-31'];

/**
 * Resource providers of a subscription: GET one, list, POST register. All are registered and offer every region, unless
 * a fleet has a resource `/subscriptions/{id}/providers/{namespace}` that says otherwise.
 */
export function providers(world: World, request: ArmRequest): ArmAnswer | undefined {
  const { method, path } = request;
  requirePlace(world, request);
  const subscriptionId = path.subscriptionId ?? '';
  if (path.namespace === undefined) {
    if (method !== 'GET') return undefined;
    const value = Object.keys(KNOWN).map((namespace) => providerBody(world.store, subscriptionId, namespace));
    return { status: 200, body: { value } };
  }
  const namespace = spelled(path.namespace);
  const body = namespace && providerBody(world.store, subscriptionId, namespace);
  if (!body) throw errors.invalidNamespace(path.namespace);
  if (method === 'GET' && path.type === '') return { status: 200, body };
  if (method !== 'POST' || path.type.toLowerCase() !== 'register') return undefined;
  // Azure takes some minutes; here it is over at once, only the answer still says Registering.
  const seeded = world.store.get(body.id)?.resource;
  world.store.put({ ...(seeded ?? asResource(body)), registrationState: 'Registered' }, { lag: false });
  return { status: 200, body: { ...body, registrationState: 'Registering' } };
}

/** Throws ArmError 409 when the subscription is not registered for the namespace: no resource of it can be written. */
export function requireRegistered(store: Store, subscriptionId: string, namespace: string): void {
  const state = store.get(providerId(subscriptionId, namespace))?.resource.registrationState;
  if (state !== undefined && state !== 'Registered')
    throw errors.missingRegistration(spelled(namespace) ?? namespace);
}

/** Throws ArmError 400 when the type cannot be created in the location in this subscription. */
export function requireOffered(
  store: Store,
  subscriptionId: string,
  namespace: string,
  type: string,
  location: string,
): void {
  const types = providerBody(store, subscriptionId, namespace).resourceTypes;
  const offered =
    types
      .find((one) => one.resourceType.toLowerCase() === type.toLowerCase())
      ?.locations.map(normalLocation) ?? [];
  if (!offered.includes(location))
    throw errors.locationNotAvailable(location, `${namespace}/${type}`, offered);
}

interface Provider {
  readonly id: string;
  readonly namespace: string;
  readonly registrationPolicy: string;
  readonly resourceTypes: readonly {
    readonly resourceType: string;
    readonly locations: readonly string[];
    readonly apiVersions: readonly string[];
  }[];
  readonly registrationState: string;
}

function providerBody(store: Store, subscriptionId: string, namespace: string): Provider {
  const id = providerId(subscriptionId, namespace);
  const seeded = store.get(id)?.resource as Partial<Provider> | undefined;
  return {
    id,
    namespace,
    resourceTypes:
      seeded?.resourceTypes ??
      (KNOWN[namespace] ?? []).map((resourceType) => ({
        resourceType,
        locations,
        apiVersions: SUPPORTED_VERSIONS,
      })),
    registrationState: seeded?.registrationState ?? 'Registered',
    registrationPolicy: 'RegistrationRequired',
  };
}

function providerId(subscriptionId: string, namespace: string): string {
  return `/subscriptions/${subscriptionId}/providers/${spelled(namespace) ?? namespace}`;
}

function spelled(namespace: string): string | undefined {
  return Object.keys(KNOWN).find((known) => known.toLowerCase() === namespace.toLowerCase());
}

function asResource({ id, namespace }: Provider): ArmResource {
  return { id, name: namespace, type: 'Microsoft.Resources/providers' };
}
