import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { exclusive } from '../../../src/remediation/exclusive.ts';

describe('exclusive', () => {
  it('runs work under one key one after the other, in order, also after a failure', async () => {
    const run = exclusive();
    const seen: string[] = [];
    const work =
      (name: string, fails = false) =>
      async () => {
        seen.push(`${name} begins`);
        await new Promise((resolve) => setImmediate(resolve));
        seen.push(`${name} ends`);
        if (fails) throw new Error(name);
      };

    const all = await Promise.allSettled([
      run('k', work('a', true)),
      run('k', work('b')),
      run('k', work('c')),
    ]);

    assert.deepEqual(seen, ['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
    assert.deepEqual(
      all.map(({ status }) => status),
      ['rejected', 'fulfilled', 'fulfilled'],
    );
  });

  it('lets work under other keys run meanwhile', async () => {
    const run = exclusive();
    const { promise, resolve: release } = Promise.withResolvers<void>();
    const held = run('a', () => promise);

    assert.equal(await run('b', async () => 'done'), 'done');

    release();
    await held;
  });
});
