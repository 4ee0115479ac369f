import { createHash } from 'node:crypto';
import type { Operation } from '../state/store.ts';
import { ArmError } from './errors.ts';
import { type ArmAnswer, type ArmRequest, requirePlace, type World } from './request.ts';

/** Headers that say where a Compute operation is followed. The URL is signed, hence long: call it back unchanged. */
export function operationHeaders(
  { origin, path, apiVersion }: ArmRequest,
  { id, startsAt }: Operation,
  location: string,
): { 'azure-asyncoperation': string; 'azure-asyncnotification': string } {
  const signature = sign(id);
  const parameters = new URLSearchParams({
    p: 'embedded-azure',
    'api-version': apiVersion,
    t: String(startsAt),
    c: signature.repeat(30),
    s: signature,
    h: signature.slice(0, 20),
  });
  const url = `${origin}/subscriptions/${path.subscriptionId}/providers/Microsoft.Compute/locations/${location}/operations/${id}?${parameters}`;
  return { 'azure-asyncoperation': url, 'azure-asyncnotification': 'Enabled' };
}

/** GET of a Compute operation: 200 always; its `Location` twin answers 202 while it runs (wire-behaviour, section 1). */
export function computeOperation(world: World, request: ArmRequest): ArmAnswer | undefined {
  if (request.method !== 'GET') return undefined;
  requirePlace(world, request);
  const id = request.path.names[1] ?? '';
  const operation = world.operations.get(id);
  if (!operation || request.query.get('s') !== sign(id)) {
    throw new ArmError(404, 'NotFound', 'The entity was not found in this Azure location.');
  }
  const { startsAt, endsAt, error } = operation;
  const running = endsAt > world.clock.now();
  const headers = { 'x-ms-ratelimit-remaining-resource': REMAINING };
  if (request.query.get('monitor') === 'true') return { status: running ? 202 : 200, headers };
  const body = {
    startTime: timestamp(startsAt),
    ...(!running && { endTime: timestamp(endsAt) }),
    status: running ? 'InProgress' : error ? 'Failed' : 'Succeeded',
    name: id,
    ...(!running && error && { error }),
  };
  return { status: 200, headers, body };
}

const REMAINING =
  'Microsoft.Compute/GetOperationResource;44,Microsoft.Compute/GetOperationSubscriptionMaximum;14999';

function sign(id: string): string {
  return createHash('sha512').update(`operation ${id.toLowerCase()}`).digest('base64url');
}

function timestamp(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '0000+00:00');
}
