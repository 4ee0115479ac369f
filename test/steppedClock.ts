import type { Clock } from '../src/clock.ts';

/** A clock that stands still until it is stepped. */
export interface SteppedClock extends Clock {
  /** Lets so many ms pass: sleepers wake in order, and what they start is carried out before time goes on. */
  advance(ms: number): Promise<void>;
  /** Steps from sleeper to sleeper until nobody sleeps, or until so many ms have passed. */
  runOut(mostMs: number): Promise<void>;
  /** How many sleep. */
  sleepers(): number;
}

interface Sleeper {
  readonly at: number;
  readonly order: number;
  wake: (() => void) | undefined;
}

/** Makes a clock that stands at `start`, ms since 1970. */
export function steppedClock(start = 1_000_000): SteppedClock {
  let now = start;
  let orders = 0;
  let sleeping = 0;
  const heap: Sleeper[] = [];

  async function until(end: number, whileSleeping: boolean): Promise<void> {
    await settled();
    while (heap[0] && heap[0].at <= end && (!whileSleeping || sleeping > 0)) {
      now = Math.max(now, heap[0].at);
      while (heap[0] && heap[0].at <= now) pop(heap)?.wake?.();
      await settled();
    }
    if (!whileSleeping) now = end;
  }

  return {
    speed: 1,
    now: () => now,
    sleep(ms, abortSignal) {
      return new Promise((resolve, reject) => {
        const aborted = () => reject(Object.assign(new Error('aborted'), { name: 'AbortError' }));
        if (abortSignal?.aborted) return aborted();
        const sleeper: Sleeper = { at: now + Math.max(0, ms), order: orders++, wake: undefined };
        const done = () => {
          sleeper.wake = undefined;
          sleeping--;
          abortSignal?.removeEventListener('abort', onAbort);
        };
        const onAbort = () => {
          done();
          aborted();
        };
        sleeper.wake = () => {
          done();
          resolve();
        };
        sleeping++;
        abortSignal?.addEventListener('abort', onAbort, { once: true });
        push(heap, sleeper);
      });
    },
    advance: (ms) => until(now + ms, false),
    runOut: (mostMs) => until(now + mostMs, true),
    sleepers: () => sleeping,
  };
}

/** Waits until everything that can go on without time passing has gone on. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

const before = (a: Sleeper, b: Sleeper) => a.at - b.at || a.order - b.order;

function push(heap: Sleeper[], sleeper: Sleeper): void {
  let index = heap.push(sleeper) - 1;
  for (; index > 0; index = (index - 1) >> 1) {
    const parent = heap[(index - 1) >> 1] as Sleeper;
    if (before(parent, sleeper) <= 0) break;
    heap[index] = parent;
  }
  heap[index] = sleeper;
}

function pop(heap: Sleeper[]): Sleeper | undefined {
  const [first] = heap;
  const last = heap.pop();
  if (heap.length === 0 || !last) return first;
  let index = 0;
  for (let child = 1; child < heap.length; child = 2 * index + 1) {
    const right = heap[child + 1];
    if (right && before(right, heap[child] as Sleeper) < 0) child++;
    if (before(last, heap[child] as Sleeper) <= 0) break;
    heap[index] = heap[child] as Sleeper;
    index = child;
  }
  heap[index] = last;
  return first;
}
