import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createPacer, type Pass } from '../../../src/azure/pacer.ts';
import {
  type LaneId,
  type LimitName,
  lanesOf,
  type ThrottleLimit,
  throttleLimits,
} from '../../../src/domain/throttleLimits.ts';
import { steppedClock } from '../../steppedClock.ts';

interface Happened {
  readonly what: 'sent' | 'closed' | 'failed';
  readonly at: number;
  readonly lanes: readonly LaneId[];
  readonly until: number;
  readonly stream: string;
  readonly number: number;
}

const among = (most: number) => fc.integer({ min: 0, max: most });
const enter = fc.record({
  do: fc.constant('enter' as const),
  kind: fc.constantFrom('GET', 'PATCH', 'PATCH', 'PATCH', 'PUT', 'query'),
  subscription: among(2),
  region: among(1),
  vm: among(30),
  urgent: fc.boolean(),
  times: fc.constantFrom(1, 1, 10, 200),
});
const pass = fc.record({ do: fc.constant('pass' as const), ms: fc.oneof(among(500), among(60_000)) });
const close = fc.record({
  do: fc.constant('close' as const),
  which: among(9),
  limit: among(5),
  ms: among(290_000),
});
const tell = fc.record({
  do: fc.constant('count' as const),
  which: among(9),
  limit: among(5),
  remaining: among(1500),
});
const abort = fc.record({ do: fc.constant('abort' as const), which: among(20) });
const schedules = fc.array(fc.oneof({ weight: 4, arbitrary: enter }, pass, close, tell, abort), {
  minLength: 1,
  maxLength: 40,
});
const shares = fc.constantFrom(0.01, 0.1, 0.7, 1);

type Schedule = typeof schedules extends fc.Arbitrary<infer S> ? S : never;

/** Plays a schedule to its end: until everybody who was not aborted has been let go or has failed. */
async function play(schedule: Schedule, share: number) {
  const clock = steppedClock(0);
  const pacer = createPacer(clock, share, () => 0);
  const happened: Happened[] = [];
  const open: { lanes: readonly LaneId[]; passed: Pass }[] = [];
  const waiting: AbortController[] = [];
  let asked = 0;
  let aborted = 0;

  for (const step of schedule) {
    if (step.do === 'enter') {
      for (let time = 0; time < step.times; time++) ask(step, asked++);
    } else if (step.do === 'pass') {
      await clock.advance(step.ms);
    } else if (step.do === 'abort') {
      waiting[step.which]?.abort();
    } else {
      const { passed, lanes } = open.at(-1 - step.which) ?? {};
      const lane = lanes?.[step.limit % lanes.length];
      if (!passed || !lane) continue;
      if (step.do === 'count') passed.count(lane.limit, { remaining: step.remaining });
      else {
        passed.close(lane.limit, step.ms);
        const at = clock.now();
        happened.push({ what: 'closed', at, lanes: [lane], until: at + step.ms, stream: '', number: 0 });
      }
    }
    await clock.advance(0);
  }
  await clock.runOut(1e10);
  return { happened, asked, aborted, sleepers: clock.sleepers() };

  function ask(step: Schedule[number] & { do: 'enter' }, number: number): void {
    const { subscription, region, vm, urgent } = step;
    const base = `https://x/subscriptions/s${subscription}/resourceGroups/g`;
    const query = step.kind === 'query';
    const url = query
      ? 'https://x/providers/Microsoft.ResourceGraph/resources'
      : step.kind === 'PATCH'
        ? `${base}/providers/Microsoft.Compute/virtualMachines/${step.times > 1 ? `n${number}` : vm}`
        : base;
    const lanes = lanesOf(query ? 'POST' : step.kind, url, `r${region}`);
    const all = [...lanes.shared, ...(lanes.vm ? [lanes.vm] : [])];
    const controller = new AbortController();
    waiting.push(controller);
    // One VM asked for again and again is out of order by right.
    const stream = step.kind === 'PATCH' && step.times === 1 ? '' : `${lanes.shared.at(0)?.key} ${urgent}`;
    const note = (what: Happened['what']) =>
      happened.push({ what, at: clock.now(), lanes: all, until: 0, stream, number });
    pacer.enter({ ...lanes, urgent, again: false, abortSignal: controller.signal }).then(
      (passed) => {
        note('sent');
        open.push({ lanes: all, passed });
      },
      (error: Error) => {
        if (error.name === 'AbortError') aborted++;
        else note('failed');
      },
    );
  }
}

function check(property: (played: Awaited<ReturnType<typeof play>>, share: number) => void): Promise<void> {
  return fc.assert(
    fc.asyncProperty(schedules, shares, async (schedule, share) =>
      property(await play(schedule, share), share),
    ),
    { numRuns: 60 },
  );
}

describe('whatever is asked, and whatever Azure says and when', () => {
  it('no lane gives more than our share of its size and refill, over any stretch of time', async () => {
    await check(({ happened }, share) => {
      for (const [key, times] of sentByLane(happened)) {
        const { size, refill }: ThrottleLimit = throttleLimits[key.split(' ')[0] as LimitName];
        const room = Math.max(1, share * size) + 1e-6;
        // The most by which any stretch exceeds what is refilled in it.
        let most = Number.NEGATIVE_INFINITY;
        times.forEach((time, index) => {
          const refilled = (share * refill * time) / 1000;
          most = Math.max(most, refilled - index);
          assert.ok(index + 1 - refilled + most <= room, `${key} gave too much at ${time}`);
        });
      }
    });
  });

  it('a closed lane gives nothing', async () => {
    await check(({ happened }) => {
      const closedUntil = new Map<string, number>();
      for (const { what, at, lanes, until } of happened) {
        for (const { key } of lanes) {
          if (what === 'closed') closedUntil.set(key, Math.max(until, closedUntil.get(key) ?? 0));
          if (what === 'sent') assert.ok(at >= (closedUntil.get(key) ?? 0), `${key} gave at ${at}`);
        }
      }
    });
  });

  it('everybody who waits is let go in the end, and nothing is left to wait for', async () => {
    await check(({ happened, asked, aborted, sleepers }) => {
      assert.equal(count(happened, 'failed'), 0);
      assert.equal(count(happened, 'sent') + aborted, asked);
      assert.equal(sleepers, 0);
    });
  });

  it('those who need the same lanes go in the order in which they came', async () => {
    await check(({ happened }) => {
      const last = new Map<string, number>();
      for (const { what, stream, number } of happened) {
        if (what !== 'sent' || stream === '') continue;
        assert.ok(number > (last.get(stream) ?? -1));
        last.set(stream, number);
      }
    });
  });
});

function sentByLane(happened: readonly Happened[]): Map<string, number[]> {
  const times = new Map<string, number[]>();
  for (const { what, at, lanes } of happened) {
    if (what !== 'sent') continue;
    for (const { key } of lanes) times.set(key, [...(times.get(key) ?? []), at]);
  }
  return times;
}

const count = (happened: readonly Happened[], kind: Happened['what']) =>
  happened.filter(({ what }) => what === kind).length;
