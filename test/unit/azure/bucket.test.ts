import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Bucket, bucketOf } from '../../../src/azure/bucket.ts';
import { throttleLimits } from '../../../src/domain/throttleLimits.ts';

const limits = fc.constantFrom(...Object.values(throttleLimits));
const shares = fc.integer({ min: 1, max: 100 }).map((percent) => percent / 100);
const steps = fc.array(fc.integer({ min: 0, max: 20_000 }), { minLength: 1, maxLength: 200 });

/** Takes whatever is ready after each step; returns the times. */
function takeAll(bucket: Bucket, gaps: readonly number[], start = 0): number[] {
  const times: number[] = [];
  let now = start;
  for (const gap of gaps) {
    now += gap;
    while (bucket.readyAt(1, now) <= now) {
      bucket.take(now);
      bucket.answered(now, now);
      times.push(now);
    }
  }
  return times;
}

/** How many more tokens were taken between any two moments than a bucket of that size and refill could give. */
function excess(times: readonly number[], size: number, refill: number): number {
  let most = Number.NEGATIVE_INFINITY;
  // The largest of (j - i + 1) - refill * (tj - ti) over all i <= j, in one pass.
  let best = Number.NEGATIVE_INFINITY;
  times.forEach((time, index) => {
    best = Math.max(best, (refill * time) / 1000 - index);
    most = Math.max(most, index + 1 - (refill * time) / 1000 + best - size);
  });
  return most;
}

describe('a bucket', () => {
  it('never gives more than our share of size and refill, whatever the schedule', () => {
    fc.assert(
      fc.property(limits, shares, steps, (limit, share, gaps) => {
        const times = takeAll(bucketOf(limit, share), gaps);

        assert.ok(excess(times, Math.max(1, share * limit.size), share * limit.refill) <= 1e-6);
      }),
    );
  });

  it('loses no token: taken as soon as there is one, all of the refill but the safety margin is used', () => {
    fc.assert(
      fc.property(limits, shares, (limit, share) => {
        const bucket = bucketOf(limit, share);
        const lastsMs = 2_000_000;
        let taken = 0;
        for (let now = 0; now <= lastsMs; now = bucket.readyAt(1, now)) {
          bucket.take(now);
          bucket.answered(now, now);
          taken++;
        }

        // A window is used less: no part of a token.
        const expected =
          'windowMs' in limit
            ? Math.max(1, Math.floor(share * limit.size)) *
              Math.ceil(lastsMs / (Math.max(limit.windowMs, 1000 / (share * limit.refill)) / 0.995))
            : Math.max(1, share * (limit.size - 2 * limit.refill)) +
              (share * limit.refill * 0.995 * lastsMs) / 1000;
        // Wake-ups are in whole ms.
        assert.ok(taken >= expected * 0.97 - 1, `${taken} of ${expected}`);
        assert.ok(taken <= expected + 1);
      }),
    );
  });

  it('gives nothing before the time when it is ready again, and something then', () => {
    fc.assert(
      fc.property(limits, shares, steps, (limit, share, gaps) => {
        const bucket = bucketOf(limit, share);
        takeAll(bucket, gaps);
        const now = gaps.reduce((sum, gap) => sum + gap, 0);
        const ready = bucket.readyAt(1, now);

        assert.ok(ready > now);
        assert.ok(bucket.readyAt(1, ready - 1) >= ready - 0.001);
        assert.equal(bucket.readyAt(1, ready), ready);
      }),
    );
  });

  it('gives nothing while it is closed, one token when that is over, and no burst after it', () => {
    fc.assert(
      fc.property(limits, shares, steps, fc.integer({ min: 1, max: 300_000 }), (limit, share, gaps, ms) => {
        const bucket = bucketOf(limit, share);
        const now = takeAll(bucket, gaps.slice(0, 3)).at(-1) ?? 0;
        bucket.closeUntil(now + ms, now);
        const during = takeAll(bucket, [0, ms - 1], now);
        const after = takeAll(bucket, [0], now + ms);

        assert.deepEqual(during, []);
        assert.ok(after.length <= 1);
      }),
    );
  });

  it('is full at first, not after a token was taken, and full again later', () => {
    fc.assert(
      fc.property(limits, shares, (limit, share) => {
        const bucket = bucketOf(limit, share);

        assert.ok(bucket.isFull(0));
        bucket.take(0);
        assert.ok(!bucket.isFull(1));
        assert.ok(bucket.isFull(1e10));
      }),
    );
  });
});

describe('a count of what is left', () => {
  const { armWrites, resourceGraph } = throttleLimits;
  const freeTokens = (bucket: Bucket, now: number) => takeAll(bucket, [0], now).length;

  it('changes nothing when only we take, whatever is under way', () => {
    const alone = bucketOf(armWrites, 0.7);
    const told = bucketOf(armWrites, 0.7);
    let azures: number = armWrites.size;
    let last = 0;
    // Each answer comes a second late, and tells what was left when its request was let in.
    const answers: { at: number; remaining: number; number: number }[] = [];
    const taken: [number, number] = [0, 0];

    for (let now = 0; now < 100_000; now += 50) {
      azures = Math.min(armWrites.size, azures + ((now - last) * armWrites.refill) / 1000);
      last = now;
      while (alone.readyAt(1, now) <= now) {
        alone.take(now);
        taken[0]++;
      }
      while (told.readyAt(1, now) <= now) {
        told.take(now);
        azures--;
        answers.push({ at: now + 1000, remaining: Math.floor(azures), number: ++taken[1] });
      }
      for (const { remaining, number } of answers.filter(({ at }) => at === now)) {
        told.correct({ remaining }, 1000, taken[1] - number, now);
      }
    }

    assert.equal(taken[1], taken[0]);
  });

  it('takes what others have used off our part', () => {
    const bucket = bucketOf(armWrites, 0.7);
    bucket.take(0);

    bucket.correct({ remaining: 99 }, 0, 0, 0);

    // 126 are ours of 200; 101 of the 200 are gone.
    assert.equal(freeTokens(bucket, 0), 25);
  });

  it('leaves the others’ part to them even when nothing of ours was used', () => {
    const bucket = bucketOf(armWrites, 0.7);

    bucket.correct({ remaining: 60 }, 0, 0, 0);

    assert.equal(freeTokens(bucket, 0), 0);
    assert.ok(bucket.readyAt(1, 0) > 2000);
  });

  it('of some time ago is brought up to date with what was taken and refilled since', () => {
    const bucket = bucketOf(armWrites, 0.7);
    for (let count = 0; count < 30; count++) bucket.take(0);

    bucket.correct({ remaining: 140 }, 3000, 20, 3000);

    // 140 + 30 refilled - 20 taken: 150 are left, 50 gone.
    assert.equal(freeTokens(bucket, 3000), 76);
  });

  it('that is higher than a full bucket, as of older limits, changes nothing', () => {
    const bucket = bucketOf(armWrites, 0.7);

    bucket.correct({ remaining: 1199 }, 0, 0, 0);

    assert.equal(freeTokens(bucket, 0), 126);
  });

  it('of a window holds until the window ends', () => {
    const bucket = bucketOf(resourceGraph, 0.7);
    bucket.take(0);

    bucket.correct({ remaining: 4, resetsInMs: 3000 }, 500, 0, 500);

    assert.equal(bucket.readyAt(1, 500), 3500);
    assert.equal(freeTokens(bucket, 3500), 9);
  });
});
