import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { startTimer, type TimerOptions } from '../../local/timer.ts';
import type { ScheduleStatus } from '../../local/triggerData.ts';
import { WorkerLost } from '../../local/workerProcess.ts';
import { until } from '../until.ts';
import { hostFixtureFor, isAlive } from './localHost.ts';

const HOURLY = '0 0 * * * *';
const HOUR = 3_600_000;

interface Tick {
  readonly isPastDue: boolean;
  readonly status: ScheduleStatus | null;
}

/** A timer, the ticks it gave out and the statuses it recorded. */
function aTimer(
  context: TestContext,
  {
    schedule = HOURLY,
    runOnStartup = false,
    useMonitor = true,
    ...options
  }: Partial<TimerOptions & TimerOptions['trigger']>,
) {
  const ticks: Tick[] = [];
  const statuses: ScheduleStatus[] = [];
  const timer = startTimer({
    functionName: 'tick',
    trigger: { schedule, runOnStartup, useMonitor },
    recorded: options.recorded,
    record: (status) => statuses.push(status),
    invoke: async (invocation) => {
      const { IsPastDue, ScheduleStatus: status } = JSON.parse(invocation.input.json ?? '');
      ticks.push({ isPastDue: IsPastDue, status });
      await options.invoke?.(invocation);
    },
  });
  context.after(timer.stop);
  return { timer, ticks, statuses };
}

/** The status an hourly timer left when it last ran `hours` ago. */
function ranHoursAgo(hours: number): ScheduleStatus {
  const last = Math.floor(Date.now() / HOUR) * HOUR - hours * HOUR;
  const iso = (at: number) => new Date(at).toISOString();
  return { last: iso(last), next: iso(last + HOUR), lastUpdated: iso(last) };
}

test('a tick missed while the host was away is made up for, past due, and the schedule goes on', async (t) => {
  const recorded = ranHoursAgo(5);

  const { timer, ticks, statuses } = aTimer(t, { recorded });
  await until('it ticked', () => statuses.length === 2);

  const [tick] = ticks;
  assert.equal(ticks.length, 1);
  assert.equal(tick?.isPastDue, true);
  assert.deepEqual(Object.values(tick?.status ?? {}), [recorded.last, recorded.next, recorded.lastUpdated]);
  assert.ok(timer.next() > Date.now());
});

test('a timer whose tick is still to come, or whose schedule was changed, does not tick at the start', async (t) => {
  const timers = [
    aTimer(t, { recorded: ranHoursAgo(0) }),
    aTimer(t, { recorded: ranHoursAgo(5), schedule: '0 30 * * * *' }),
    aTimer(t, { recorded: ranHoursAgo(5), useMonitor: false }),
    aTimer(t, {}),
  ];
  await new Promise((resolve) => setTimeout(resolve, 100));

  assert.deepEqual(
    timers.map(({ ticks }) => ticks.length),
    [0, 0, 0, 0],
  );
});

test('runOnStartup ticks at the start', async (t) => {
  const { ticks } = aTimer(t, { runOnStartup: true });
  await until('it ticked', () => ticks.length > 0);

  assert.equal(ticks[0]?.isPastDue, false);
});

test('a tick lost with its worker is made up for by another, past due', async (t) => {
  let losses = 1;
  const { ticks, statuses } = aTimer(t, {
    runOnStartup: true,
    invoke: async () => {
      if (losses-- > 0) throw new WorkerLost('killed');
    },
  });
  await until('the status is written', () => statuses.length === 2);

  assert.deepEqual(
    ticks.map(({ isPastDue }) => isPastDue),
    [false, true],
  );
});

test('a tick that fails does not stop its timer, and a schedule within the minute has no status', async (t) => {
  const { ticks, statuses } = aTimer(t, {
    schedule: '* * * * * *',
    invoke: () => Promise.reject(new Error('the function failed')),
  });
  await until('it ticked twice', () => ticks.length >= 2);

  assert.deepEqual(
    ticks.map(({ status }) => status),
    ticks.map(() => null),
  );
  assert.deepEqual(statuses, []);
});

test('ticks never overlap, not even with one fired by hand', async (t) => {
  let running = 0;
  let most = 0;
  const { timer, ticks } = aTimer(t, {
    schedule: '* * * * * *',
    invoke: async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 700));
      running--;
    },
  });

  await Promise.all([timer.fire(), timer.fire()]);
  await until('the schedule ticked too', () => ticks.length > 2);

  assert.equal(most, 1);
});

test('with four workers each tick runs in one of them, also after some of them were killed', async (t) => {
  const settings = { TICK_SCHEDULE: '* * * * * *', TICK_MS: '300' };
  const { host, of, events } = await hostFixtureFor(t, { workers: 4, settings });
  await until('it ticked', () => of('ended', 'tick').length >= 2);
  for (const pid of host.workerPids().slice(0, 2)) process.kill(pid, 'SIGKILL');
  const before = of('ended', 'tick').length;
  await until('it ticks on', () => of('ended', 'tick').length >= before + 2);

  const turns = events.filter(({ kind }) => kind === 'started' || kind === 'ended').map(({ kind }) => kind);
  assert.ok(turns.every((kind, index) => kind === (index % 2 === 0 ? 'started' : 'ended')));
});

test('a tick whose worker is killed runs again in another, and what it puts out is written once', async (t) => {
  const settings = { TICK_SCHEDULE: HOURLY, TICK_MS: '700' };
  const dataDir = mkdtempSync(join(tmpdir(), 'local-host-'));
  t.after(() => rmSync(dataDir, { recursive: true }));
  // As the host left it five hours ago: it ticks at the start.
  const recorded = ranHoursAgo(5);
  writeFileSync(join(dataDir, 'timers.json'), JSON.stringify({ tick: recorded }));
  const { host, of, queue } = await hostFixtureFor(t, { workers: 2, settings, dataDir });
  await until('it runs', () => of('log', 'tick').length > 0);
  const { worker } = of('log', 'tick')[0] ?? {};
  const { pid = 0 } = of('worker').find((each) => each.worker === worker) ?? {};

  process.kill(pid, 'SIGKILL');
  await until('it succeeded', () => of('ended', 'tick').some(({ outcome }) => outcome === 'Succeeded'));
  await host.idle();

  const written = (await queue('results').contents()) as { pid: number; timer: { isPastDue: boolean } }[];
  assert.equal(written.length, 1);
  assert.equal(written[0]?.timer.isPastDue, true);
  assert.notEqual(written[0]?.pid, pid);
  assert.equal(isAlive(pid), false);
});
