import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { EventGrid } from '../events/eventGrid.ts';
import { eventSubscriptionSchema } from '../events/eventSubscriptions.ts';
import { HandshakeError } from '../events/handshake.ts';
import { parseJson } from './parseJson.ts';

/** Event Grid's part of the control API: event subscriptions, deliveries, dead letters. */
export function eventRoutes(server: FastifyInstance, eventGrid: EventGrid): void {
  server.post('/eventSubscriptions', async (request, reply) => {
    const parsed = eventSubscriptionSchema.safeParse(parseJson(request.body));
    if (!parsed.success) return reply.status(400).send({ error: z.prettifyError(parsed.error) });
    try {
      const registered = await eventGrid.register(parsed.data, `http://${request.host}`);
      return reply.status(registered.provisioningState === 'Succeeded' ? 201 : 202).send(registered);
    } catch (error) {
      if (!(error instanceof HandshakeError)) throw error;
      return reply.status(400).send({ error: `Url validation: ${error.message}` });
    }
  });
  server.get('/eventSubscriptions', () => eventGrid.list());
  server.delete('/eventSubscriptions', (_request, reply) => {
    eventGrid.remove();
    return reply.status(204).send();
  });
  server.delete<{ Params: { name: string } }>('/eventSubscriptions/:name', (request, reply) => {
    eventGrid.remove(request.params.name);
    return reply.status(204).send();
  });
  // CloudEvents lets the callback be a GET or a POST.
  server.route<{ Params: { name: string }; Querystring: { token?: string } }>({
    method: ['GET', 'POST'],
    url: '/eventSubscriptions/:name/validate',
    handler: (request, reply) =>
      eventGrid.validate(request.params.name, request.query.token ?? '')
        ? reply.send('Webhook successfully validated as a subscription endpoint.')
        : reply.status(400).send({ error: 'The validation URL is not, or no longer, valid.' }),
  });

  server.get('/deliveries', () => eventGrid.deliveries());
  server.delete('/deliveries', (_request, reply) => {
    eventGrid.clearDeliveries();
    return reply.status(204).send();
  });
  server.get('/deadLetters', () => eventGrid.deadLetters());
}
