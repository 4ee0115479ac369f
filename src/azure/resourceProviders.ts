import { foldLocation } from '../domain/resourceId.ts';
import type { AzureClients } from './clients.ts';

/** What a subscription has of a resource provider. */
export interface ProviderState {
  /** False only when Azure says that it is not registered: while it registers, writes may work already. */
  readonly registered: boolean;
  /** Locations in which a resource of the type can be made, folded; empty when Azure does not say. */
  locationsOf(type: string): ReadonlySet<string>;
}

const NOT_REGISTERED = ['notregistered', 'unregistered'];

/** Reads a resource provider of a subscription. Throws AzureError. */
export async function readProvider(
  clients: Pick<AzureClients, 'resources'>,
  subscriptionId: string,
  namespace: string,
): Promise<ProviderState> {
  const provider = await clients.resources(subscriptionId).providers.get(namespace);
  return {
    registered: !NOT_REGISTERED.includes((provider.registrationState ?? '').toLowerCase()),
    locationsOf(type) {
      const known = provider.resourceTypes?.find(
        ({ resourceType }) => resourceType?.toLowerCase() === type.toLowerCase(),
      );
      return new Set((known?.locations ?? []).map(foldLocation));
    },
  };
}
