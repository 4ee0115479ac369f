/** The emulator's time. It may run faster than the machine's, so that hours are seen in minutes. */
export interface Clock {
  /** Milliseconds since 1970, in the emulator's time. */
  now(): number;
  readonly speed: number;
  /** When it showed the machine's own time, in ms since 1970. */
  readonly origin: number;
}

/** A clock that starts at the machine's time and runs `speed` times as fast. */
export function createClock(speed: number): Clock {
  const origin = Date.now();
  return { speed, origin, now: () => origin + (Date.now() - origin) * speed };
}
