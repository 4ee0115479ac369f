import { randomUUID } from 'node:crypto';
import type { OutgoingHttpHeaders } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Fault, Faults } from '../control/faults.ts';
import type { Journal } from '../control/journal.ts';
import { answerQuery } from '../graph/answerQuery.ts';
import type { GraphSource } from '../graph/graphSource.ts';
import type { KeptResults } from '../graph/keptResults.ts';
import { parseArmPath } from '../state/armPath.ts';
import { type Counted, kindOf } from '../throttle/throttle.ts';
import type { Certificate } from './certificate.ts';
import { ArmError, errors } from './errors.ts';
import { requireApiVersion, route } from './gateway.ts';
import type { Principal } from './principals.ts';
import type { ArmAnswer, ArmRequest, World } from './request.ts';
import type { Tokens } from './tokens.ts';

/** What the Resource Manager server is made of. */
export interface ArmServerParts {
  readonly world: World;
  readonly tokens: Tokens;
  readonly journal: Journal;
  readonly faults: Faults;
  readonly certificate: Certificate;
  /** Resource Graph as the caller may see it. */
  graphFor(principal: Principal, hides?: RegExp): GraphSource;
  readonly kept: KeptResults;
}

// These providers give each request an id of their own. What others answer, and what the gateway refuses, has the correlation
// id for it, unless the caller chose that (a09, c07, h02 against b03, d06, f01, f04).
const NUMBERS_REQUESTS = /\/providers\/microsoft\.(compute|authorization)\//i;
const GRAPH_PATH = '/providers/microsoft.resourcegraph/resources';
// On every answer that was recorded.
const COMMON_HEADERS = {
  'cache-control': 'no-cache',
  pragma: 'no-cache',
  expires: '-1',
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  'x-content-type-options': 'nosniff',
};

/** Resource Manager over TLS: one route, since ARM's paths are no patterns a router could hold. Not listening yet. */
export function armServer(parts: ArmServerParts): FastifyInstance {
  const { key, cert } = parts.certificate;
  const server = fastify({
    https: { key, cert },
    bodyLimit: 4 * 1024 * 1024,
    logger: false,
    exposeHeadRoutes: false,
    // A URL whose percent-encoding is broken reaches no route.
    frameworkErrors: (_error, _request, reply) => {
      const { status, headers, body } = errors.badRequest('The request URL is not valid.');
      (reply as FastifyReply).status(status).headers(headers).send(body);
    },
  });
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  server.all('*', (request, reply) => serve(parts, request, reply));
  server.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) => {
    const status = error.statusCode ?? 500;
    reply.status(status).send({
      error: {
        code: status === 413 ? 'RequestEntityTooLarge' : 'InternalServerError',
        message: error.message,
      },
    });
  });
  return server;
}

async function serve(parts: ArmServerParts, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const { world, journal, faults } = parts;
  const [rawPath = '', rawQuery = ''] = splitOnce(request.raw.url ?? '/', '?');
  const { method } = request;
  const chosen = request.headers['x-ms-correlation-request-id'] as string | undefined;
  const made = randomUUID();
  const correlationId = chosen ?? made;
  const requestId = NUMBERS_REQUESTS.test(readable(rawPath)) ? randomUUID() : made;
  let principal: Principal | undefined;
  let answer: ArmAnswer;
  let refusedBy: string | undefined;
  const remaining: Record<string, string> = {};
  const fault = faults.take(method, readable(rawPath));
  if (fault && (fault.latencyMs > 0 || fault.reset === 'before')) {
    await delay(fault.latencyMs / world.clock.speed);
    if (fault.reset === 'before') {
      journal.add(world.clock.now(), '', method, readable(rawPath), 0);
      return breakConnection(request, reply);
    }
  }
  try {
    principal = parts.tokens.check(request.headers.authorization);
    const caller = { principal, remaining };
    answer =
      fault?.status === undefined
        ? world.store.lagging(fault?.graphLagMs, () =>
            work(parts, request, rawPath, rawQuery, caller, { requestId, correlationId }, fault),
          )
        : faultAnswer(fault);
  } catch (error) {
    if (!(error instanceof ArmError)) throw error;
    answer = { status: error.status, headers: error.headers, body: error.body };
    refusedBy = error.refusedBy;
  }
  const clientId = principal?.clientId ?? '';
  journal.add(world.clock.now(), clientId, method, readable(rawPath), answer.status, refusedBy, chosen);
  if (fault?.reset === 'after') return breakConnection(request, reply);
  const byGateway = answer.headers?.['x-ms-failure-cause'] === 'gateway';
  // What the gateway itself refuses says nothing of limits (f01, f03, f07).
  const counts = byGateway ? {} : remaining;
  const headers =
    fault?.status === undefined ? inMachineTime(answer.headers, world.clock.speed) : answer.headers;
  const ids = { requestId: byGateway ? made : requestId, correlationId };
  return send(reply, { ...answer, headers: { ...counts, ...headers } }, ids, fault?.truncated);
}

type Ids = Pick<ArmRequest, 'requestId' | 'correlationId'>;

function work(
  parts: ArmServerParts,
  request: FastifyRequest,
  rawPath: string,
  rawQuery: string,
  caller: Omit<Counted, 'subscriptionId'>,
  ids: Ids,
  fault: Fault | undefined,
): ArmAnswer {
  const { principal } = caller;
  const path = parsePath(rawPath);
  const isQuery = path.path.toLowerCase() === GRAPH_PATH && request.method === 'POST';
  const counted: Counted = { ...caller, subscriptionId: path.subscriptionId };
  // Queries count as reads: e20 has x-ms-ratelimit-remaining-tenant-reads.
  parts.world.throttle.gateway(counted, isQuery ? 'reads' : kindOf(request.method));
  const query = new URLSearchParams(rawQuery);
  const apiVersion = requireApiVersion(query.get('api-version'));
  if (isQuery) {
    const { correlationId } = ids;
    parts.world.throttle.resourceGraph(counted, correlationId);
    const now = new Date(parts.world.clock.now());
    const paging = { caller: principal.objectId, kept: parts.kept };
    const hides = fault?.graphHides === undefined ? undefined : new RegExp(fault.graphHides, 'i');
    const source = parts.graphFor(principal, hides);
    return answerQuery({ apiVersion, body: parseBody(request.body), now, correlationId, paging }, source);
  }
  const armRequest: ArmRequest = {
    method: request.method,
    path,
    query,
    apiVersion,
    principal,
    counted,
    ...ids,
    origin: `https://${request.host}`,
    header: (name) => {
      const value = request.headers[name];
      return Array.isArray(value) ? value.join(',') : value;
    },
    json: () => {
      const body = parseBody(request.body);
      if (body === null || typeof body !== 'object' || Array.isArray(body)) {
        throw errors.invalidContent('Unexpected value; an object was expected.');
      }
      return body as Record<string, unknown>;
    },
  };
  return route(parts.world, armRequest);
}

function send(
  reply: FastifyReply,
  answer: ArmAnswer,
  { requestId, correlationId }: Ids,
  truncated: Fault['truncated'],
): FastifyReply {
  const { status, headers = {}, body } = answer;
  reply.status(status).headers({
    ...COMMON_HEADERS,
    'x-ms-request-id': requestId,
    'x-ms-correlation-request-id': correlationId,
    'x-ms-routing-request-id': `EASTUS:${new Date().toISOString().replace(/[-:]|\.\d+/g, '')}:${correlationId}`,
    ...headers,
  });
  if (body === undefined) return reply.send();
  if (!('content-type' in headers)) reply.type('application/json; charset=utf-8');
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  if (truncated === undefined) return reply.send(text);
  const half = text.slice(0, text.length / 2);
  if (truncated === 'ended') return reply.send(half);
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(status, {
    ...reply.getHeaders(),
    'content-length': Buffer.byteLength(text),
  } as OutgoingHttpHeaders);
  raw.write(half, () => raw.destroy());
  return reply;
}

// Handlers speak of the emulator's seconds. Where the clock is fast, clients that know `retry-after-ms` wait exactly,
// and the others less than a second longer than they must.
function inMachineTime(headers: ArmAnswer['headers'], speed: number): ArmAnswer['headers'] {
  const seconds = headers?.['retry-after'];
  if (seconds === undefined || speed === 1) return headers;
  const ms = Math.ceil((Number(seconds) * 1000) / speed);
  return { ...headers, 'retry-after': String(Math.ceil(ms / 1000)), 'retry-after-ms': String(ms) };
}

function faultAnswer({ status = 500, headers, body }: Fault): ArmAnswer {
  return { status, headers, ...(body !== undefined && { body }) };
}

function breakConnection(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  request.raw.socket.destroy();
  return reply.hijack();
}

function parseBody(body: unknown): unknown {
  if (body === undefined || body === null || body === '')
    throw errors.invalidContent('The request body is missing.');
  try {
    return JSON.parse(String(body));
  } catch (error) {
    throw errors.invalidContent((error as Error).message);
  }
}

function parsePath(rawPath: string) {
  try {
    return parseArmPath(rawPath);
  } catch {
    throw errors.badRequest('The request URL is not valid.');
  }
}

function readable(rawPath: string): string {
  try {
    return parseArmPath(rawPath).path;
  } catch {
    return rawPath;
  }
}

function splitOnce(text: string, at: string): [string, string] {
  const index = text.indexOf(at);
  return index < 0 ? [text, ''] : [text.slice(0, index), text.slice(index + 1)];
}
