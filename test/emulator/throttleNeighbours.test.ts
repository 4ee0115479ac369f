import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createBuckets } from '../../emulator/throttle/buckets.ts';
import { computeLimits } from '../../emulator/throttle/limits.ts';
import { createNeighbours, type NeighbourSpec, shareOfRefill } from '../../emulator/throttle/neighbours.ts';

const MINUTE = 60_000;
const limit = computeLimits.UpdateVM.subscription;
const spec: NeighbourSpec = {
  subscriptionId: 'S',
  location: 'EastUS',
  policyGroup: 'UpdateVM',
  ratePerSecond: 5,
  obeysRetryAfter: true,
};

function aNeighbourhood(...specs: NeighbourSpec[]) {
  let now = 0;
  const clock = { speed: 1, origin: 0, now: () => now };
  const buckets = createBuckets(true, 100);
  const neighbours = createNeighbours(clock, buckets);
  for (const one of specs) neighbours.add(one);
  return {
    neighbours,
    at(ms: number) {
      now = ms;
      return neighbours.list().map(({ sent, refused }) => ({ sent, refused }));
    },
    left: () => buckets.levels(now)[0]?.remaining ?? limit.size,
  };
}

describe('a neighbour', () => {
  it('takes tokens at its rate', () => {
    const { at, left } = aNeighbourhood(spec);

    assert.deepEqual(at(30_000), [{ sent: 150, refused: 0 }]);
    assert.equal(left(), limit.size - 150);
  });

  it('can be given a share of what the bucket gets back', () => {
    const half = { ...spec, ratePerSecond: shareOfRefill('UpdateVM', 0.5) };
    const { at } = aNeighbourhood(half);

    assert.deepEqual(at(60 * MINUTE), [{ sent: 15_000, refused: 0 }]);
  });

  it('is refused like anybody once the bucket is empty, and waits when it obeys', () => {
    const greedy = { ...spec, ratePerSecond: 100 };
    const obedient = aNeighbourhood(greedy).at(10 * MINUTE)[0];
    const stubborn = aNeighbourhood({ ...greedy, obeysRetryAfter: false }).at(10 * MINUTE)[0];

    // 1,500 at once, then 500 a minute; each minute ends with one refusal.
    assert.ok(obedient && obedient.refused >= 8 && obedient.refused <= 10, JSON.stringify(obedient));
    assert.ok(obedient.sent - obedient.refused >= 1500 + 8 * 500);
    assert.equal(stubborn?.sent, 60_000);
    assert.equal(stubborn.refused, 60_000 - 1500, 'it calls early, and so begins its wait anew each time');
  });

  it('meets the others in the order of time', () => {
    const [one, other] = aNeighbourhood({ ...spec, ratePerSecond: 50 }, { ...spec, ratePerSecond: 25 }).at(
      MINUTE,
    );

    assert.deepEqual(one, { sent: 1001, refused: 1 });
    assert.deepEqual(other, { sent: 501, refused: 1 });
  });

  it('is gone when sent away', () => {
    const { neighbours, at, left } = aNeighbourhood(spec);
    at(10_000);
    neighbours.clear();

    assert.deepEqual(at(50_000), []);
    assert.equal(left(), limit.size - 50);
  });
});
