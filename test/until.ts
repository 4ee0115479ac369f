import { setTimeout as delay } from 'node:timers/promises';

const LOOK_EVERY_MS = 10;

/** Waits until a condition holds. Rejects after so many seconds of the machine's, saying what was waited for. */
export async function until(what: string, holds: () => unknown, seconds = 60): Promise<void> {
  const end = Date.now() + seconds * 1000;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`It did not come to this in ${seconds} s: ${what}`);
    await delay(LOOK_EVERY_MS);
  }
}
