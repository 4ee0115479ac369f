import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import type { Azure } from '../../emulator/azure.ts';
import type { Delivery } from '../../emulator/events/records.ts';

/** An event in either delivery schema; only what tests look at. */
export interface AnyEvent {
  readonly id: string;
  readonly subject: string;
  readonly eventType?: string;
  readonly eventTime?: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** A request a webhook got. */
export interface Received {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
}

/** A webhook on this machine. */
export interface Webhook {
  readonly url: string;
  /** Every request but the validations it agreed to, in order of arrival. */
  readonly received: Received[];
  /** The events of all those requests. */
  events(): AnyEvent[];
  /** The most requests that were open at once. */
  mostOpen(): number;
  /** Connections ever made, and those that are still open. */
  connections(): number;
  openConnections(): number;
  close(): Promise<void>;
}

/** Starts a webhook that agrees to every validation and answers the rest with `answer`; 200 when left out. */
export async function aWebhook(
  answer: (request: Received) => Answer | Promise<Answer> = () => ({ status: 200 }),
  validate: (request: Received) => Answer | undefined = agree,
): Promise<Webhook> {
  const received: Received[] = [];
  let [open, mostOpen, connections, openConnections] = [0, 0, 0, 0];
  const server = createServer(async (request, response) => {
    mostOpen = Math.max(mostOpen, ++open);
    response.on('close', () => open--);
    const raw = await text(request);
    const { method = '', headers } = request;
    const one = { method, headers, body: raw === '' ? undefined : JSON.parse(raw) };
    const agreed = validate(one);
    if (!agreed) received.push(one);
    const { status, headers: sent = {}, body } = agreed ?? (await answer(one));
    response.writeHead(status, sent).end(body === undefined ? '' : JSON.stringify(body));
  });
  server.on('connection', (socket) => {
    connections++;
    openConnections++;
    socket.on('close', () => openConnections--);
  });
  // Whoever made a connection closes it.
  server.keepAliveTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/updates`,
    received,
    events: () => received.flatMap(({ body }) => body as AnyEvent | AnyEvent[]),
    mostOpen: () => mostOpen,
    connections: () => connections,
    openConnections: () => openConnections,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** The answer a validation wants, as the Functions host gives it; undefined for other requests. */
export function agree({ method, headers, body }: Received): Answer | undefined {
  if (method === 'OPTIONS')
    return { status: 200, headers: { 'webhook-allowed-origin': 'eventgrid.azure.net' } };
  if (headers['aeg-event-type'] !== 'SubscriptionValidation') return undefined;
  const [event] = body as [{ data: { validationCode: string } }];
  return { status: 200, body: { validationResponse: event.data.validationCode } };
}

/** Calls the control API; the answer's JSON, or undefined when it is empty. */
export async function control(azure: Azure, method: string, path: string, body?: unknown) {
  const response = await fetch(azure.controlEndpoint + path, {
    method,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const answered = await response.text();
  return { status: response.status, body: answered === '' ? undefined : JSON.parse(answered) };
}

/** Registers an event subscription called `updates`; throws when it is refused. */
export async function subscribe(
  azure: Azure,
  webhook: Webhook,
  more: Record<string, unknown> = {},
): Promise<void> {
  const asked = { name: 'updates', endpoint: webhook.url, ...more };
  const { status, body } = await control(azure, 'POST', '/eventSubscriptions', asked);
  if (status !== 201) throw new Error(`refused with ${status}: ${JSON.stringify(body)}`);
}

export async function deliveries(azure: Azure): Promise<Delivery[]> {
  return (await control(azure, 'GET', '/deliveries')).body;
}

/** Waits until something is so. Throws after a minute, so that a failure is no endless wait. */
export async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + 60_000;
  while (!(await what())) {
    if (Date.now() > end) throw new Error(`not so after a minute: ${what}`);
    await delay(5);
  }
}

/** Sends requests to Resource Manager as the remediator. Throws on an error status. */
export async function armClient(azure: Azure) {
  const url = `${azure.identityEndpoint}?resource=arm&api-version=2019-08-01&client_id=${azure.env.AZURE_CLIENT_ID}`;
  const answer = await fetch(url, { headers: { 'x-identity-header': azure.identityHeader } });
  const { access_token } = (await answer.json()) as { access_token: string };
  return async (method: string, id: string, body?: unknown, headers: Record<string, string> = {}) => {
    const response = await fetch(`${azure.armEndpoint}${id}?api-version=2024-07-01`, {
      method,
      headers: { authorization: `Bearer ${access_token}`, 'content-type': 'application/json', ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const answered = await response.text();
    if (!response.ok) throw new Error(`${method} ${id}: ${response.status} ${answered}`);
    return answered === '' ? undefined : JSON.parse(answered);
  };
}
