import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { fullAfterMs } from '../../emulator/throttle/bucket.ts';
import { type Buckets, createBuckets } from '../../emulator/throttle/buckets.ts';
import {
  armLimits,
  computeLimits,
  graphLimit,
  identityLimits,
  type Limit,
} from '../../emulator/throttle/limits.ts';

const GRACE_MS = 100;
const MINUTE = 60_000;
const limits: readonly Limit[] = [
  ...Object.values(armLimits).flatMap((kinds) => Object.values(kinds)),
  ...Object.values(computeLimits).flatMap((group) =>
    'resource' in group ? [group.subscription, group.resource] : [group.subscription],
  ),
  ...Object.values(identityLimits),
  graphLimit,
];
const updates = computeLimits.UpdateVM;
const vm = { limit: updates.resource, key: 'vm' };
const region = { limit: updates.subscription, key: 'region' };

/** Calls one after the other at the same moment; how many were let in. */
function calls(buckets: Buckets, limit: Limit, count: number, now: number, caller = 'me'): number {
  let passed = 0;
  for (let call = 0; call < count; call++) {
    if (buckets.take([{ limit, key: 'k' }], caller, now).refusals.length === 0) passed++;
  }
  return passed;
}

const anyLimit = fc.constantFrom(...limits);
const anySchedule = fc.array(
  fc.record({ waitMs: fc.integer({ min: 0, max: 90_000 }), count: fc.integer({ min: 1, max: 2500 }) }),
  { minLength: 1, maxLength: 12 },
);

describe('a bucket', () => {
  it('goes as in the example of Compute’s throttling page', () => {
    const buckets = createBuckets(true, GRACE_MS);
    const requests = [0, 8, 0, 13, 5, 0];

    const minutes = requests.map((count, minute) => {
      const passed = calls(buckets, updates.resource, count, minute * MINUTE);
      const left = buckets.levels(minute * MINUTE)[0]?.remaining ?? updates.resource.size;
      return { throttled: count - passed, left };
    });

    assert.deepEqual(minutes, [
      { throttled: 0, left: 12 },
      { throttled: 0, left: 4 },
      { throttled: 0, left: 8 },
      { throttled: 1, left: 0 },
      { throttled: 1, left: 0 },
      { throttled: 0, left: 4 },
    ]);
  });

  it('lets through no more than its size and what has come in since, over any schedule', () => {
    fc.assert(
      fc.property(anyLimit, anySchedule, fc.boolean(), (limit, schedule, oneCaller) => {
        const buckets = createBuckets(true, GRACE_MS);
        let now = 1_000_000;
        let passed = 0;
        const start = now + (schedule[0]?.waitMs ?? 0);
        for (const [step, { waitMs, count }] of schedule.entries()) {
          now += waitMs;
          passed += calls(buckets, limit, count, now, oneCaller ? 'me' : `caller ${step}`);

          const came = ((now - start) / (limit.everySeconds * 1000)) * limit.refill;
          assert.ok(passed <= limit.size + came, `${limit.name}: ${passed} in ${now - start} ms`);
        }
      }),
    );
  });

  it('lets a caller in that waited as long as it was told, when nobody else calls', () => {
    fc.assert(
      fc.property(anyLimit, anySchedule, (limit, schedule) => {
        const buckets = createBuckets(true, GRACE_MS);
        let now = 0;
        for (const { waitMs, count } of schedule) {
          now += waitMs;
          calls(buckets, limit, count, now);
          const { refusals } = buckets.take([{ limit, key: 'k' }], 'me', now);
          if (refusals.length === 0) continue;
          const seconds = refusals[0]?.seconds ?? 0;
          assert.ok(Number.isInteger(seconds) && seconds >= 1 && seconds <= limit.everySeconds);
          now += seconds * 1000;

          assert.equal(calls(buckets, limit, 1, now), 1);
        }
      }),
    );
  });

  it('that was full is like one that was never used', () => {
    fc.assert(
      fc.property(anyLimit, anySchedule, fc.integer({ min: 0, max: 90_000 }), (limit, schedule, idleMs) => {
        const used = createBuckets(true, GRACE_MS);
        const fresh = createBuckets(true, GRACE_MS);
        used.take([{ limit, key: 'k', count: limit.size }], 'me', 0);
        let now = fullAfterMs(limit) + idleMs;
        for (const { waitMs, count } of schedule) {
          now += waitMs;
          assert.equal(calls(used, limit, count, now), calls(fresh, limit, count, now));
        }
      }),
    );
  });

  it('is forgotten when it is full again, and not before', () => {
    const buckets = createBuckets(true, GRACE_MS);
    for (let number = 0; number < 1000; number++) {
      buckets.take([{ limit: updates.resource, key: `vm ${number}` }], 'me', 0);
    }
    for (let call = 0; call < 12; call++) buckets.take([vm], 'me', 30_000);

    assert.equal(buckets.held(), 1001);
    assert.deepEqual(
      buckets.levels(MINUTE + 20_000).map(({ key }) => key),
      ['vm'],
    );
    for (const minute of [3, 6, 9]) {
      assert.equal(buckets.levels(minute * MINUTE + 45_000).length, 0);
    }
    assert.equal(buckets.held(), 0);
  });
});

describe('a layer of buckets', () => {
  it('takes from none of them when one refuses', () => {
    const buckets = createBuckets(true, GRACE_MS);
    for (let call = 0; call < 12; call++) buckets.take([region, vm], 'me', 0);

    const { remaining, refusals } = buckets.take([region, vm], 'me', 0);

    assert.deepEqual(
      refusals.map(({ limit, seconds, measured }) => [limit.name, seconds, measured]),
      [['Microsoft.Compute/UpdateVMResource', 60, 13]],
    );
    assert.deepEqual(remaining, [1488, 0]);
  });

  it('takes several tokens at once, or waits until there are as many', () => {
    const limit = identityLimits.assignInSubscription;
    const buckets = createBuckets(true, GRACE_MS);
    const take = (count: number, now: number) => buckets.take([{ limit, key: 'k', count }], `${count}`, now);

    assert.deepEqual(take(150, 0).remaining, [150]);
    assert.deepEqual(take(149, 10).remaining, [1]);
    assert.equal(take(2, 1000).refusals[0]?.seconds, 19);
    assert.deepEqual(take(1, 1000).remaining, [0]);
    assert.deepEqual(take(2, 20_000).remaining, [298]);
  });

  it('counts, and refuses nobody, when limits are off', () => {
    const buckets = createBuckets(false, GRACE_MS);

    assert.equal(calls(buckets, graphLimit, 20, 0), 20);
    assert.equal(buckets.levels(0)[0]?.remaining, 0);
  });
});

describe('a caller that was told to wait', () => {
  const emptied = () => {
    const buckets = createBuckets(true, GRACE_MS);
    calls(buckets, graphLimit, 15, 0);
    const call = (now: number, caller = 'me') =>
      buckets.take([{ limit: graphLimit, key: 'k' }], caller, now).refusals[0]?.seconds;
    return call;
  };

  it('begins its wait anew by calling early', () => {
    const call = emptied();

    assert.equal(call(0), 5);
    assert.equal(call(2000), 5, 'early: anew');
    assert.equal(call(5500), 5, 'the first wait is over, the second is not; and again anew');
    assert.equal(call(10_500), undefined);
  });

  it('does not lengthen it by calls that were under way already', () => {
    const call = emptied();

    assert.equal(call(0), 5);
    assert.equal(call(GRACE_MS), 5);
    assert.equal(call(5000), undefined);
  });

  it('does not hold up others', () => {
    const call = emptied();

    assert.equal(call(0), 5);
    assert.equal(call(4000), 5);
    assert.equal(call(5000, 'somebody else'), undefined);
    assert.equal(call(5000), 5);
  });
});
