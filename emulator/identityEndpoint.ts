import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import fastify, { type FastifyInstance } from 'fastify';
import { host, type Principal, remediator } from './arm/principals.ts';
import type { Tokens } from './arm/tokens.ts';
import type { Faults } from './control/faults.ts';
import type { Store } from './state/store.ts';

const API_VERSION = '2019-08-01';

/** The managed-identity endpoint of App Service and Functions, over plain loopback http. Not listening yet. */
export interface IdentityEndpoint {
  readonly server: FastifyInstance;
  /** The secret callers must send as X-IDENTITY-HEADER. */
  readonly header: string;
}

/** What the endpoint is made of. */
export interface IdentityEndpointParts {
  readonly tokens: Tokens;
  readonly store: Store;
  readonly faults: Faults;
  /** How much faster than the machine's the clock runs. */
  readonly speed: number;
  /** How long a token is good, in the machine's seconds. */
  readonly lifetimeSeconds: number;
}

/**
 * Answers `GET ?resource=&api-version=2019-08-01[&client_id=|&principal_id=|&mi_res_id=]` as App Service does.
 * Without an id the system-assigned identity of the host is meant.
 */
export function identityEndpoint(parts: IdentityEndpointParts): IdentityEndpoint {
  const { tokens, store, faults } = parts;
  const header = randomBytes(16).toString('hex').toUpperCase();
  const server = fastify({ logger: false });
  server.get('/msi/token', async (request, reply) => {
    const fault = faults.take('GET', '/msi/token');
    if (fault) await delay(fault.latencyMs / parts.speed, undefined, { ref: false });
    if (fault?.reset) {
      request.raw.socket.destroy();
      return reply.hijack();
    }
    if (fault?.status !== undefined)
      return reply.status(fault.status).headers(fault.headers).send(fault.body);
    const query = request.query as Record<string, string | undefined>;
    if (request.headers['x-identity-header'] !== header) {
      return reply
        .status(401)
        .send({ statusCode: 401, message: 'The X-IDENTITY-HEADER header is missing or wrong.' });
    }
    if (query['api-version'] !== API_VERSION) {
      return reply.status(400).send({ statusCode: 400, message: `api-version must be ${API_VERSION}.` });
    }
    if (!query.resource) return reply.status(400).send({ statusCode: 400, message: 'resource is missing.' });
    const principal = principalOf(query, store);
    if (!principal) {
      return reply.status(400).send({
        statusCode: 400,
        message:
          'No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId.',
      });
    }
    const { token, expiresOn } = tokens.issue(principal, query.resource, parts.lifetimeSeconds);
    return reply.send({
      access_token: token,
      expires_on: String(expiresOn),
      resource: query.resource,
      token_type: 'Bearer',
      client_id: principal.clientId.toUpperCase(),
    });
  });
  return { server, header };
}

function principalOf(query: Record<string, string | undefined>, store: Store): Principal | undefined {
  const { client_id: clientId, principal_id: principalId, mi_res_id: resourceId } = query;
  if (!clientId && !principalId && !resourceId) return host;
  const is = (one: string | undefined, other: unknown) =>
    one !== undefined && one.toLowerCase() === String(other).toLowerCase();
  for (const known of [remediator, host]) {
    if (is(clientId, known.clientId) || is(principalId, known.objectId)) return known;
  }
  for (const { resource } of store.list('microsoft.managedidentity/userassignedidentities')) {
    const { clientId: own, principalId: object } = resource.properties as {
      clientId: string;
      principalId: string;
    };
    if (is(clientId, own) || is(principalId, object) || is(resourceId, resource.id)) {
      return { clientId: own, objectId: object };
    }
  }
  return undefined;
}
