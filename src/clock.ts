import { setTimeout as delay } from 'node:timers/promises';

/** Time, handed in so that tests can step it. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Waits that many milliseconds. Rejects with an AbortError when the signal fires first. */
  sleep(ms: number, abortSignal?: AbortSignal): Promise<void>;
}

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (ms, abortSignal) => delay(ms, undefined, { ...(abortSignal && { signal: abortSignal }) }),
};
