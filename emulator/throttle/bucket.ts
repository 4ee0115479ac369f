import type { Limit } from './limits.ts';

/** One bucket. Times are the emulator's, in ms. */
export interface Bucket {
  tokens: number;
  /** When the period began that ends with the next refill. */
  since: number;
  /** Calls refused in this period. */
  refused: number;
  /** Callers that were told to wait. */
  readonly waits: Map<string, Wait>;
}

interface Wait {
  until: number;
  readonly seconds: number;
}

/** A full bucket, which is what a bucket nobody has used for long is like. */
export function createBucket(limit: Limit, now: number): Bucket {
  return { tokens: limit.size, since: now, refused: 0, waits: new Map() };
}

/** After how long without calls a bucket is full, whatever it held: ms. */
export function fullAfterMs({ size, refill, everySeconds }: Limit): number {
  return Math.ceil(size / refill) * everySeconds * 1000;
}

/**
 * Adds what has come since. Periods are counted from the first call on a full bucket: the recorded counts of an
 * operation's polls never rise in the 31 s after the first one.
 */
export function refill(bucket: Bucket, limit: Limit, now: number): void {
  const periodMs = limit.everySeconds * 1000;
  const periods = Math.floor((now - bucket.since) / periodMs);
  if (periods > 0) {
    bucket.tokens = Math.min(limit.size, bucket.tokens + periods * limit.refill);
    bucket.since += periods * periodMs;
    bucket.refused = 0;
  }
  if (bucket.tokens === limit.size) bucket.since = now;
}

/** How long until the bucket has so many tokens, as Retry-After says it: whole seconds, at least 1. */
export function secondsUntil(bucket: Bucket, limit: Limit, tokens: number, now: number): number {
  const periods = Math.max(1, Math.ceil((tokens - bucket.tokens) / limit.refill));
  const ms = bucket.since + periods * limit.everySeconds * 1000 - now;
  return Math.max(1, Math.ceil(ms / 1000));
}

/** Tells a caller to wait for so many seconds. */
export function tellToWait(bucket: Bucket, caller: string, seconds: number, now: number): void {
  bucket.waits.set(caller, { until: now + seconds * 1000, seconds });
}

/**
 * How many seconds a caller has to wait that was told to wait before; undefined when its wait is over, or there was
 * none. A call during the wait begins it anew: it is "not processed and a new retry value is returned" (azure-facts,
 * section 1). A wait is over `graceMs` early: clients cannot be more exact than their network and timers, and calls
 * that were under way already when the first was refused must not hold up those who wait as told.
 */
export function waitOf(bucket: Bucket, caller: string, now: number, graceMs: number): number | undefined {
  const wait = bucket.waits.get(caller);
  if (!wait) return undefined;
  if (now >= wait.until - graceMs) {
    bucket.waits.delete(caller);
    return undefined;
  }
  wait.until = now + wait.seconds * 1000;
  return wait.seconds;
}
