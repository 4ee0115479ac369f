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
  const [location = '', id = ''] = request.path.names;
  world.throttle.compute(request.counted, 'GetOperation', location, id);
  const operation = world.operations.get(id);
  if (!operation || request.query.get('s') !== sign(id)) {
    throw new ArmError(404, 'NotFound', 'The entity was not found in this Azure location.');
  }
  const { startsAt, endsAt, error } = operation;
  const running = endsAt > world.clock.now();
  if (request.query.get('monitor') === 'true') return { status: running ? 202 : 200 };
  const body = {
    startTime: timestamp(startsAt),
    ...(!running && { endTime: timestamp(endsAt) }),
    status: running ? 'InProgress' : error ? 'Failed' : 'Succeeded',
    name: id,
    ...(!running && error && { error }),
  };
  return { status: 200, body };
}

function sign(id: string): string {
  return createHash('sha512').update(`operation ${id.toLowerCase()}`).digest('base64url');
}

/** A time as Compute prints it: `2024-08-26T08:57:43.1230000+00:00`. */
export function timestamp(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '0000+00:00');
}
