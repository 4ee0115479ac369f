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

/**
 * GET of a Compute operation: 200 always; its `Location` twin answers 202 while it runs (wire-behaviour, section 1). The
 * first poll of a creation asks for a longer wait (a09, a10, a12).
 */
export function computeOperation(world: World, request: ArmRequest): ArmAnswer | undefined {
  if (request.method !== 'GET') return undefined;
  requirePlace(world, request);
  const [location = '', id = ''] = request.path.names;
  world.throttle.compute(request.counted, 'GetOperation', location, id);
  const operation = world.operations.get(id);
  if (!operation || request.query.get('s') !== sign(id)) {
    throw new ArmError(404, 'NotFound', 'The entity was not found in this Azure location.');
  }
  const { kind, startsAt, endsAt, error, polled } = operation;
  operation.polled = true;
  const running = endsAt > world.clock.now();
  if (request.query.get('monitor') === 'true') {
    if (!running) return { status: 200 };
    const location = `${request.origin}${request.path.path}?${request.query}`;
    return { status: 202, headers: { location, 'retry-after': '10' } };
  }
  const body = {
    startTime: timestamp(startsAt),
    ...(!running && { endTime: timestamp(endsAt) }),
    status: running ? 'InProgress' : error ? 'Failed' : 'Succeeded',
    name: id,
    ...(!running && error && { error }),
  };
  const wait = running && !polled && kind === 'Creating' ? { 'retry-after': '30' } : {};
  return { status: 200, headers: wait, body };
}

function sign(id: string): string {
  return createHash('sha512').update(`operation ${id.toLowerCase()}`).digest('base64url');
}

/** A time as Compute prints it: `2024-08-26T08:57:43.1230000+00:00`. */
export function timestamp(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '0000+00:00');
}
