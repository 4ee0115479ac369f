import type { Clock } from '../../emulator/state/clock.ts';

/** A fast clock that can be put forward: an hour need not be waited for. */
export interface JumpingClock extends Clock {
  jump(ms: number): void;
}

/** Makes one that shows the machine's time now and runs `speed` times as fast. */
export function jumpingClock(speed: number): JumpingClock {
  const origin = Date.now();
  let jumped = 0;
  return {
    speed,
    origin,
    now: () => origin + (Date.now() - origin) * speed + jumped,
    jump(ms) {
      jumped += ms;
    },
  };
}
