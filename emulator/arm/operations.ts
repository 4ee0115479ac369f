import type { Clock } from '../state/clock.ts';
import type { Operation } from '../state/store.ts';

/** What operations are about, which decides how long they take. */
export type Work = 'identityPatch' | 'patch' | 'update' | 'create' | 'delete' | 'groupDelete';

/** Runs long operations: they end by the clock alone, nothing has to be ticked. */
export interface Operations {
  /** Begins an operation, which fails at its end when there is an error. `ms` is how long it takes, if not as usual. */
  begin(
    id: string,
    kind: Operation['kind'],
    work: Work,
    error?: Operation['error'],
    ms?: number | undefined,
  ): Operation;
  /** The operation, running or ended; undefined when unknown. */
  get(id: string): Operation | undefined;
  clear(): void;
}

// Quantiles of recorded durations in seconds: 0, 0.5, 0.9 and 1 (wire-behaviour 1.3). The longest ones are cut:
// they come from machines that would not stop or start.
const QUANTILES: Readonly<Record<Work, readonly [number, number, number, number]>> = {
  identityPatch: [0.1, 5.2, 8.4, 10.8],
  patch: [0.1, 4.1, 16.3, 30],
  update: [0.1, 7.3, 20.4, 60],
  create: [7, 78.8, 151, 300],
  delete: [0.3, 38.1, 120, 300],
  groupDelete: [15, 60, 180, 300],
};
const REMEMBERED = 100_000;

/** `scale` multiplies durations; 0 makes every operation end at once. `random` yields numbers in [0, 1). */
export function createOperations(clock: Clock, scale: number, random: () => number): Operations {
  const known = new Map<string, Operation>();
  return {
    begin(id, kind, work, error, ms) {
      const startsAt = clock.now();
      const usual = quantile(QUANTILES[work], random()) * 1000 * scale;
      const endsAt = startsAt + (ms ?? usual);
      const operation = { id, kind, startsAt, endsAt, error };
      known.set(id, operation);
      if (known.size > REMEMBERED) {
        const [oldest] = known.keys();
        if (oldest !== undefined) known.delete(oldest);
      }
      return operation;
    },
    get: (id) => known.get(id.toLowerCase()),
    clear: () => known.clear(),
  };
}

function quantile(
  [lowest, median, high, highest]: readonly [number, number, number, number],
  at: number,
): number {
  if (at < 0.5) return lowest + ((median - lowest) * at) / 0.5;
  if (at < 0.9) return median + ((high - median) * (at - 0.5)) / 0.4;
  return high + ((highest - high) * (at - 0.9)) / 0.1;
}
