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

/** A clock that starts at the machine's time and runs `speed` times as fast: its sleeps are as many times shorter. */
export function fastClock(speed: number): Clock {
  const origin = systemClock.now();
  return {
    now: () => origin + (systemClock.now() - origin) * speed,
    sleep: (ms, abortSignal) => systemClock.sleep(ms / speed, abortSignal),
    speed,
  };
}
