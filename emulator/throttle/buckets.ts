import {
  type Bucket,
  createBucket,
  fullAfterMs,
  refill,
  secondsUntil,
  tellToWait,
  waitOf,
} from './bucket.ts';
import type { Limit } from './limits.ts';

/** A use of a bucket by one call. */
export interface Use {
  readonly limit: Limit;
  /** Whose bucket of this limit: a subscription, a region, a VM … in lower case. */
  readonly key: string;
  /** Tokens it takes; default 1. */
  readonly count?: number;
}

/** A bucket that refused a call. */
export interface Refusal {
  readonly limit: Limit;
  /** Retry-After: whole seconds, at least 1. */
  readonly seconds: number;
  /** When the period began that the call was refused in, in ms. */
  readonly since: number;
  /** Calls of this period, the refused ones with them. */
  readonly measured: number;
}

/** What became of a call at a layer. */
export interface Taken {
  /** Tokens left in each bucket, in the order of the uses. */
  readonly remaining: readonly number[];
  /** When the first of the buckets gets more, in ms from now. */
  readonly refillInMs: number;
  /** Empty when the call may pass. */
  readonly refusals: readonly Refusal[];
}

/** A bucket that is not full, as `GET /buckets` shows it. */
export interface Level extends Limit {
  readonly key: string;
  readonly remaining: number;
}

/** All buckets there are. They are made when first used and forgotten when full again. */
export interface Buckets {
  /** Takes a call's tokens from all of the buckets of a layer, or from none when one of them refuses. */
  take(uses: readonly Use[], caller: string, now: number): Taken;
  /** The buckets that are not full. */
  levels(now: number): Level[];
  /** How many buckets are in memory. */
  held(): number;
  /** Fills all. */
  clear(): void;
}

// Buckets by key in two generations: what is found in the old one moves to the young one. When they change places, what
// was not touched for as long as a bucket takes to fill is full, and is dropped with its map at no cost.
interface Generations {
  young: Map<string, Bucket>;
  old: Map<string, Bucket>;
  changeAt: number;
}

/**
 * Makes buckets, all full. `enforced` false counts only: it refuses nobody, and tells of full buckets. `graceMs` is how exact clients can be, in
 * the emulator's ms.
 */
export function createBuckets(enforced: boolean, graceMs: number): Buckets {
  const all = new Map<Limit, Generations>();
  let nextChangeAt = 0;

  function bucketOf({ limit, key }: Use, now: number): Bucket {
    let kept = all.get(limit);
    if (!kept) {
      kept = { young: new Map(), old: new Map(), changeAt: now + fullAfterMs(limit) };
      nextChangeAt = Math.min(nextChangeAt, kept.changeAt);
      all.set(limit, kept);
    }
    const known = kept.young.get(key);
    const bucket = known ?? kept.old.get(key) ?? createBucket(limit, now);
    if (!known) {
      kept.young.set(key, bucket);
      kept.old.delete(key);
    }
    refill(bucket, limit, now);
    return bucket;
  }

  function dropFull(now: number): void {
    if (now < nextChangeAt) return;
    nextChangeAt = Number.POSITIVE_INFINITY;
    for (const [limit, kept] of all) {
      const spanMs = fullAfterMs(limit);
      if (now >= kept.changeAt) {
        kept.old = now >= kept.changeAt + spanMs ? new Map() : kept.young;
        kept.young = new Map();
        kept.changeAt = now + spanMs;
      }
      if (kept.young.size + kept.old.size === 0) all.delete(limit);
      else nextChangeAt = Math.min(nextChangeAt, kept.changeAt);
    }
  }

  return {
    take(uses, caller, now) {
      dropFull(now);
      const used = uses.map((use) => ({ ...use, count: use.count ?? 1, bucket: bucketOf(use, now) }));
      const refusals: Refusal[] = [];
      for (const { bucket, limit, count } of enforced ? used : []) {
        const waiting = waitOf(bucket, caller, now, graceMs);
        if (waiting === undefined && bucket.tokens >= count) continue;
        const seconds = waiting ?? secondsUntil(bucket, limit, count, now);
        if (waiting === undefined) tellToWait(bucket, caller, seconds, now);
        bucket.refused++;
        const measured = limit.size - bucket.tokens + bucket.refused;
        refusals.push({ limit, seconds, since: bucket.since, measured });
      }
      if (refusals.length === 0) {
        for (const { bucket, count } of used) bucket.tokens = Math.max(0, bucket.tokens - count);
      }
      const next = used.map(({ bucket, limit }) => bucket.since + limit.everySeconds * 1000 - now);
      // Who obeys what is told would hold back at an empty bucket that refuses nobody.
      const remaining = used.map(({ bucket, limit, count }) =>
        enforced ? bucket.tokens : limit.size - count,
      );
      return { remaining, refillInMs: Math.min(...next), refusals };
    },
    levels(now) {
      dropFull(now);
      const levels: Level[] = [];
      for (const [limit, { young, old }] of all) {
        for (const [key, bucket] of [...old, ...young]) {
          refill(bucket, limit, now);
          if (bucket.tokens < limit.size) levels.push({ ...limit, key, remaining: bucket.tokens });
        }
      }
      return levels;
    },
    held() {
      let held = 0;
      for (const { young, old } of all.values()) held += young.size + old.size;
      return held;
    },
    clear: () => all.clear(),
  };
}
