import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { type HostedFixture, hostFixture } from './localHost.ts';

let fixture: HostedFixture;
before(async () => {
  fixture = await hostFixture();
});
beforeEach(() => fixture.queue('results').client.clearMessages());
after(() => fixture.host.stop());

interface Delivery {
  readonly type?: string;
  readonly functionName?: string;
  readonly path?: string;
}

/** Delivers as Event Grid does. */
function deliver(body: unknown, { type = 'Notification', functionName = 'event', path }: Delivery = {}) {
  return fetch(path ?? fixture.host.webhookUrl(functionName), {
    method: 'POST',
    headers: { 'content-type': 'application/json; charset=utf-8', ...(type && { 'aeg-event-type': type }) },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

function anEvent(id: string, data: object = {}) {
  return {
    id,
    topic: '/subscriptions/00000000-0000-0000-0000-000000000001',
    subject: '/subscriptions/00000000-0000-0000-0000-000000000001/resourcegroups/rg',
    eventType: 'Microsoft.Resources.ResourceWriteSuccess',
    eventTime: '2026-10-01T08:15:30.1234567Z',
    dataVersion: '2',
    metadataVersion: '1',
    data,
  };
}

async function eventsSeen(): Promise<unknown[]> {
  const seen = (await fixture.queue('results').contents()) as { event: { id: string } }[];
  return seen.map(({ event }) => event.id).sort();
}

test('the handshake of the Event Grid schema is answered with its code', async () => {
  const validationCode = '512d38b6-c7b8-40c8-89fe-f46f9e9622b6';
  const body = [
    { ...anEvent('v', { validationCode }), eventType: 'Microsoft.EventGrid.SubscriptionValidationEvent' },
  ];

  const response = await deliver(body, { type: 'SubscriptionValidation' });

  assert.equal(response.status, 200);
  assert.deepEqual(await response.json(), { validationResponse: validationCode });
  assert.deepEqual(await eventsSeen(), []);
});

test('a validation event in CloudEvents form has its data as text, and one without a code is refused', async () => {
  const event = { specversion: '1.0', data: JSON.stringify({ validationCode: 'code' }) };

  const response = await deliver(event, { type: 'SubscriptionValidation' });
  const without = await deliver([anEvent('v')], { type: 'SubscriptionValidation' });

  assert.deepEqual(await response.json(), { validationResponse: 'code' });
  assert.equal(without.status, 400);
});

test('the handshake of CloudEvents allows the origin that asks', async () => {
  const ask = (headers: Record<string, string>) =>
    fetch(fixture.host.webhookUrl('event'), { method: 'OPTIONS', headers });

  const response = await ask({ 'WebHook-Request-Origin': 'eventgrid.azure.net' });

  assert.equal(response.status, 200);
  assert.equal(response.headers.get('WebHook-Allowed-Origin'), 'eventgrid.azure.net');
  assert.equal(response.headers.get('WebHook-Allowed-Rate'), '*');
  assert.equal((await ask({})).status, 400);
});

test('a batch runs once for each event, side by side, and is accepted', async () => {
  const ids = ['a', 'b', 'c'];

  const response = await deliver(ids.map((id) => anEvent(id, { n: id })));

  assert.equal(response.status, 202);
  assert.deepEqual(await eventsSeen(), ids);
});

test('a CloudEvent comes as one object, or in an array', async () => {
  const event = { specversion: '1.0', id: 'c1', source: '/subscriptions/s', type: 't', data: { Key: 1 } };

  const one = await deliver(event);
  const array = await deliver([{ ...event, id: 'c2' }]);

  assert.deepEqual([one.status, array.status], [202, 202]);
  const [first] = (await fixture.queue('results').contents()) as { event: unknown; metadata: unknown }[];
  assert.deepEqual(first?.event, event);
  assert.deepEqual(first?.metadata, { data: { key: 1 } });
});

test('one event that fails makes the whole delivery fail, though the others ran', async () => {
  const response = await deliver([anEvent('good'), anEvent('bad', { fail: true })]);

  assert.equal(response.status, 500);
  assert.match(await response.text(), /this event fails/);
  await fixture.host.idle();
  assert.deepEqual(await eventsSeen(), ['good']);
});

test('an unsubscription is accepted, a delivery of no or an unknown kind refused', async () => {
  assert.equal((await deliver([anEvent('x')], { type: 'Unsubscribe' })).status, 202);
  assert.equal((await deliver([anEvent('x')], { type: 'Other' })).status, 400);
  assert.equal((await deliver([anEvent('x')], { type: '' })).status, 400);
  assert.deepEqual(await eventsSeen(), []);
});

test('a function that is no Event Grid function is not found', async () => {
  for (const functionName of ['nobody', 'work', '']) {
    const response = await deliver([anEvent('x')], { functionName });
    assert.equal(response.status, 404);
    assert.equal(await response.text(), `cannot find function: '${functionName}'`);
  }
});

test('a body that is no event is refused, as is one over a megabyte', async () => {
  for (const body of ['', '{', '5', '[1]', '[[]]']) assert.equal((await deliver(body)).status, 400, body);

  assert.equal((await deliver([anEvent('x', { text: 'x'.repeat(1024 * 1024) })])).status, 413);
  assert.equal((await deliver([anEvent('big', { text: 'x'.repeat(15_000) })])).status, 202);
});

test('the path is found in any case, as Event Grid subscriptions spell it both ways', async () => {
  const path = fixture.host.webhookUrl('event').replace('eventgrid', 'EventGrid');

  assert.equal((await deliver([anEvent('cased')], { path })).status, 202);
});
