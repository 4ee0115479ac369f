import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { anAzure } from '../azure.ts';
import { befall, fleet, forbiddenWrites, identitiesNow, lostNow, seedFleet, wrongNow } from './fleet.ts';
import { jumpingClock } from './jumpingClock.ts';
import { byCommandLine, byFunctions, type Sweeper, type SweepRun } from './play.ts';
import { briefTroubles, type Schedule, schedules, type Trouble, toFault } from './schedule.ts';

// A handful in `npm test`; FAULT_RUNS=500 for a long run, FAULT_SEED to repeat one (docs/reliability.md).
const numRuns = Number(process.env.FAULT_RUNS ?? 4);
const seed = process.env.FAULT_SEED === undefined ? undefined : Number(process.env.FAULT_SEED);
const HOUR = 3_600_000;

const clock = jumpingClock(300);
const azure = await anAzure({
  clock,
  graphLagSeconds: 30,
  identityVisibleAfterSeconds: 20,
  operationScale: 1,
  // The app has a token renewed five seconds before its end: every two or three, of the machine's.
  tokenLifetimeSeconds: 8,
});
after(() => azure.close());

// What the schedules did to the app: a property that nothing happens to holds always.
const NOTHING_STRUCK = 'no fault struck: the property held of nothing';
let struck = 0;
const seen = new Map<string, number>();
const timesLeft = () => azure.faults.list().reduce((sum, { times }) => sum + times, 0);

/** Does something while troubles befall it, and counts the calls they strike. */
async function amid<T>(troubles: readonly Trouble[], work: () => Promise<T>): Promise<T> {
  for (const trouble of troubles) azure.faults.add(toFault(trouble, clock.speed));
  const due = timesLeft();
  const result = await work();
  struck += due - timesLeft();
  return result;
}

const unhandled: unknown[] = [];
process.on('unhandledRejection', (reason) => unhandled.push(reason));

/** Plays a schedule, and then up to two sweeps without faults. Throws what is wrong with the app. */
async function play(schedule: Schedule, way: typeof byCommandLine): Promise<void> {
  await seedFleet(azure);
  const before = identitiesNow(azure);
  const sweeper: Sweeper = way(azure, clock);
  unhandled.length = 0;

  for (const phase of schedule) {
    await befall(azure, phase);
    check(await amid(phase.troubles, () => sweeper(phase)));
    clock.jump(HOUR);
  }
  azure.faults.clear();
  // Whatever Resource Graph was kept from seeing it sees by now.
  clock.jump(HOUR);
  let last = await sweeper(undefined);
  check(last);
  if (wrongNow(azure, before).length > 0 || failures(last) !== refusals) {
    clock.jump(HOUR);
    last = await sweeper(undefined);
    check(last);
  }

  assert.deepEqual(wrongNow(azure, before), []);
  assert.equal(failures(last), refusals);

  function check({ told, broken }: SweepRun): void {
    for (const { outcome, reason } of told) {
      const name = `${outcome} ${reason}`;
      seen.set(name, (seen.get(name) ?? 0) + 1);
    }
    assert.deepEqual(broken, []);
    assert.deepEqual(lostNow(azure, before), []);
    assert.deepEqual(forbiddenWrites(azure), []);
    assert.deepEqual(unhandled, []);
    azure.journal.clear();
  }
}

/** Plays troubles that are soon over during a single sweep, after which all must be well. */
async function playBriefly(troubles: readonly Trouble[]): Promise<void> {
  await seedFleet(azure);
  const before = identitiesNow(azure);

  const run = await amid(troubles, () => byCommandLine(azure, clock)(undefined));

  azure.faults.clear();
  clock.jump(HOUR);
  assert.deepEqual(run.broken, []);
  assert.deepEqual(wrongNow(azure, before), []);
  assert.equal(failures(run), refusals);
}

const failures = ({ told }: SweepRun): string =>
  told
    .filter(({ outcome }) => outcome === 'failed')
    .map(({ id, reason }) => `${id} ${reason}`)
    .join();
const refusals = fleet
  .filter(({ end }) => end === 'refused')
  .map(({ id }) => `${id.toLowerCase()} read-only-lock`)
  .join();

describe('whatever goes wrong, two sweeps after it ends every VM is right, and nothing was lost on the way', () => {
  for (const [name, way] of [
    ['the command line', byCommandLine],
    ['the functions', byFunctions],
  ] as const) {
    it(`swept by ${name}`, async (t) => {
      struck = 0;
      seen.clear();
      const property = fc.asyncProperty(schedules(fleet.length), (schedule) => play(schedule, way));

      const result = await fc.check(property, { numRuns, ...(seed !== undefined && { seed }) });

      const outcomes = [...seen].sort(([, a], [, b]) => b - a).map(([name, times]) => `${times} ${name}`);
      t.diagnostic(`seed ${result.seed}, ${result.numRuns} schedules, ${struck} calls struck`);
      t.diagnostic(outcomes.join(', '));
      assert.ok(!result.failed, `${fc.defaultReportMessage(result)}\n${String(result.errorInstance)}`);
      assert.ok(struck > 0, NOTHING_STRUCK);
    });
  }
});

it('what is over after a few calls costs no VM its turn', async (t) => {
  struck = 0;
  const result = await fc.check(fc.asyncProperty(briefTroubles(), playBriefly), {
    numRuns,
    ...(seed !== undefined && { seed }),
  });

  t.diagnostic(`seed ${result.seed}, ${result.numRuns} schedules, ${struck} calls struck`);
  assert.ok(!result.failed, `${fc.defaultReportMessage(result)}\n${String(result.errorInstance)}`);
  assert.ok(struck > 0, NOTHING_STRUCK);
});
