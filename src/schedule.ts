import { Cron } from 'croner';

// NCRONTAB: six fields, UTC, `5/15` for every fifteenth from five on, and both day fields must match (croner's own default
// is either).
const NCRONTAB = { mode: '6-part', timezone: 'UTC', domAndDow: true, sloppyRanges: true } as const;

/** True for a schedule the Functions timer takes: six NCRONTAB fields that match some time (functions-runtime, "Names"). */
export function isSchedule(schedule: string): boolean {
  // Croner knows more than NCRONTAB does: L, W, # and ?, weekday 7, nicknames such as @daily.
  if (!/^[\d*,/\-A-Za-z ]+$/.test(schedule) || /[LW#?@]/.test(schedule.replace(/[A-Za-z]{3}/g, '')))
    return false;
  if (/7/.test(schedule.split(/ +/)[5] ?? '')) return false;
  try {
    return new Cron(schedule, NCRONTAB).nextRun() !== null;
  } catch {
    return false;
  }
}

/** The first time after `now` that the schedule names, both in ms since 1970. The schedule must be one `isSchedule` takes. */
export function nextTime(schedule: string, now: number): number {
  const next = new Cron(schedule, NCRONTAB).nextRun(new Date(now));
  if (next === null) throw new Error(`The schedule ${schedule} never comes again.`);
  return next.getTime();
}
