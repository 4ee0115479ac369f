import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { HostInvocation } from './protocol.ts';
import { eventData } from './triggerData.ts';

const PATH = '/runtime/webhooks/eventgrid';
const BODY_LIMIT = 1024 * 1024;

type Event = Readonly<Record<string, unknown>>;
type WebhookRequest = FastifyRequest<{ Querystring: { functionName?: string } }>;

/** What the endpoint needs. */
export interface WebhookOptions {
  /** The Event Grid functions of the app. */
  readonly functionNames: readonly string[];
  /** Runs the invocations side by side; rejects when one fails. */
  invoke(invocations: readonly HostInvocation[]): Promise<void>;
  log(message: string): void;
}

/**
 * The endpoint to which Event Grid delivers: `POST /runtime/webhooks/eventgrid?functionName=NAME`, up to 1 MB. Answers
 * as the Event Grid extension does (HttpRequestProcessor.cs, EventGridExtensionConfigProvider.cs; azure-facts, section
 * 8): both handshakes, 202 when every event of a delivery went well, 500 when one failed.
 */
export function webhookServer({ functionNames, invoke, log }: WebhookOptions): FastifyInstance {
  const server = Fastify({ bodyLimit: BODY_LIMIT, routerOptions: { caseSensitive: false } });
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));

  server.addHook('preHandler', async (request: WebhookRequest, reply) => {
    const name = request.query.functionName ?? '';
    if (functionNames.includes(name)) return;
    log(`Event Grid asked for function '${name}', and there is none. There are: ${functionNames.join(', ')}`);
    return reply.code(404).send(`cannot find function: '${name}'`);
  });

  // CloudEvents' own handshake (CloudEvents HTTP webhook specification, abuse protection).
  server.options(PATH, async (request: WebhookRequest, reply) => {
    const origin = request.headers['webhook-request-origin'];
    if (typeof origin !== 'string') return reply.code(400).send('WebHook-Request-Origin is missing');
    log(`Event Grid shook hands (CloudEvents) for '${request.query.functionName}'`);
    return reply.headers({ 'WebHook-Allowed-Origin': origin, 'WebHook-Allowed-Rate': '*' }).send();
  });

  server.post(PATH, async (request: WebhookRequest, reply) => {
    const events = eventsIn(request.body);
    switch (String(request.headers['aeg-event-type']).toLowerCase()) {
      case 'subscriptionvalidation':
        return validate(request, reply, events);
      case 'notification':
        return deliver(request.query.functionName ?? '', reply, events);
      case 'unsubscribe':
        return reply.code(202).send();
      default:
        return reply.code(400).send('aeg-event-type is missing or unknown');
    }
  });

  function validate({ query }: WebhookRequest, reply: FastifyReply, events: readonly Event[] | undefined) {
    const validationCode = codeIn(events?.[0]?.data);
    if (validationCode === undefined) return reply.code(400).send('the validation code is missing');
    log(`Event Grid shook hands for '${query.functionName}'`);
    return reply.send({ validationResponse: validationCode });
  }

  async function deliver(functionName: string, reply: FastifyReply, events: readonly Event[] | undefined) {
    if (events === undefined)
      return reply.code(400).send('the body must be a JSON object or an array of objects');
    const reason = events.length > 1 ? `one of ${events.length} events` : 'event';
    try {
      await invoke(events.map((event) => ({ functionName, reason, ...eventData(event) })));
      return reply.code(202).send();
    } catch (error) {
      return reply.code(500).send((error as Error).message);
    }
  }

  return server;
}

// Event Grid schema comes in arrays, CloudEvents one by one or in arrays.
function eventsIn(body: unknown): readonly Event[] | undefined {
  const parsed = parse(body);
  const events = Array.isArray(parsed) ? parsed : [parsed];
  return events.every((event) => typeof event === 'object' && event !== null && !Array.isArray(event))
    ? events
    : undefined;
}

// In a CloudEvent the data of this event is JSON in a string.
function codeIn(data: unknown): string | undefined {
  const { validationCode } = ((typeof data === 'string' ? parse(data) : data) ?? {}) as {
    validationCode?: unknown;
  };
  return typeof validationCode === 'string' ? validationCode : undefined;
}

function parse(text: unknown): unknown {
  try {
    return JSON.parse(String(text));
  } catch {
    return undefined;
  }
}
