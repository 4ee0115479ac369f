import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { outbox } from '../../../src/telemetry/outbox.ts';

/** A client like Microsoft's: what does not fit into its queue is dropped, without a word. */
function aClient(capacity: number) {
  let queued: number[] = [];
  const sent: number[] = [];
  return {
    sent,
    hand: (item: number) => void (queued.length < capacity && queued.push(item)),
    async send() {
      const batch = queued;
      queued = [];
      await new Promise(setImmediate);
      sent.push(...batch);
    },
  };
}

describe('the outbox', () => {
  it('loses nothing and repeats nothing, in order, however fast items come', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(40), { maxLength: 12 }),
        fc.integer({ min: 1, max: 10 }),
        async (bursts, room) => {
          const client = aClient(room);
          const box = outbox(client.send, room);
          let added = 0;
          for (const burst of bursts) {
            for (let n = 0; n < burst; n++) {
              const item = added++;
              box.add(() => client.hand(item));
            }
            await (burst % 3 === 0 ? box.flush() : new Promise(setImmediate));
          }
          await box.flush();

          assert.deepEqual(
            client.sent,
            Array.from({ length: added }, (_, n) => n),
          );
        },
      ),
    );
  });

  it('goes on when sending fails', async () => {
    const handed: number[] = [];
    const box = outbox(() => Promise.reject(new Error('no')), 1);

    for (const item of [1, 2, 3]) box.add(() => handed.push(item));
    await assert.rejects(box.flush(), /no/);

    assert.deepEqual(handed, [1, 2, 3]);
  });

  it('keeps no more than it may while nothing can be sent', async () => {
    const hanging = Promise.withResolvers<void>();
    const handed: number[] = [];
    const box = outbox(() => hanging.promise, 1, 2);

    for (const item of [1, 2, 3, 4, 5]) box.add(() => handed.push(item));
    hanging.resolve();
    await box.flush();

    assert.deepEqual(handed, [1, 2, 3]);
  });
});
