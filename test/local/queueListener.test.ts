import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { QueueServiceClient } from '@azure/storage-queue';
import { type Azurite, startAzurite } from '../../local/azurite.ts';
import { poisonQueueOf } from '../../local/poison.ts';
import {
  type QueueListener,
  type QueueListenerOptions,
  startQueueListener,
} from '../../local/queueListener.ts';
import { until } from '../until.ts';
import { testQueue } from './localHost.ts';

let azurite: Azurite;
before(async () => {
  azurite = await startAzurite();
});
after(async () => {
  await Promise.all(listeners.map((listener) => listener.stop()));
  await azurite.stop();
});

const listeners: QueueListener[] = [];
let made = 0;

/** A new queue with listeners on it, and all they said. Its options are small and fast. */
async function aQueue(options: Partial<QueueListenerOptions['options']> = {}) {
  const name = `queue-${++made}`;
  const service = QueueServiceClient.fromConnectionString(azurite.connectionString);
  const queue = testQueue(azurite.connectionString, name);
  await queue.client.createIfNotExists();
  const logs: string[] = [];
  return {
    ...queue,
    logs,
    poison: testQueue(azurite.connectionString, `${name}-poison`),
    listen: (run: QueueListenerOptions['run'], leaseMs = 2000) => {
      const listener = startQueueListener({
        queue: queue.client,
        poison: poisonQueueOf(service, name),
        options: {
          batchSize: 4,
          newBatchThreshold: 2,
          maxDequeueCount: 3,
          maxPollingInterval: 200,
          visibilityTimeout: 0,
          messageEncoding: 'base64',
          ...options,
        },
        leaseMs,
        run,
        log: (level, message) => logs.push(`${level}: ${message}`),
      });
      listeners.push(listener);
      return listener;
    },
    left: async () => (await queue.client.getProperties()).approximateMessagesCount ?? 0,
  };
}

describe('a queue listener', { concurrency: true }, () => {
  test('a message is deleted when its function succeeded', async () => {
    const queue = await aQueue();
    await queue.send('hello');
    const seen: string[] = [];

    const listener = queue.listen(async (text) => seen.push(text) > 0);
    await until('the queue is empty', async () => (await queue.left()) === 0);
    await listener.stop();

    assert.deepEqual(seen, ['hello']);
  });

  test('a message that keeps failing is tried maxDequeueCount times, then put to the poison queue for ever', async () => {
    const queue = await aQueue();
    await queue.send({ bad: true });
    const counts: number[] = [];

    const listener = queue.listen(async (_text, message) => counts.push(message.dequeueCount) === 0);
    await until('the message is poison', async () => (await queue.left()) === 0);
    await listener.stop();

    assert.deepEqual(counts, [1, 2, 3]);
    assert.deepEqual(await queue.poison.contents(), [{ bad: true }]);
    assert.deepEqual(queue.logs, [
      `error: Message has reached MaxDequeueCount of 3. Moving message to queue '${queue.poison.client.name}'.`,
    ]);
    const [poisoned] = (await queue.poison.client.peekMessages()).peekedMessageItems;
    assert.equal(poisoned?.expiresOn.getUTCFullYear(), 9999);
  });

  test('the last failure moves the message at once, not when it would be shown again', async () => {
    const queue = await aQueue({ maxDequeueCount: 1, visibilityTimeout: 600_000 });
    await queue.send('once only');

    const listener = queue.listen(async () => false);
    await until('the message is poison', async () => (await queue.left()) === 0);
    await listener.stop();

    assert.deepEqual(await queue.poison.contents(), ['once only']);
  });

  test('a message received too often before, or in another encoding, goes to the poison queue without a run', async () => {
    const queue = await aQueue();
    await queue.send('worn out');
    for (let time = 0; time < 3; time++)
      await queue.client.receiveMessages({ visibilityTimeout: 1 }).then(() => delay(1100));
    await queue.client.sendMessage('not base64!');
    let runs = 0;

    const listener = queue.listen(async () => ++runs > 0);
    await until('both are gone', async () => (await queue.left()) === 0);
    await listener.stop();

    assert.equal(runs, 0);
    const { peekedMessageItems } = await queue.poison.client.peekMessages({ numberOfMessages: 32 });
    assert.deepEqual(
      peekedMessageItems.map(({ messageText }) => messageText).sort(),
      [Buffer.from('worn out').toString('base64'), 'not base64!'].sort(),
    );
  });

  test('a failed message comes back after the visibility timeout of host.json, not before', async () => {
    const queue = await aQueue({ visibilityTimeout: 1000 });
    await queue.send('later');
    const times: number[] = [];

    const listener = queue.listen(async () => times.push(Date.now()) === 2);
    await until('the second try succeeded', async () => (await queue.left()) === 0);
    await listener.stop();

    const [first = 0, second = 0] = times;
    assert.equal(times.length, 2);
    // Storage counts in whole seconds from the full second.
    assert.ok(second - first > 500, `${second - first} ms`);
  });

  test('a lease is renewed while the function runs, so that another listener never gets the message', async () => {
    const queue = await aQueue();
    await queue.send('long');
    let running = 0;
    let most = 0;
    let runs = 0;
    const run = async () => {
      runs++;
      most = Math.max(most, ++running);
      await delay(4000);
      running--;
      return true;
    };

    const listeners = [queue.listen(run, 1000), queue.listen(run, 1000)];
    await until('the message is deleted', async () => (await queue.left()) === 0);
    await Promise.all(listeners.map((listener) => listener.stop()));

    assert.deepEqual({ runs, most }, { runs: 1, most: 1 });
    assert.deepEqual(queue.logs, []);
  });

  test('no more than batchSize + newBatchThreshold messages are worked on at once, and no message twice', async () => {
    const queue = await aQueue();
    await Promise.all(Array.from({ length: 40 }, (_, index) => queue.send(`${index}`)));
    const seen: string[] = [];
    let running = 0;
    let most = 0;

    const listener = queue.listen(async (text) => {
      seen.push(text);
      most = Math.max(most, ++running);
      await delay(10 + (Number(text) % 7) * 10);
      running--;
      return true;
    });
    await until('the queue is empty', async () => (await queue.left()) === 0);
    await listener.stop();

    assert.deepEqual(
      seen.map(Number).sort((a, b) => a - b),
      Array.from({ length: 40 }, (_, index) => index),
    );
    assert.ok(most > 4 && most <= 6, `${most} at once`);
  });

  test('a stopped listener finishes what it has and takes no more; letting go shows a message at once', async () => {
    const queue = await aQueue();
    await queue.send('first');
    const begun = Promise.withResolvers<void>();
    const end = Promise.withResolvers<boolean>();

    const listener = queue.listen(() => {
      begun.resolve();
      return end.promise;
    }, 60_000);
    await begun.promise;
    const stopped = listener.stop();
    await queue.send('second');
    await delay(500);
    const whileRunning = await queue.contents();
    await listener.letGo();
    const afterLettingGo = await queue.contents();
    end.resolve(true);
    await stopped;

    assert.deepEqual(whileRunning, ['second']);
    assert.deepEqual(afterLettingGo.sort(), ['first', 'second']);
    assert.equal(await queue.left(), 2);
  });

  test('a queue that does not exist yet is polled without a word, and found when it is there', async () => {
    const queue = await aQueue();
    await queue.client.delete();

    const listener = queue.listen(async () => true);
    await delay(300);
    await queue.client.create();
    await queue.send('at last');
    await until('it is worked on', async () => (await queue.left()) === 0);
    await listener.stop();

    assert.deepEqual(queue.logs, []);
  });
});
