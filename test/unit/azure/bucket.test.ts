import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Bucket, bucketOf } from '../../../src/azure/bucket.ts';
import { type ThrottleLimit, throttleLimits } from '../../../src/domain/throttleLimits.ts';

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

        const { size, refill, windowMs }: ThrottleLimit = limit;
        const expected =
          windowMs === undefined
            ? Math.max(1, Math.min(share * size, size - 2 * refill)) +
              (Math.min(share, 0.995) * refill * lastsMs) / 1000
            : Math.max(1, Math.floor(share * size)) *
              Math.ceil(lastsMs / (Math.max(windowMs, 1000 / (share * refill)) / 0.995));
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
        bucket.closeUntil(now + ms, now, true);
        const during = takeAll(bucket, [0, ms - 1], now);
        const after = takeAll(bucket, [0], now + ms);

        assert.deepEqual(during, []);
        assert.ok(after.length <= 1);
      }),
    );
  });

  it('of a window that is refused again and again gives ever less, and all of it when that is long over', () => {
    const bucket = bucketOf(throttleLimits.tenantAssignments, 0.7);
    const inWindow = (from: number) => {
      let taken = 0;
      for (let now = from; now < from + 20_000; now += 10) taken += takeAll(bucket, [0], now).length;
      return taken;
    };
    const afterRefusal = [0, 30_000, 60_000].map((now) => {
      bucket.closeUntil(now + 1000, now, true);
      bucket.closeUntil(now + 1000, now + 500, false);
      return inWindow(now + 1000);
    });

    assert.deepEqual(afterRefusal, [140, 70, 35]);
    assert.equal(takeAll(bucket, [0], 1_000_000).length, 280);
    bucket.closeUntil(1_001_000, 1_000_000, true);
    assert.equal(inWindow(1_001_000), 140);
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

  it('is not full while Azure’s is not', () => {
    const bucket = bucketOf(throttleLimits.oneVmUpdates, 1);
    bucket.take(0);

    assert.ok(!bucket.isFull(30_000));
    assert.ok(bucket.isFull(62_000));
  });
});

describe('Azure', () => {
  /** Its own bucket: the refill comes all at once, in periods that begin with the first call on a full one. */
  function azures({ name, size, refill, windowMs }: ThrottleLimit) {
    const every = windowMs ?? (name.includes('VM') ? 60_000 : 1000);
    let level = size;
    let since = 0;
    return (now: number): number => {
      const periods = Math.floor((now - since) / every);
      level = Math.min(size, level + periods * (windowMs ? size : (refill * every) / 1000));
      since += periods * every;
      if (level === size) since = now;
      return --level;
    };
  }

  // Buckets are left some slack for requests that take longer than others to arrive, windows next to none.
  const longestMs = (limit: ThrottleLimit) => (limit.windowMs === undefined ? 1000 : limit.windowMs / 100);

  it('never has to refuse, though some requests are on their way for longer than others', () => {
    const delays = fc.infiniteStream(fc.integer({ min: 0, max: 100 }));
    fc.assert(
      fc.property(limits, shares, steps, delays, (limit, share, gaps, percents) => {
        const azure = azures(limit);
        const sent = takeAll(bucketOf(limit, share), gaps);
        const arrived = sent.map((time) => time + ((percents.next().value ?? 0) / 100) * longestMs(limit));

        for (const time of arrived.sort((a, b) => a - b)) assert.ok(azure(time) >= -1e-9, `at ${time}`);
      }),
    );
  });

  it('never has to refuse one who asks as soon as may be, though the first was late', () => {
    for (const limit of Object.values(throttleLimits)) {
      const [azure, bucket] = [azures(limit), bucketOf(limit, 1)];
      bucket.take(0);
      azure(longestMs(limit));
      bucket.answered(0, longestMs(limit));

      let now = longestMs(limit);
      for (let count = 1; count < 4000; count++) {
        now = bucket.readyAt(1, now);
        bucket.take(now);
        bucket.answered(now, now);
        assert.ok(azure(now) >= -1e-9, `${limit.name}: request ${count} at ${now}`);
      }
    }
  });
});

describe('a count of what is left', () => {
  const { armWrites, vmUpdates, resourceGraph } = throttleLimits;
  const freeTokens = (bucket: Bucket, now: number) => takeAll(bucket, [0], now).length;

  it('changes nothing when only we take, whatever is under way', () => {
    for (const limit of [armWrites, vmUpdates] as ThrottleLimit[]) {
      const [alone, told] = [bucketOf(limit, 0.7), bucketOf(limit, 0.7)];
      let aloneTook = 0;
      let toldTook = 0;
      let azures = limit.size;
      // Each answer comes a second late, and tells what was left when its request came in.
      const answers: { at: number; remaining: number; number: number }[] = [];

      for (let now = 0; now < 200_000; now += 50) {
        if (now > 0 && now % (limit.periodMs ?? 1000) === 0) {
          azures = Math.min(limit.size, azures + (limit.refill * (limit.periodMs ?? 1000)) / 1000);
        }
        for (; alone.readyAt(1, now) <= now; aloneTook++) alone.take(now);
        while (told.readyAt(1, now) <= now) {
          told.take(now);
          azures--;
          answers.push({ at: now + 1000, remaining: Math.floor(azures), number: ++toldTook });
        }
        for (const { remaining, number } of answers.filter(({ at }) => at === now)) {
          told.correct({ remaining }, 1000, toldTook - number, now);
        }
      }

      assert.equal(toldTook, aloneTook);
    }
  });

  it('takes what others have used off our part', () => {
    const bucket = bucketOf(armWrites, 0.7);
    bucket.take(0);

    bucket.correct({ remaining: 99 }, 0, 0, 0);

    // 60 of the 99 are the others'.
    assert.equal(freeTokens(bucket, 0), 39);
  });

  it('leaves the others’ part to them even when nothing of ours was used, until it is whole', () => {
    const bucket = bucketOf(armWrites, 0.7);
    bucket.take(0);

    bucket.correct({ remaining: 40 }, 0, 0, 0);

    assert.equal(freeTokens(bucket, 0), 0);
    assert.equal(bucket.readyAt(1, 0), 2100);
  });

  it('of some time ago is brought up to date with what was taken and refilled since', () => {
    const bucket = bucketOf(armWrites, 0.7);
    for (let count = 0; count < 30; count++) bucket.take(0);

    bucket.correct({ remaining: 120 }, 3000, 29, 3000);

    // 120 + 30 refilled - 29 taken: 121 are left, of which 60 are the others'.
    assert.equal(freeTokens(bucket, 3000), 61);
  });

  it('that is higher than a full bucket, as of older limits, changes nothing', () => {
    const bucket = bucketOf(armWrites, 0.7);
    bucket.take(0);

    bucket.correct({ remaining: 1199 }, 0, 0, 0);

    assert.equal(freeTokens(bucket, 0), 139);
  });

  it('of a minute that began before ours tells when the next one begins', () => {
    const bucket = bucketOf(vmUpdates, 1);
    bucket.take(0);
    bucket.correct({ remaining: 100 }, 0, 0, 0);
    bucket.take(30_000);
    bucket.correct({ remaining: 570 }, 0, 0, 30_000);

    const gone = freeTokens(bucket, 30_000);

    // 16 are left for requests that are slow on their way.
    assert.deepEqual([gone, bucket.readyAt(1, 30_000)], [553, 90_000]);
  });

  it('of a window is less what was taken since', () => {
    const bucket = bucketOf(resourceGraph, 0.7);
    for (let count = 0; count < 5; count++) bucket.take(0);

    // Others have used 3.
    bucket.correct({ remaining: 11 }, 0, 4, 0);

    assert.equal(freeTokens(bucket, 0), 2);
  });

  it('of a window holds until the window ends', () => {
    const bucket = bucketOf(resourceGraph, 0.7);
    bucket.take(0);

    bucket.correct({ remaining: 4, resetsInMs: 3000 }, 500, 0, 500);

    assert.equal(bucket.readyAt(1, 500), 3500);
    assert.equal(freeTokens(bucket, 3500), 9);
  });
});
