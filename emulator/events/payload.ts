import { randomUUID } from 'node:crypto';
import { TENANT_ID } from '../arm/principals.ts';
import type { ArmRequest, World } from '../arm/request.ts';
import type { ArmResource } from '../state/armResource.ts';
import type { EventSubscription } from './eventSubscriptions.ts';

/** What happened to a resource, before it is put into a delivery schema. */
export interface ResourceEvent {
  readonly id: string;
  /** `/subscriptions/{id}`: the source. */
  readonly topic: string;
  readonly subject: string;
  readonly eventType: string;
  /** ISO 8601, the end of the operation in the emulator's time. */
  readonly eventTime: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** What became of a write. */
export interface Ending {
  /** The resource is new. */
  readonly created: boolean;
  readonly failed: boolean;
  /** Ms of the emulator's time. */
  readonly endsAt: number;
}

/**
 * The event of a write or deletion that `request` made, as its operation ended. Source: event-schema-subscriptions (g01,
 * g02); wire-behaviour, section 7.
 */
export function resourceEvent(
  world: World,
  request: ArmRequest,
  resource: ArmResource,
  { created, failed, endsAt }: Ending,
): ResourceEvent {
  const { principal, correlationId } = request;
  const deleted = request.method === 'DELETE';
  // A write's sample has the segment in lower case, a deletion's has it as in the URL.
  const uri = deleted ? resource.id : resource.id.replace(/\/resourceGroups\//i, '/resourcegroups/');
  const subscriptionId = uri.split('/')[2] ?? '';
  const operationName = `${operationType(resource)}/${deleted ? 'delete' : 'write'}`;
  const evidence = world.access().evidence(principal, operationName, resource.id) ?? {};
  const data = {
    authorization: { scope: uri, action: operationName, evidence },
    claims: claimsOf(request),
    correlationId,
    // "Only included when updating an existing resource or deleting a resource".
    ...(!created && { httpRequest: httpRequestOf(request) }),
    resourceProvider: resource.type.split('/')[0] ?? '',
    resourceUri: uri,
    operationName,
    status: failed ? 'Failed' : 'Succeeded',
    subscriptionId,
    tenantId: TENANT_ID,
  };
  return {
    id: randomUUID(),
    topic: `/subscriptions/${subscriptionId}`,
    subject: uri,
    eventType: `Microsoft.Resources.Resource${deleted ? 'Delete' : 'Write'}${failed ? 'Failure' : 'Success'}`,
    eventTime: azureTime(endsAt),
    data,
  };
}

/** The event as it is sent in a delivery schema. */
export function envelopeOf(
  event: ResourceEvent,
  schema: EventSubscription['eventDeliverySchema'],
): Readonly<Record<string, unknown>> {
  const { id, topic, subject, eventType, eventTime, data } = event;
  return schema === 'CloudEventSchemaV1_0'
    ? { id, source: topic, subject, type: eventType, time: eventTime, data, specversion: '1.0' }
    : { subject, eventType, eventTime, id, data, dataVersion: '2', metadataVersion: '1', topic };
}

/** A time, in ms since 1970, with the seven digits Event Grid writes. */
export function azureTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '0000Z');
}

// The type of groups in operation names is longer than the one groups have.
function operationType({ type }: ArmResource): string {
  return type === 'Microsoft.Resources/resourceGroups'
    ? 'Microsoft.Resources/subscriptions/resourceGroups'
    : type;
}

// The names that Resource Manager gives to a token's claims; all values are text. It passes the others on as they are.
const CLAIM_NAMES: Readonly<Record<string, readonly string[]>> = {
  oid: [
    'http://schemas.microsoft.com/identity/claims/objectidentifier',
    'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier',
  ],
  tid: ['http://schemas.microsoft.com/identity/claims/tenantid'],
};

function claimsOf(request: ArmRequest): Record<string, string> {
  const payload = request.header('authorization')?.split('.')[1] ?? '';
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>;
  const named = Object.entries(claims).flatMap(([name, value]) =>
    (CLAIM_NAMES[name] ?? [name]).map((one) => [one, String(value)] as const),
  );
  // What else a managed identity's token says.
  return { ...Object.fromEntries(named), appidacr: '2', ver: '1.0' };
}

function httpRequestOf({ header, method, origin, path, query, requestId }: ArmRequest) {
  return {
    clientRequestId: header('x-ms-client-request-id') ?? requestId,
    clientIpAddress: '127.0.0.1',
    method,
    url: `${origin}${path.path}?${query}`,
  };
}
