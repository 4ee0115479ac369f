import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isSchedule, nextTime } from '../../src/schedule.ts';

const at = (text: string) => new Date(text).getTime();
const next = (schedule: string, now: string) => new Date(nextTime(schedule, at(now))).toISOString();

describe('isSchedule', () => {
  for (const schedule of [
    '0 0 * * * *',
    '*/30 * * * * *',
    '0 30 9 * * 1-5',
    '0 0 0 1 Jan Mon',
    '0 5/15 * * * *',
  ]) {
    it(`takes ${schedule}`, () => assert.equal(isSchedule(schedule), true));
  }

  for (const schedule of [
    '0 * * * *',
    '0 0 * * * * *',
    '@hourly',
    '60 * * * * *',
    '0 0 0 * * 7',
    '0 0 0 L * *',
    '0 0 0 31 2 *',
    '01:00:00',
    '0 0 * * * ?',
    'x'.repeat(1000),
  ]) {
    it(`refuses ${schedule.slice(0, 20)}`, () => assert.equal(isSchedule(schedule), false));
  }
});

describe('nextTime', () => {
  it('is strictly after now, so that a sweep never ends the chains it begins', () => {
    assert.equal(next('0 0 * * * *', '2026-01-01T10:00:00.000Z'), '2026-01-01T11:00:00.000Z');
    assert.equal(next('0 0 * * * *', '2026-01-01T09:59:59.900Z'), '2026-01-01T10:00:00.000Z');
  });

  it('counts 5/15 from five on', () => {
    assert.equal(next('0 5/15 * * * *', '2026-01-01T10:21:00Z'), '2026-01-01T10:35:00.000Z');
    assert.equal(next('0 5/15 * * * *', '2026-01-01T10:51:00Z'), '2026-01-01T11:05:00.000Z');
  });

  it('wants day of month and day of week both, as NCRONTAB does', () => {
    // The first 13th that is a Friday, in 2026, is in February.
    assert.equal(next('0 0 0 13 * Fri', '2026-01-01T00:00:00Z'), '2026-02-13T00:00:00.000Z');
  });
});
