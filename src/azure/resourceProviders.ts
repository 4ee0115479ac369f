import { z } from 'zod';
import { foldLocation } from '../domain/resourceId.ts';
import type { AzureClients } from './clients.ts';
import { AzureError } from './errors.ts';

/** What a subscription has of a resource provider. */
export interface ProviderState {
  /** False only when Azure says that it is not registered: while it registers, writes may work already. */
  readonly registered: boolean;
  /** Locations in which a resource of the type can be made, folded; empty when Azure does not say. */
  locationsOf(type: string): ReadonlySet<string>;
}

const providerAnswer = z.object({
  registrationState: z.string().nullish(),
  resourceTypes: z
    .array(z.object({ resourceType: z.string().nullish(), locations: z.array(z.string()).nullish() }))
    .nullish(),
});
const NOT_REGISTERED = ['notregistered', 'unregistered'];

/** Reads a resource provider of a subscription. Throws AzureError. */
export async function readProvider(
  clients: Pick<AzureClients, 'resources'>,
  subscriptionId: string,
  namespace: string,
): Promise<ProviderState> {
  const answer = await clients.resources(subscriptionId).providers.get(namespace);
  const { data: provider, error } = providerAnswer.safeParse(answer);
  if (error) throw new AzureError('unexpected', `A provider of another form: ${z.prettifyError(error)}`);
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
