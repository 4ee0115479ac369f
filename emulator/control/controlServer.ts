import fastify, { type FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { EventGrid } from '../events/eventGrid.ts';
import type { Received } from '../ingestion/received.ts';
import type { ArmResource } from '../state/armResource.ts';
import { toResource } from '../state/seed.ts';
import type { Store } from '../state/store.ts';
import type { Throttle } from '../throttle/throttle.ts';
import { eventRoutes } from './eventRoutes.ts';
import { type Faults, faultSchema } from './faults.ts';
import type { Journal } from './journal.ts';
import { parseJson } from './parseJson.ts';
import { throttleRoutes } from './throttleRoutes.ts';

/** What the control API drives. */
export interface Controlled {
  readonly store: Store;
  readonly journal: Journal;
  readonly faults: Faults;
  readonly eventGrid: EventGrid;
  readonly throttle: Throttle;
  readonly received: Received;
  /** Adds resources, visible everywhere at once. Throws SeedError for role assignments Azure refuses. */
  seed(resources: readonly ArmResource[]): void;
  /** Back to the start-up fleet, all buckets full, without journal, faults, event subscriptions and neighbours. */
  reset(): void;
}

const faultsSchema = z.union([faultSchema, z.array(faultSchema)]);
const LARGEST_BODY = 1024 * 1024 * 1024;

/** The control API: plain http on loopback, described in docs/emulator.md. Not listening yet. */
export function controlServer({
  store,
  journal,
  faults,
  eventGrid,
  throttle,
  received,
  seed,
  reset,
}: Controlled): FastifyInstance {
  const server = fastify({ logger: false, bodyLimit: LARGEST_BODY });
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));

  server.get('/journal', () => journal.calls());
  server.delete('/journal', (_request, reply) => {
    journal.clear();
    return reply.status(204).send();
  });

  server.get('/telemetry', () => received.items());
  server.delete('/telemetry', (_request, reply) => {
    received.clear();
    return reply.status(204).send();
  });

  server.get('/resources', (request, reply) => {
    const { type } = request.query as { type?: string };
    const types = type === undefined ? [...store.types()] : [type.toLowerCase()];
    const live = types.flatMap((one) => [...store.list(one)]).filter((entry) => !entry.deleted);
    reply.type('application/x-ndjson');
    return live.map(({ resource }) => `${JSON.stringify(resource)}\n`).join('');
  });
  server.post('/resources', (request, reply) => {
    const resources: ArmResource[] = [];
    for (const [index, line] of String(request.body ?? '')
      .split('\n')
      .entries()) {
      if (line.trim() === '') continue;
      try {
        resources.push(toResource(JSON.parse(line)));
      } catch (error) {
        // Nothing is applied of a file with a bad line: half a fleet is worse than none.
        return reply.status(400).send({ error: `line ${index + 1}: ${(error as Error).message}` });
      }
    }
    try {
      seed(resources);
    } catch (error) {
      return reply.status(400).send({ error: `${(error as Error).message} Everything else was applied.` });
    }
    return { seeded: resources.length };
  });

  server.get('/faults', () => faults.list());
  server.post('/faults', (request, reply) => {
    const parsed = faultsSchema.safeParse(parseJson(request.body));
    if (!parsed.success) return reply.status(400).send({ error: z.prettifyError(parsed.error) });
    const added = Array.isArray(parsed.data) ? parsed.data : [parsed.data];
    for (const fault of added) faults.add(fault);
    return { added: added.length };
  });
  server.delete('/faults', (_request, reply) => {
    faults.clear();
    return reply.status(204).send();
  });

  eventRoutes(server, eventGrid);
  throttleRoutes(server, throttle);

  server.post('/reset', (_request, reply) => {
    reset();
    return reply.status(204).send();
  });
  return server;
}
