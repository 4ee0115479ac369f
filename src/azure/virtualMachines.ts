import {
  createDefaultHttpClient,
  createPipelineRequest,
  type PipelineResponse,
} from '@azure/core-rest-pipeline';
import { z } from 'zod';
import type { IdentityPatch } from '../domain/identityPatch.ts';
import type { ResourceId } from '../domain/resourceId.ts';
import type { VmFacts } from '../domain/rules.ts';
import { vmIdentity } from '../domain/vmIdentity.ts';
import { inRegion } from './callContext.ts';
import type { AzureClients } from './clients.ts';
import { AzureError, kindOf, readArmError, toAzureError } from './errors.ts';

/** A VM as just read: what decisions need, and the ETag a write must carry. */
export interface VmReading {
  readonly facts: Omit<VmFacts, 'groupManagedBy'>;
  /** Undefined where Azure gave none, as some answers do (wire-behaviour 1.4). */
  readonly etag: string | undefined;
  /** Unlike its id and its ETag, another one when a VM was deleted and made again. Undefined where Azure gave none. */
  readonly vmId: string | undefined;
}

type Clients = Pick<AzureClients, 'compute'>;

const httpClient = createDefaultHttpClient();

// What a write rests on is as Azure documents it, or there is no write: of an identity that is not understood some part
// could be lost (R9). Tags only exclude: one with an odd value still has its name.
const IDENTITY_TYPE = /^(None|(SystemAssigned|UserAssigned)( ?, ?(SystemAssigned|UserAssigned))?)$/i;
const vmAnswer = z.object({
  location: z.string().regex(/^[a-z0-9 ]{1,100}$/i),
  tags: z.record(z.string(), z.string().catch('')).nullish(),
  identity: z
    .object({
      type: z.string().regex(IDENTITY_TYPE),
      userAssignedIdentities: z
        .record(z.string(), z.object({ principalId: z.string().nullish() }).nullish())
        .nullish(),
    })
    .nullish(),
  provisioningState: z.string().nullish(),
  etag: z.string().nullish(),
  vmId: z.string().nullish(),
});

/** Reads a VM. Throws AzureError; kind `not-found` when it is gone. */
export async function readVm(clients: Clients, id: ResourceId): Promise<VmReading> {
  let header: string | undefined;
  const answer = await clients.compute(id.subscriptionId).virtualMachines.get(id.resourceGroup, id.name, {
    onResponse: (response) => {
      header = response.headers.get('etag');
    },
  });
  const { data: vm, error } = vmAnswer.safeParse(answer);
  if (error) {
    throw new AzureError('unexpected', `Azure answered a VM of another form: ${z.prettifyError(error)}`);
  }
  return {
    facts: {
      id,
      location: vm.location,
      tags: vm.tags ?? {},
      identity: vmIdentity(vm.identity),
      provisioningState: vm.provisioningState ?? '',
    },
    etag: vm.etag ?? header,
    vmId: vm.vmId ?? undefined,
  };
}

/**
 * Sends the PATCH and returns once Azure accepted it, without waiting for the operation; the SDK's poller would poll
 * and read again. The ETag makes Azure refuse it when the VM changed since it was read (R10). `location` is the VM's
 * region, by which Azure counts.
 * Returns the URL of the operation and the VM's `vmId`, as far as Azure named them. Throws AzureError.
 */
export async function patchVmIdentity(
  clients: Clients,
  id: ResourceId,
  location: string,
  patch: IdentityPatch,
  etag: string | undefined,
): Promise<{ readonly operationUrl: string | undefined; readonly vmId: string | undefined }> {
  let accepted: PipelineResponse | undefined;
  await inRegion(location, () =>
    clients
      .compute(id.subscriptionId)
      .virtualMachines.update(id.resourceGroup, id.name, patch as object, {
        ...(etag !== undefined && { ifMatch: etag }),
        onResponse: (response) => {
          accepted = response as unknown as PipelineResponse;
        },
      })
      .submitted(),
  );
  return {
    operationUrl: accepted?.headers.get('azure-asyncoperation') ?? accepted?.headers.get('location'),
    vmId: vmIdIn(accepted?.bodyAsText),
  };
}

/**
 * Why an operation failed, from its status, which says more than the VM does. Undefined when it did not fail or Azure
 * gave no usable URL: a token is sent to it, so it must be of the same host as the client's. Throws AzureError when the
 * status cannot be read.
 */
export async function operationError(
  clients: Clients,
  id: ResourceId,
  operationUrl: string | undefined,
  armEndpoint: string,
): Promise<AzureError | undefined> {
  if (operationUrl === undefined || !URL.canParse(operationUrl)) return undefined;
  if (new URL(operationUrl).origin !== new URL(armEndpoint).origin) return undefined;
  const request = createPipelineRequest({ url: operationUrl, method: 'GET' });
  try {
    const response = await clients.compute(id.subscriptionId).pipeline.sendRequest(httpClient, request);
    const { error } = JSON.parse(response.bodyAsText ?? '{}') as { error?: unknown };
    const failure = readArmError(error);
    return failure && new AzureError(kindOf(undefined, failure), `${failure.code}: ${failure.message}`);
  } catch (error) {
    throw toAzureError(error);
  }
}

function vmIdIn(body: string | null | undefined): string | undefined {
  try {
    const { properties } = JSON.parse(body ?? '{}') as { properties?: { vmId?: unknown } };
    return typeof properties?.vmId === 'string' ? properties.vmId : undefined;
  } catch {
    return undefined;
  }
}
