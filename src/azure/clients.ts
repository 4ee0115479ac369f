import { AuthorizationManagementClient } from '@azure/arm-authorization';
import { ComputeManagementClient } from '@azure/arm-compute';
import { ManagementLockClient } from '@azure/arm-locks';
import { ManagedServiceIdentityClient } from '@azure/arm-msi';
import { ResourceGraphClient } from '@azure/arm-resourcegraph';
import { ResourceManagementClient } from '@azure/arm-resources';
import type { Pipeline, PipelinePolicy, PipelineRequest } from '@azure/core-rest-pipeline';
import type { TokenCredential } from '@azure/identity';
import type { Clock } from '../clock.ts';
import { fold } from '../domain/resourceId.ts';
import { callContext } from './callContext.ts';
import { errorOfResponse, toAzureError } from './errors.ts';
import { createPacer } from './pacer.ts';
import { pacing, type Turn, turnToWrite } from './pacing.ts';
import { retries } from './retry.ts';
import { signedInAs } from './signIn.ts';
import { staysAt } from './staysAt.ts';

/** Numbers of requests, retries included. */
export interface CallCounts {
  reads: number;
  writes: number;
  resourceGraph: number;
}

/** Azure's own clients, set up alike: our retries, our pace, our errors, counted calls. One per subscription, kept. */
export interface AzureClients {
  readonly resourceGraph: ResourceGraphClient;
  authorization(subscriptionId: string): AuthorizationManagementClient;
  compute(subscriptionId: string): ComputeManagementClient;
  identities(subscriptionId: string): ManagedServiceIdentityClient;
  locks(subscriptionId: string): ManagementLockClient;
  resources(subscriptionId: string): ResourceManagementClient;
  /**
   * Waits until a VM (id and region) may be updated within Azure's limits. What is written `inTurn` then goes at once, so
   * that nothing lies between a reading made meanwhile and the write. Rejects with AzureError, as the write would.
   */
  turnToWrite(id: string, location: string): Promise<Turn>;
  /** Object id of whom Azure takes us for; undefined when the token does not say. Rejects with AzureError. */
  signedInAs(): Promise<string | undefined>;
  /** What went out. */
  readonly calls: CallCounts;
  /** What of it was answered 429. */
  readonly throttled: CallCounts;
}

/** What clients are made from. */
export interface ClientOptions {
  readonly credential: TokenCredential;
  readonly armEndpoint: string;
  readonly tokenScope: string;
  readonly clock: Clock;
  /** Our share of Azure's throttle limits, 0 to 1. */
  readonly capacityShare: number;
  /** Numbers in [0, 1), for jitter. */
  readonly random: () => number;
}

/** Makes the clients. Nothing is sent yet. */
export function createClients(options: ClientOptions): AzureClients {
  const calls: CallCounts = { reads: 0, writes: 0, resourceGraph: 0 };
  const throttled: CallCounts = { reads: 0, writes: 0, resourceGraph: 0 };
  const { credential, armEndpoint: endpoint, tokenScope, clock } = options;
  const pacer = createPacer(clock, options.capacityShare, options.random);
  const policies = {
    retries: retries(clock, options.random),
    pacing: pacing(pacer, clock),
    count: countCalls(calls, throttled),
  };
  const setUp = <C extends { pipeline: Pipeline }>(client: C, path: string): C => {
    const { pipeline } = client;
    pipeline.removePolicy({ name: 'defaultRetryPolicy' });
    pipeline.addPolicy(policies.retries, { phase: 'Retry' });
    pipeline.addPolicy(azureErrors());
    pipeline.addPolicy(correlation());
    pipeline.addPolicy(policies.pacing, { afterPhase: 'Retry' });
    pipeline.addPolicy(policies.count, { afterPhase: 'Retry' });
    pipeline.addPolicy(staysAt(endpoint, path), { afterPhase: 'Sign' });
    return client;
  };
  // The older generation of clients and the newer one take the token scope under different names.
  const older = { endpoint, credentialScopes: tokenScope };
  const newer = { endpoint, credentials: { scopes: [tokenScope] } };
  return {
    calls,
    throttled,
    turnToWrite: (id, location) => turnToWrite(pacer, `${endpoint}${id}`, location),
    signedInAs: () => signedInAs(credential, tokenScope),
    resourceGraph: setUp(new ResourceGraphClient(credential, newer), '/providers/Microsoft.ResourceGraph/'),
    authorization: perSubscription((id) =>
      setUp(new AuthorizationManagementClient(credential, id, { ...older, $host: endpoint }), under(id)),
    ),
    compute: perSubscription((id) => setUp(new ComputeManagementClient(credential, id, newer), under(id))),
    identities: perSubscription((id) =>
      setUp(new ManagedServiceIdentityClient(credential, id, older), under(id)),
    ),
    locks: perSubscription((id) =>
      setUp(new ManagementLockClient(credential, id, { ...older, $host: endpoint }), under(id)),
    ),
    resources: perSubscription((id) => setUp(new ResourceManagementClient(credential, id, newer), under(id))),
  };
}

function under(subscriptionId: string): string {
  return `/subscriptions/${subscriptionId}/`;
}

function perSubscription<C>(make: (subscriptionId: string) => C): (subscriptionId: string) => C {
  const made = new Map<string, C>();
  return (subscriptionId) => {
    const key = fold(subscriptionId);
    const client = made.get(key) ?? make(subscriptionId);
    made.set(key, client);
    return client;
  };
}

/** Turns refused answers and thrown errors into AzureErrors, whole bodies in hand, whichever client made them. */
function azureErrors(): PipelinePolicy {
  return {
    name: 'azureErrors',
    async sendRequest(request, next) {
      const response = await next(request).catch((error: unknown) => {
        throw toAzureError(error);
      });
      // Redirects that were not followed, too: the clients take them for an answer, and fail to read it.
      if (response.status >= 300) throw errorOfResponse(response);
      return response;
    },
  };
}

// Resource Manager and its activity log take a caller's GUID for the correlation id; so one id leads from the timer of a
// sweep to each write in the log of Azure.
function correlation(): PipelinePolicy {
  return {
    name: 'correlation',
    sendRequest(request, next) {
      const { operationId } = callContext();
      if (operationId !== undefined) {
        const guid = operationId.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
        request.headers.set('x-ms-correlation-request-id', guid);
      }
      return next(request);
    },
  };
}

function countCalls(calls: CallCounts, throttled: CallCounts): PipelinePolicy {
  return {
    name: 'countCalls',
    async sendRequest(request, next) {
      const kind = kindOfCall(request);
      const { counts } = callContext();
      calls[kind]++;
      if (counts) counts.calls[kind]++;
      const response = await next(request);
      if (response.status !== 429) return response;
      throttled[kind]++;
      if (counts) counts.throttled[kind]++;
      return response;
    },
  };
}

function kindOfCall({ url, method }: PipelineRequest): keyof CallCounts {
  if (url.includes('/Microsoft.ResourceGraph/')) return 'resourceGraph';
  return method === 'GET' || method === 'HEAD' ? 'reads' : 'writes';
}
