import { setTimeout as delay } from 'node:timers/promises';

/** Time, handed in so that tests can step it. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Waits that many milliseconds. Rejects with an AbortError when the signal fires first. */
  sleep(ms: number, abortSignal?: AbortSignal): Promise<void>;
  /** How many of its milliseconds pass in one of the machine's: 1, except against a sped-up embedded Azure. */
  readonly speed: number;
}

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (ms, abortSignal) => delay(ms, undefined, { ...(abortSignal && { signal: abortSignal }) }),
  speed: 1,
};

/**
 * A clock that showed the machine's time at `origin`, in ms since 1970, and runs `speed` times as fast since: its sleeps
 * are as many times shorter. Clocks of the same origin and speed agree, in whichever process they are.
 */
export function fastClock(speed: number, origin: number): Clock {
  return {
    now: () => origin + (systemClock.now() - origin) * speed,
    sleep: (ms, abortSignal) => systemClock.sleep(ms / speed, abortSignal),
    speed,
  };
}
