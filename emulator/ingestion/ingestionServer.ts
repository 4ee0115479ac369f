import { setTimeout as delay } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Certificate } from '../arm/certificate.ts';
import { ArmError } from '../arm/errors.ts';
import { type Principal, remediator } from '../arm/principals.ts';
import type { Tokens } from '../arm/tokens.ts';
import type { Fault, Faults } from '../control/faults.ts';
import { envelopeSchema, type Received } from './received.ts';

/** What the ingestion endpoint is made of. */
export interface IngestionParts {
  readonly tokens: Tokens;
  readonly faults: Faults;
  readonly received: Received;
  readonly certificate: Certificate;
  /** The key of the one Application Insights resource there is. */
  readonly instrumentationKey: string;
  /** Take telemetry in only from who has signed in: DisableLocalAuth of the resource. */
  readonly localAuthDisabled: boolean;
  /** How much faster than the machine's the clock runs. */
  readonly speed: number;
}

const TRACK = /^\/v2(\.1)?\/track$/;
const WITHOUT_SIGN_IN = '/v2/track';
const AUDIENCE = 'https://monitor.azure.com';
const LARGEST_BODY = 64 * 1024 * 1024;

interface ItemError {
  readonly index: number;
  readonly statusCode: number;
  readonly message: string;
}

/**
 * The endpoint that Application Insights takes telemetry in by: `POST /v2.1/track`, a JSON array or one item a line,
 * plain or gzip. Statuses and the body {itemsReceived, itemsAccepted, errors} are those of the SDKs' own definition of it
 * (`swagger.json` of @azure/monitor-opentelemetry-exporter). Not listening yet.
 */
export function ingestionServer(parts: IngestionParts): FastifyInstance {
  const { key, cert } = parts.certificate;
  const server = fastify({ https: { key, cert }, bodyLimit: LARGEST_BODY, logger: false });
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  server.all('*', (request, reply) => serve(parts, request, reply));
  return server;
}

async function serve(parts: IngestionParts, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const path = (request.raw.url ?? '').split('?')[0] ?? '';
  const fault = parts.faults.take(request.method, path);
  if (fault) {
    await delay(fault.latencyMs / parts.speed, undefined, { ref: false });
    if (fault.reset === 'before') return breakConnection(request, reply);
  }
  if (!TRACK.test(path) || request.method !== 'POST') {
    return reply.status(501).send({ message: `The embedded Azure has no ${request.method} ${path}.` });
  }
  const refused = refusal(parts, path, request.headers.authorization);
  if (refused) return answer(reply, refused.statusCode, 0, [{ index: 0, ...refused }]);
  if (fault?.status !== undefined && fault.status !== 206)
    return reply.status(fault.status).headers(fault.headers).send(fault.body);
  let items: unknown[];
  try {
    items = readItems(request);
  } catch (error) {
    const { message } = error as Error;
    return answer(reply, 400, 0, [{ index: 0, statusCode: 400, message }]);
  }
  const errors = items.flatMap((item, index) => take(parts, item, index, fault));
  if (fault?.reset === 'after') return breakConnection(request, reply);
  const status = errors.length === 0 ? 200 : errors.length < items.length ? 206 : (fault?.status ?? 400);
  return answer(reply.headers(fault?.headers ?? {}), status, items.length, errors);
}

// A fault of status 206 refuses every other item as the service does one that it is too busy for.
function take(
  { received, instrumentationKey }: IngestionParts,
  item: unknown,
  index: number,
  fault?: Fault,
): ItemError[] {
  if (fault?.status === 206 && index % 2 === 1) {
    return [{ index, statusCode: 503, message: 'Service unavailable' }];
  }
  const { data, error } = envelopeSchema.safeParse(item);
  if (!data)
    return [{ index, statusCode: 400, message: error.issues.map(({ message }) => message).join('; ') }];
  if (data.iKey?.toLowerCase() !== instrumentationKey) {
    return [{ index, statusCode: 400, message: 'Invalid instrumentation key' }];
  }
  received.add(data);
  return [];
}

// What each status says: BaseSDK's AuthenticationTransmissionPolicy of ApplicationInsights-dotnet, and
// learn.microsoft.com, azure-monitor/app/azure-ad-authentication, "Troubleshooting". The remediator alone has the role
// Monitoring Metrics Publisher here, as where infra/ deploys.
function refusal(
  { tokens, localAuthDisabled }: IngestionParts,
  path: string,
  authorization: string | undefined,
): Omit<ItemError, 'index'> | undefined {
  if (path === WITHOUT_SIGN_IN && localAuthDisabled) {
    return { statusCode: 400, message: 'Incorrect API was used - v2 API does not support authentication' };
  }
  if (authorization === undefined && !localAuthDisabled) return undefined;
  const caller = signedIn(tokens, authorization);
  if (!caller)
    return { statusCode: 401, message: 'Unauthorized - please provide the valid authorization token' };
  if (caller.objectId === remediator.objectId) return undefined;
  return {
    statusCode: 403,
    message:
      'Forbidden - provided credentials do not grant the access to ingest the telemetry into the component',
  };
}

function signedIn(tokens: Tokens, authorization: string | undefined): Principal | undefined {
  try {
    const caller = tokens.check(authorization);
    const payload = JSON.parse(Buffer.from(authorization?.split('.')[1] ?? '', 'base64url').toString());
    return String(payload.aud).replace(/\/+$/, '') === AUDIENCE ? caller : undefined;
  } catch (error) {
    if (!(error instanceof ArmError)) throw error;
    return undefined;
  }
}

function readItems(request: FastifyRequest): unknown[] {
  const body = request.body as Buffer;
  const packed = request.headers['content-encoding'] === 'gzip';
  const text = (packed ? gunzipSync(body, { maxOutputLength: LARGEST_BODY }) : body).toString();
  if (text.trimStart().startsWith('[')) return JSON.parse(text);
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => JSON.parse(line));
}

function answer(
  reply: FastifyReply,
  status: number,
  itemsReceived: number,
  errors: readonly ItemError[],
): FastifyReply {
  const itemsAccepted = Math.max(0, itemsReceived - errors.length);
  return reply.status(status).send({ itemsReceived, itemsAccepted, errors });
}

function breakConnection(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  request.raw.socket.destroy();
  return reply.hijack();
}
