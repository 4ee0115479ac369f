import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseSchedule } from '../../local/nCrontab.ts';

const from = Date.parse('2026-01-01T00:00:00Z');

const times: [schedule: string, next: string][] = [
  ['0 0 * * * *', '2026-01-01T01:00:00Z'],
  ['*/10 * * * * *', '2026-01-01T00:00:10Z'],
  ['0 5/15 * * * *', '2026-01-01T00:05:00Z'],
  ['0 */5 * * *', '2026-01-01T05:00:00Z'],
  ['*/5 * * * *', '2026-01-01T00:05:00Z'],
  ['0 0 0 13 * 5', '2026-02-13T00:00:00Z'],
  ['0 0 0 * * 0', '2026-01-04T00:00:00Z'],
  ['0 0 0 * * SUN', '2026-01-04T00:00:00Z'],
  ['0 30 9 * January Mon-Fri', '2026-01-01T09:30:00Z'],
  ['0 0 0 29 2 *', '2028-02-29T00:00:00Z'],
  ['0 0 9-17/4 * * *', '2026-01-01T09:00:00Z'],
];
for (const [schedule, next] of times) {
  test(`"${schedule}" comes at ${next}`, () => {
    const { next: after } = parseSchedule(schedule);

    assert.equal(new Date(after(from) ?? 0).toISOString(), new Date(next).toISOString());
  });
}

const wrong: [schedule: string, why: RegExp][] = [
  ['@daily', /six fields/],
  ['* * * *', /six fields/],
  ['0 0 0 * * 7', /weekdays are 0/],
  ['0 0 0 * * 5-7', /weekdays are 0/],
  ['0 0 0 L * *', /"L" is unknown in field 4/],
  ['0 0 0 15W * *', /"W" is unknown/],
  ['0 0 0 ? * *', /field 4 may have/],
  ['0 0 0 * * 1#2', /field 6 may have/],
  ['60 * * * * *', /60/],
  ['0 0 0 31 2 *', /never comes/],
];
for (const [schedule, why] of wrong) {
  test(`"${schedule}" is refused`, () => {
    assert.throws(() => parseSchedule(schedule), why);
  });
}

test('a schedule that can come more often than once a minute is not monitored', () => {
  assert.equal(parseSchedule('*/30 * * * * *').monitored, false);
  assert.equal(parseSchedule('0 * * * * *').monitored, true);
  assert.equal(parseSchedule('*/30 0 * * * *').monitored, true);
});

test('both day fields always match, and the next time is always later', () => {
  const day = fc.integer({ min: 1, max: 28 });
  const weekday = fc.integer({ min: 0, max: 6 });
  const now = fc.integer({ min: from, max: from + 10 * 365 * 86_400_000 });
  fc.assert(
    fc.property(day, weekday, now, (dayOfMonth, dayOfWeek, at) => {
      const next = new Date(parseSchedule(`0 0 0 ${dayOfMonth} * ${dayOfWeek}`).next(at) ?? 0);

      assert.ok(next.getTime() > at);
      assert.deepEqual([next.getUTCDate(), next.getUTCDay()], [dayOfMonth, dayOfWeek]);
    }),
    { numRuns: 50 },
  );
});
