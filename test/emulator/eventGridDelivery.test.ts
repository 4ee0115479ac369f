import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, it } from 'node:test';
import type { Azure, AzureOptions } from '../../emulator/azure.ts';
import { isDelivered, isRetried, retryWait } from '../../emulator/events/retry.ts';
import { anAzure, vmIn } from '../azure.ts';
import { SUBSCRIPTION } from '../builders.ts';
import {
  type Answer,
  armClient,
  aWebhook,
  control,
  deliveries,
  type Received,
  subscribe,
  until,
  type Webhook,
} from './webhook.ts';

const VM = vmIn(SUBSCRIPTION, 'old').id;
const running: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.close();
});

async function start(options: AzureOptions = {}): Promise<Azure> {
  const azure = await anAzure({ fleet: [vmIn(SUBSCRIPTION, 'old')], ...options });
  running.push(azure);
  return azure;
}
async function hook(answer?: (request: Received) => Answer | Promise<Answer>): Promise<Webhook> {
  const webhook = await aWebhook(answer);
  running.push(webhook);
  return webhook;
}
/** Answers with these statuses, one after the other; the last one for good. */
function answering(...statuses: [number, ...number[]]) {
  let index = 0;
  return () => ({ status: statuses[Math.min(index++, statuses.length - 1)] as number });
}
/** Tags the VM this many times, which raises as many events. */
async function write(azure: Azure, times = 1): Promise<void> {
  const arm = await armClient(azure);
  for (let count = 0; count < times; count++) await arm('PATCH', VM, { tags: { count } });
}
/** Writes once and waits until the event was given up. */
async function deadLetterOf(azure: Azure) {
  await write(azure);
  const letters = async () => (await control(azure, 'GET', '/deadLetters')).body;
  await until(async () => (await letters()).length > 0);
  return (await letters())[0];
}

describe('an event that is not taken', () => {
  it('is tried again on Azure’s schedule, never sooner, each try counted in its header', async () => {
    const azure = await start({ speed: 1000 });
    const webhook = await hook(answering(500, 429, 302, 200));
    await subscribe(azure, webhook);
    await write(azure);

    await until(async () => (await deliveries(azure)).length === 4);
    const tried = await deliveries(azure);
    assert.deepEqual(
      tried.map(({ attempt, status, outcome }) => [attempt, status, outcome]),
      [
        [1, 500, 'InternalServerError'],
        [2, 429, 'Busy'],
        [3, 302, 'Found'],
        [4, 200, 'Delivered'],
      ],
    );
    const ends = tried.map(({ time, durationMs }) => Date.parse(time) + durationMs);
    const waits = tried.slice(1).map(({ time }, index) => Date.parse(time) - (ends[index] ?? 0));
    // Records are cut to whole milliseconds.
    for (const [index, least] of [10_000, 30_000, 60_000].entries())
      assert.ok((waits[index] ?? 0) > least - 2);
    assert.deepEqual(
      webhook.received.map(({ headers }) => headers['aeg-delivery-count']),
      ['0', '1', '2', '3'],
    );
    assert.equal(new Set(webhook.events().map(({ id }) => id)).size, 1);
    assert.deepEqual((await control(azure, 'GET', '/deadLetters')).body, []);
  });

  it('is tried again when no answer came in time, or no connection', async () => {
    const azure = await start({ speed: 1000, eventAnswerSeconds: 0.1 });
    let calls = 0;
    const webhook = await hook(() => (++calls === 1 ? new Promise(() => undefined) : { status: 200 }));
    await subscribe(azure, webhook);
    await write(azure);

    await until(async () => (await deliveries(azure)).length === 2);
    const tried = await deliveries(azure);
    assert.deepEqual(
      tried.map(({ status, outcome }) => [status, outcome]),
      [
        [0, 'TimedOut'],
        [200, 'Delivered'],
      ],
    );

    await webhook.close();
    running.splice(running.indexOf(webhook), 1);
    await write(azure);
    await until(async () => (await deliveries(azure)).length > 2);
    assert.equal((await deliveries(azure))[2]?.outcome, 'SocketError');
  });

  for (const [status, reason, outcome] of [
    [400, 'UndeliverableDueToHttpBadRequest', 'BadRequest'],
    [401, 'UndeliverableDueToHttpUnauthorized', 'Unauthorized'],
    [403, 'UndeliverableDueToHttpForbidden', 'Forbidden'],
    [413, 'UndeliverableDueToHttpRequestEntityTooLarge', 'PayloadTooLarge'],
  ] as const) {
    it(`is given up at once on ${status}`, async () => {
      const azure = await start();
      const webhook = await hook(answering(status));
      await subscribe(azure, webhook);

      const { eventSubscription, event } = await deadLetterOf(azure);
      assert.equal(eventSubscription, 'updates');
      assert.equal(event.id, webhook.events()[0]?.id);
      assert.deepEqual(
        [event.deadLetterReason, event.deliveryAttempts, event.lastDeliveryOutcome, event.lastHttpStatusCode],
        [reason, 1, outcome, status],
      );
      assert.ok(event.publishTime <= event.lastDeliveryAttemptTime);
    });
  }

  it('is given up after the attempts its subscription allows', async () => {
    const azure = await start({ speed: 10_000 });
    const webhook = await hook(answering(503));
    await subscribe(azure, webhook, {
      eventDeliverySchema: 'CloudEventSchemaV1_0',
      retryPolicy: { maxDeliveryAttempts: 3 },
    });

    const { event } = await deadLetterOf(azure);
    assert.deepEqual(
      [event.deadletterreason, event.deliveryattempts, event.lastdeliveryoutcome, event.specversion],
      ['MaxDeliveryAttemptsExceeded', 3, 'Busy', '1.0'],
    );
    assert.equal(webhook.received.length, 3);
  });

  it('is given up when its time to live is over at the next attempt', async () => {
    const azure = await start({ speed: 2000 });
    const webhook = await hook(answering(500));
    await subscribe(azure, webhook, { retryPolicy: { eventTimeToLiveInMinutes: 1 } });

    const { event } = await deadLetterOf(azure);
    assert.equal(event.deadLetterReason, 'TimeToLiveExceeded');
    assert.equal(event.deliveryAttempts, webhook.received.length);
    // At 0, 10 and 40 s; the fourth would be at 100 s.
    assert.ok(event.deliveryAttempts <= 3);
  });

  it('waits as long as the documented schedule says', () => {
    const waits = Array.from({ length: 12 }, (_, index) => retryWait(500, index + 1, () => 0) / 1000);
    assert.deepEqual(waits, [10, 30, 60, 300, 600, 1800, 3600, 10_800, 21_600, 43_200, 43_200, 43_200]);
    assert.deepEqual(
      [404, 408, 503, 0].map((status) => retryWait(status, 1, () => 0) / 1000),
      [300, 120, 30, 10],
    );
    assert.ok(retryWait(500, 1, () => 0.999) <= 11_000);
    assert.deepEqual([199, 200, 204, 205].map(isDelivered), [false, true, true, false]);
    assert.deepEqual(
      [0, 400, 401, 403, 404, 413, 500].filter((status) => !isRetried(status)),
      [400, 401, 403, 413],
    );
  });
});

describe('batching', () => {
  // A request that is not answered holds what comes after it, since only so many are under way at once.
  const UNDER_WAY = 64;

  /** The sizes of the requests after those that were held back while `more` further events came. */
  async function sizesOfBatches(more: number, options: Record<string, unknown>): Promise<number[]> {
    const azure = await start();
    let release = () => undefined as unknown;
    const released = new Promise((resolve) => {
      release = () => resolve(undefined);
    });
    const webhook = await hook(async () => {
      await released;
      return { status: 200 };
    });
    const witness = await hook();
    await subscribe(azure, webhook, options);
    await subscribe(azure, witness, { name: 'witness' });
    await write(azure, UNDER_WAY);
    await until(() => webhook.received.length === UNDER_WAY);
    await write(azure, more);
    await until(() => witness.events().length === UNDER_WAY + more);
    assert.equal(webhook.received.length, UNDER_WAY);
    release();

    await until(() => webhook.events().length === UNDER_WAY + more);
    assert.equal(new Set(webhook.events().map(({ id }) => id)).size, UNDER_WAY + more);
    return webhook.received.slice(UNDER_WAY).map(({ body }) => [body].flat().length);
  }

  it('is off by default: one event a request', async () => {
    assert.deepEqual(await sizesOfBatches(5, {}), [1, 1, 1, 1, 1]);
  });

  it('puts what waits into one request, up to the number asked for', async () => {
    const sizes = await sizesOfBatches(25, { batching: { maxEventsPerBatch: 10 } });
    assert.deepEqual(
      sizes.toSorted((a, b) => b - a),
      [10, 10, 5],
    );
  });

  it('keeps to the preferred size', async () => {
    const batching = { maxEventsPerBatch: 5000, preferredBatchSizeInKilobytes: 5 };
    // An event is a little above 2 KB.
    assert.deepEqual(await sizesOfBatches(6, { batching }), [2, 2, 2]);
  });

  it('makes an array of CloudEvents, under the content type of batches', async () => {
    const azure = await start();
    const webhook = await hook();
    await subscribe(azure, webhook, {
      eventDeliverySchema: 'CloudEventSchemaV1_0',
      batching: { maxEventsPerBatch: 10 },
    });
    await write(azure);

    await until(() => webhook.received.length === 1);
    assert.ok(Array.isArray(webhook.received[0]?.body));
    assert.equal(
      webhook.received[0]?.headers['content-type'],
      'application/cloudevents-batch+json; charset=utf-8',
    );
  });
});

describe('chaos', () => {
  it('delivers a share of the events more than once', async () => {
    const azure = await start();
    const webhook = await hook();
    await subscribe(azure, webhook, { duplicates: 1 });
    await write(azure, 5);

    const counts = () => Map.groupBy(webhook.events(), ({ id }) => id);
    await until(() => counts().size === 5 && [...counts().values()].every(({ length }) => length > 1));
    await until(async () => (await deliveries(azure)).length === webhook.received.length);
    assert.ok([...counts().values()].every(({ length }) => length <= 5));
  });

  it('delivers late, and out of order', async () => {
    const azure = await start({ speed: 100 });
    const webhook = await hook();
    await subscribe(azure, webhook, { delaySeconds: 30, reorder: 60 });
    await write(azure, 20);

    await until(async () => (await deliveries(azure)).length === 20);
    const eventTimes = new Map(
      webhook.events().map(({ id, eventTime }) => [id, Date.parse(eventTime ?? '')]),
    );
    const late = (await deliveries(azure)).map(
      ({ eventId, time }) => Date.parse(time) - (eventTimes.get(eventId) ?? 0),
    );
    // Records are cut to whole milliseconds.
    assert.ok(late.every((ms) => ms >= 29_999));
    assert.ok(Math.max(...late) - Math.min(...late) > 20_000);
  });
});

it('a thousand VMs created in one burst: every event once, over few connections', async () => {
  const azure = await start({ operationScale: 1, speed: 300 });
  const webhook = await hook();
  await subscribe(azure, webhook);
  const arm = await armClient(azure);
  const ids = Array.from({ length: 1000 }, (_, index) => vmIn(SUBSCRIPTION, `burst-${index}`).id);
  while (ids.length > 0) {
    await Promise.all(ids.splice(0, 100).map((id) => arm('PUT', id, { location: 'eastus' })));
  }

  await until(async () => (await deliveries(azure)).length === 1000);
  const subjects = webhook.events().map(({ subject }) => subject);
  assert.deepEqual([subjects.length, new Set(subjects).size], [1000, 1000]);
  assert.ok(webhook.mostOpen() <= 64);
  assert.ok(webhook.connections() <= 64);
  assert.ok(
    (await deliveries(azure)).every(({ attempt, outcome }) => attempt === 1 && outcome === 'Delivered'),
  );
});

it('a reset forgets subscriptions, what is pending, and records', async () => {
  const azure = await start({ speed: 1000 });
  const webhook = await hook(answering(500, 400, 200));
  await subscribe(azure, webhook);
  await write(azure, 1);
  await until(async () => (await control(azure, 'GET', '/deadLetters')).body.length === 1);
  await subscribe(azure, webhook, { delaySeconds: 60 });
  await write(azure, 1);

  await control(azure, 'POST', '/reset');
  for (const path of ['/eventSubscriptions', '/deliveries', '/deadLetters']) {
    assert.deepEqual((await control(azure, 'GET', path)).body, []);
  }
  webhook.received.length = 0;
  // What was pending would come first.
  await subscribe(azure, webhook, { delaySeconds: 120 });
  await write(azure, 1);
  await until(() => webhook.received.length > 0);
  const delivered = await deliveries(azure);
  assert.equal(webhook.events().length, 1);
  assert.ok(delivered.length <= 1);
});

it('deliveries can be forgotten, and are told in both times', async () => {
  const azure = await start({ speed: 1000 });
  const webhook = await hook();
  await subscribe(azure, webhook);
  const before = Date.now();
  await write(azure);

  await until(async () => (await deliveries(azure)).length === 1);
  const [{ eventId, subject, eventTime, machineTime, machineDurationMs, time, ...rest }] = (await deliveries(
    azure,
  )) as [Awaited<ReturnType<typeof deliveries>>[number]];
  const [event] = webhook.events();
  assert.deepEqual([eventId, subject, eventTime], [event?.id, event?.subject, event?.eventTime]);
  assert.deepEqual(Object.keys(rest), ['eventSubscription', 'attempt', 'status', 'outcome', 'durationMs']);
  assert.ok(Date.parse(machineTime) >= before && Date.parse(machineTime) <= Date.now());
  assert.ok(Date.parse(time) > Date.parse(machineTime));
  assert.ok(machineDurationMs <= Date.now() - before);
  await control(azure, 'DELETE', '/deliveries');
  assert.deepEqual(await deliveries(azure), []);
});

it('closing drops what is pending and under way, and leaves nothing that keeps the process alive', async ({
  signal,
}) => {
  const script = `
    const { anAzure, vmIn } = await import('${new URL('../azure.ts', import.meta.url)}');
    const { aWebhook, armClient, deliveries, subscribe, until } = await import('${new URL('webhook.ts', import.meta.url)}');
    const azure = await anAzure({ fleet: [vmIn('${SUBSCRIPTION}', 'old')] });
    const held = await aWebhook(() => new Promise(() => undefined));
    const failing = await aWebhook(() => ({ status: 500 }));
    await subscribe(azure, held, { name: 'held' });
    await subscribe(azure, failing, { name: 'failing' });
    await subscribe(azure, failing, { name: 'late', delaySeconds: 3600 });
    await (await armClient(azure))('PATCH', '${VM}', { tags: {} });
    await until(async () => held.received.length === 1 && (await deliveries(azure)).length === 1);
    await azure.close();
    await until(() => held.openConnections() + failing.openConnections() === 0);
    await failing.close();
    await held.close();
    process.on('exit', () => process.stdout.write('ended'));
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
    signal,
  });
  let output = '';
  child.stdout.on('data', (data) => {
    output += data;
  });
  const [code] = await once(child, 'close');

  assert.deepEqual([code, output], [0, 'ended']);
});
