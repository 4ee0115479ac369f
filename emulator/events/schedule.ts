import type { Clock } from '../state/clock.ts';

/** Things to do later, by the emulator's clock. */
export interface Schedule {
  /** Calls `run` once `time`, in ms of the emulator's time, is reached; never before this call returns. */
  at(time: number, run: () => void): void;
  /** Forgets everything that is still to come. Nothing keeps the process alive then. */
  clear(): void;
}

// What setTimeout can hold; at a slow clock a day of the emulator's is longer.
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Makes an empty schedule. */
export function createSchedule(clock: Clock): Schedule {
  const timers = new Set<NodeJS.Timeout>();

  function at(time: number, run: () => void): void {
    const wait = Math.max(1, Math.ceil((time - clock.now()) / clock.speed));
    const timer = setTimeout(
      () => {
        timers.delete(timer);
        // A timer may fire a little early, or have been cut to what it can hold.
        if (clock.now() < time) at(time, run);
        else run();
      },
      Math.min(wait, LONGEST_TIMER_MS),
    );
    timers.add(timer);
  }

  return {
    at,
    clear() {
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
    },
  };
}
