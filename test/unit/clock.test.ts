import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fastClock, systemClock } from '../../src/clock.ts';

describe('a fast clock', () => {
  it('sees as many times the time pass, and its sleeps take as long by itself', async () => {
    const clock = fastClock(1000, systemClock.now());
    const before = systemClock.now();
    const start = clock.now();
    const started = systemClock.now();

    await clock.sleep(20_000);
    const ending = systemClock.now();
    const passed = clock.now() - start;
    const after = systemClock.now();

    // Both clocks tell whole ms of the machine, and a timer may be early by less than one.
    assert.ok(passed >= 19_000, `${passed} ms`);
    assert.ok(passed >= (ending - started - 1) * 1000 && passed <= (after - before + 1) * 1000);
  });

  it('tells the same time in every process that knows its speed and origin', () => {
    const origin = systemClock.now() - 1000;

    assert.ok(fastClock(50, origin).now() >= origin + 50_000);
  });

  it('stops sleeping when the signal fires', async () => {
    await assert.rejects(fastClock(2, 0).sleep(60_000, AbortSignal.abort()), { name: 'AbortError' });
  });
});
