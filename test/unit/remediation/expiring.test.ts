import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { expiring } from '../../../src/remediation/expiring.ts';

function aClock() {
  let now = 0;
  return {
    speed: 1,
    now: () => now,
    sleep: async () => undefined,
    step(ms: number) {
      now += ms;
    },
  };
}

describe('expiring', () => {
  it('asks once for everybody within its lifetime, and again after it', async () => {
    const clock = aClock();
    let asked = 0;
    const ask = expiring(clock, 1000, async () => ++asked);

    assert.deepEqual(await Promise.all([ask(), ask()]), [1, 1]);
    clock.step(999);
    assert.equal(await ask(), 1);
    clock.step(1);
    assert.equal(await ask(), 2);
  });

  it('does not keep a failure', async () => {
    let asked = 0;
    const ask = expiring(aClock(), 1000, async () => {
      if (++asked === 1) throw new Error('no');
      return asked;
    });

    await assert.rejects(ask());
    assert.equal(await ask(), 2);
  });
});
