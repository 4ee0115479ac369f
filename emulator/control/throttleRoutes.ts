import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { computeLimits, type PolicyGroup } from '../throttle/limits.ts';
import { shareOfRefill } from '../throttle/neighbours.ts';
import type { Throttle } from '../throttle/throttle.ts';
import { parseJson } from './parseJson.ts';

const neighbourSchema = z
  .strictObject({
    subscriptionId: z.guid(),
    location: z.string().regex(/^[a-z0-9]+$/i),
    policyGroup: z.enum(Object.keys(computeLimits) as [PolicyGroup, ...PolicyGroup[]]).default('UpdateVM'),
    /** Calls per second of the emulator's time. */
    ratePerSecond: z.number().positive().max(1000).optional(),
    /** Or as a share of what the bucket gets back: 0.5 is half of it. */
    shareOfRefill: z.number().positive().max(10).optional(),
    obeysRetryAfter: z.boolean().default(true),
  })
  .refine(
    ({ ratePerSecond, shareOfRefill }) => (ratePerSecond === undefined) !== (shareOfRefill === undefined),
    {
      error: 'a neighbour needs ratePerSecond or shareOfRefill, not both',
    },
  );

/** The control API's routes about limits: `/buckets` and `/neighbours` (docs/emulator.md). */
export function throttleRoutes(server: FastifyInstance, throttle: Throttle): void {
  server.get('/buckets', () => throttle.levels());

  server.get('/neighbours', () => throttle.neighbours.list());
  server.post('/neighbours', (request, reply) => {
    const parsed = neighbourSchema.safeParse(parseJson(request.body));
    if (!parsed.success) return reply.status(400).send({ error: z.prettifyError(parsed.error) });
    const { ratePerSecond, shareOfRefill: share = 0, ...spec } = parsed.data;
    const rate = ratePerSecond ?? shareOfRefill(spec.policyGroup, share);
    return throttle.neighbours.add({ ...spec, ratePerSecond: rate });
  });
  server.delete('/neighbours', (_request, reply) => {
    throttle.neighbours.clear();
    return reply.status(204).send();
  });
}
