import type { Clock } from '../state/clock.ts';
import type { Buckets } from './buckets.ts';
import { type ComputeLimits, computeLimits, type PolicyGroup } from './limits.ts';

/** What a neighbour is to do. */
export interface NeighbourSpec {
  readonly subscriptionId: string;
  readonly location: string;
  readonly policyGroup: PolicyGroup;
  /** Calls per second of the emulator's time. */
  readonly ratePerSecond: number;
  /** Whether it waits when it is told to; else it calls on at its rate. */
  readonly obeysRetryAfter: boolean;
}

/** A neighbour and what became of its calls. */
export interface Neighbour extends NeighbourSpec {
  readonly id: number;
  /** Calls so far, the refused ones with them. */
  readonly sent: number;
  readonly refused: number;
}

/** Other callers, who take from a bucket of Compute's that a subscription's callers share. */
export interface Neighbours {
  /** Moves one in; its first call comes one interval from now. */
  add(spec: NeighbourSpec): Neighbour;
  list(): Neighbour[];
  /** Makes the calls that were due since last time, each at its time. To be called before anybody else takes a token. */
  catchUp(): void;
  clear(): void;
}

/** Calls per second that are this share of what a bucket of the group gets back. */
export function shareOfRefill(group: PolicyGroup, share: number): number {
  const { refill, everySeconds } = computeLimits[group].subscription;
  return (share * refill) / everySeconds;
}

/** Makes an empty neighbourhood. Nobody in it has a timer: the clock alone decides which calls were made. */
export function createNeighbours(clock: Clock, buckets: Buckets): Neighbours {
  let all: { spec: NeighbourSpec; id: number; sent: number; refused: number; nextAt: number }[] = [];

  function catchUp(): void {
    const now = clock.now();
    for (;;) {
      let next = all[0];
      for (const other of all) if (next && other.nextAt < next.nextAt) next = other;
      if (!next || next.nextAt > now) return;
      const { policyGroup, subscriptionId, location, ratePerSecond, obeysRetryAfter } = next.spec;
      const limits: ComputeLimits = computeLimits[policyGroup];
      const use = { limit: limits.subscription, key: `${subscriptionId}/${location}`.toLowerCase() };
      const { refusals } = buckets.take([use], `neighbour ${next.id}`, next.nextAt);
      const waitSeconds = obeysRetryAfter ? (refusals[0]?.seconds ?? 0) : 0;
      next.sent++;
      if (refusals.length > 0) next.refused++;
      next.nextAt += Math.max(1 / ratePerSecond, waitSeconds) * 1000;
    }
  }

  const shown = ({ spec, id, sent, refused }: (typeof all)[number]): Neighbour => ({
    id,
    ...spec,
    sent,
    refused,
  });

  return {
    add(spec) {
      catchUp();
      const nextAt = clock.now() + 1000 / spec.ratePerSecond;
      const made = { spec, id: (all.at(-1)?.id ?? 0) + 1, sent: 0, refused: 0, nextAt };
      all.push(made);
      return shown(made);
    },
    list() {
      catchUp();
      return all.map(shown);
    },
    catchUp,
    clear() {
      all = [];
    },
  };
}
