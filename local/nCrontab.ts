import { Cron } from 'croner';

const MONTHS = 'january february march april may june july august september october november december';
const DAYS = 'sunday monday tuesday wednesday thursday friday saturday';
const LAST = [59, 59, 23, 31, 12, 6];

/** The times a schedule names. */
export interface Schedule {
  /** The first time after `now`, both in ms since 1970; undefined when there is none. */
  next(now: number): number | undefined;
  /** Whether the host records its status: not where it comes more often than once a minute (TimerSchedule.cs). */
  readonly monitored: boolean;
}

/**
 * Reads a timer's schedule as the host does: NCRONTAB in UTC, six fields with seconds, five read as seconds 0, weekdays
 * 0 to 6, both day fields must match. Throws an Error that says what is wrong, also for what cron dialects beyond
 * NCRONTAB know (L, W, #, ?, nicknames, weekday 7) and for a schedule that never comes.
 */
export function parseSchedule(text: string): Schedule {
  const given = text.trim().split(/\s+/);
  const fields = given.length === 5 ? ['0', ...given] : given;
  if (fields.length !== 6) throw refusal(text, 'it must have six fields');
  const cron = toCron(text, fields);
  const next = (now: number): number | undefined => cron.nextRun(new Date(now))?.getTime();
  const first = next(0);
  if (first === undefined) throw refusal(text, 'it never comes');
  const everyMinute = fields.slice(1).every((field) => field === '*');
  return { next, monitored: !everyMinute || (next(first) ?? Infinity) - first >= 60_000 };
}

function toCron(text: string, fields: readonly string[]): Cron {
  const pattern = fields.map((field, index) => croner(text, field, index)).join(' ');
  try {
    return new Cron(pattern, { mode: '6-part', timezone: 'UTC', domAndDow: true });
  } catch (error) {
    throw refusal(text, (error as Error).message.replace(/^CronPattern: /, ''));
  }
}

// Croner wants names in three letters and a step on a range; NCRONTAB takes longer names, and `5/15` for 5, 20, 35 …
function croner(text: string, field: string, index: number): string {
  const names = ({ 4: MONTHS, 5: DAYS }[index] ?? '').split(' ');
  const plain = field.replace(/[A-Za-z]+/g, (word) => {
    const name = names.find((known) => word.length >= 3 && known.startsWith(word.toLowerCase()));
    if (name === undefined) throw refusal(text, `"${word}" is unknown in field ${index + 1}`);
    return name.slice(0, 3).toUpperCase();
  });
  if (!/^[\dA-Z*,/-]+$/.test(plain)) throw refusal(text, `field ${index + 1} may have digits * , - / only`);
  if (index === 5 && /(?:^|[,-])7/.test(plain)) throw refusal(text, 'weekdays are 0 (Sunday) to 6');
  return plain.replace(/(^|,)(\d+)\//g, (_, before, from) => `${before}${from}-${LAST[index]}/`);
}

function refusal(text: string, why: string): Error {
  return new Error(`The schedule expression '${text}' is not NCRONTAB: ${why}.`);
}
