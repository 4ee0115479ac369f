import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { flushing } from '../../../src/telemetry/flushing.ts';

describe('flushing', () => {
  it('ends with what was sent', async () => {
    let sent = 0;
    const flush = flushing(async () => void sent++);

    await flush();

    assert.equal(sent, 1);
  });

  it('never rejects', async () => {
    const flush = flushing(() => Promise.reject(new Error('no')));

    await flush();
    await flush();
  });

  it('lets all who come while one is under way share the next', async () => {
    const started: PromiseWithResolvers<void>[] = [];
    const flush = flushing(() => {
      started.push(Promise.withResolvers());
      return (started.at(-1) as PromiseWithResolvers<void>).promise;
    });

    const all = [flush(), flush(), flush()];
    started[0]?.resolve();
    await all[0];
    started[1]?.resolve();
    await Promise.all(all);

    assert.equal(started.length, 2);
  });

  it('gives up waiting at the bound, and nobody waits again until what hangs has ended', async () => {
    const hanging = Promise.withResolvers<void>();
    let sent = 0;
    const flush = flushing(() => (sent++ === 0 ? hanging.promise : Promise.resolve()), 20);

    await flush();
    // Would hang forever if anybody waited for it.
    const bounded = flushing(() => hanging.promise, 2 ** 30);
    const before = sent;
    await flush();
    hanging.resolve();
    await bounded();
    await flush();

    assert.equal(before, 1);
    assert.ok(sent >= 2);
  });
});
