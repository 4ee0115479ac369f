import type { ThrottleLimit } from '../domain/throttleLimits.ts';

// Requests that were slow on their way arrive in a crowd: this much of a refill is left free for them.
const SLACK_MS = 2000;
// Two clocks never run quite alike: so much of the time, and of a refill, is used at most.
const PACE = 0.995;
const ROUNDING = 1e-9;
// How much slower than its share a window is given at most to callers that were refused again and again.
const MOST_SLOWNESS = 64;

/** What Azure said of a bucket in an answer. */
export interface Count {
  /** Requests the bucket still had when the answered request was let in. */
  readonly remaining: number;
  /** For a window: when it starts anew, ms after the answer. */
  readonly resetsInMs?: number;
}

/** Our share of one of Azure's buckets, as far as we know it. All times are ms of one clock. */
export interface Bucket {
  /** When it will hold so many tokens if nobody takes any; `now` when it does; Infinity when it never can. */
  readyAt(tokens: number, now: number): number;
  /** Takes a token. Ask `readyAt` first. */
  take(now: number): void;
  /** The request that took a token then was answered, or will not be: it is counted by now, if ever. */
  answered(takenAt: number, now: number): void;
  /**
   * Azure's count says what it leaves us, however much we are entitled to. The count is of `agoMs` ago, and we have
   * taken `taken` tokens since.
   */
  correct(count: Count, agoMs: number, taken: number, now: number): void;
  /**
   * Azure refused: nothing until then, and one token to begin with. `anew` is false for requests that were under way when it
   * refused the first.
   */
  closeUntil(time: number, now: number, anew: boolean): void;
  /** True when it holds all it can: there is nothing to remember. */
  isFull(now: number): boolean;
}

/**
 * A bucket filled to our share of the limit. What is not ours stays in Azure's bucket: others' use is taken off our
 * part, so that the rest is always there for them. A limit of which the share is less than one token holds one.
 */
export function bucketOf(limit: ThrottleLimit, share: number): Bucket {
  return limit.windowMs === undefined
    ? tokenBucket(limit, share)
    : slidingWindow(limit, share, limit.windowMs);
}

function tokenBucket(limit: ThrottleLimit, share: number): Bucket {
  const { size, refill } = limit;
  // What is free because it is not ours serves as well for crowds and for clocks that differ.
  const capacity = Math.max(1, Math.min(share * size, size - (refill * SLACK_MS) / 1000));
  const perMs = (Math.min(share, PACE) * refill) / 1000;
  const azures = azuresBucket(limit);
  let level = capacity;
  let at = 0;

  const levelAt = (now: number) => Math.min(capacity, level + Math.max(0, now - at) * perMs);
  const set = (newLevel: number, now: number) => {
    level = newLevel;
    at = Math.max(at, now);
  };
  return {
    readyAt(tokens, now) {
      if (tokens > capacity) return Number.POSITIVE_INFINITY;
      const missing = tokens - levelAt(now);
      const from = Math.max(at, now);
      const oursAt = missing <= ROUNDING ? from : from + Math.ceil((missing - ROUNDING) / perMs);
      return Math.max(oursAt, azures.readyAt(tokens + size - capacity, now));
    },
    take(now) {
      set(levelAt(now) - 1, now);
      azures.take(now);
    },
    answered: () => undefined,
    correct({ remaining }, agoMs, taken, now) {
      azures.correct(remaining, agoMs, taken, now);
    },
    closeUntil(time, now) {
      set(Math.min(1, levelAt(now)), Math.max(at, time));
    },
    isFull: (now) => now >= at && levelAt(now) >= capacity - ROUNDING && azures.isFull(now),
  };
}

/** What Azure's own bucket holds, as far as we took from it or were told. */
function azuresBucket({ size, refill, periodMs }: ThrottleLimit) {
  const refillOfPeriod = (refill * (periodMs ?? 0)) / 1000;
  let level = size;
  // Up to when refills are in `level`.
  let since = 0;

  const refillUntil = (now: number): void => {
    if (now < since) return;
    const periods = periodMs === undefined ? 0 : Math.floor((now - since) / periodMs);
    const refilled = periodMs === undefined ? ((now - since) * refill) / 1000 : periods * refillOfPeriod;
    level = Math.min(size, level + refilled);
    since = periodMs === undefined ? now : since + periods * periodMs;
    // Periods are counted from the first request on a full bucket, which arrives later than it was sent.
    if (periodMs !== undefined && level === size) since = now + SLACK_MS;
  };
  return {
    readyAt(tokens: number, now: number): number {
      refillUntil(now);
      const missing = tokens - level;
      if (missing <= ROUNDING) return now;
      if (periodMs === undefined) return now + Math.ceil(((missing - ROUNDING) / refill) * 1000);
      return since + Math.ceil(missing / refillOfPeriod - ROUNDING) * periodMs;
    },
    take(now: number): void {
      refillUntil(now);
      level--;
    },
    correct(remaining: number, agoMs: number, taken: number, now: number): void {
      refillUntil(now);
      const refilled = periodMs === undefined ? (agoMs * refill) / 1000 : 0;
      const left = Math.min(size, Math.max(0, remaining + refilled - taken));
      // A refill came before we expected it: so will the next ones.
      if (periodMs !== undefined && left >= level + refillOfPeriod / 2) since = now;
      level = left;
    },
    isFull(now: number): boolean {
      refillUntil(now);
      return level >= size - ROUNDING;
    },
  };
}

/**
 * Azure counts a request somewhere between its going out and its answer, and starts its windows when it likes. So a token
 * comes back one window after the answer: no more than our share is counted in any window, wherever it starts.
 */
function slidingWindow({ size, refill }: ThrottleLimit, share: number, windowMs: number): Bucket {
  const capacity = Math.max(1, Math.floor(share * size));
  // Longer than Azure's only where our share is less than one token in a window.
  const backAfterMs = Math.ceil(Math.max(windowMs, (capacity / (share * refill)) * 1000) / PACE);
  // When each token that is gone comes back, soonest first.
  let returns: number[] = [];
  let closedAt = Number.NEGATIVE_INFINITY;
  let slowness = 1;

  const goneAt = (now: number) => {
    const back = returns.findIndex((time) => time > now);
    if (back !== 0) returns = back < 0 ? [] : returns.slice(back);
    return returns.length;
  };
  const hold = (tokens: number, until: number) => {
    const place = returns.findLastIndex((time) => time <= until) + 1;
    returns.splice(place, 0, ...Array.from({ length: Math.max(0, tokens) }, () => until));
  };
  return {
    readyAt(tokens, now) {
      if (tokens > capacity) return Number.POSITIVE_INFINITY;
      const missing = tokens - (capacity - goneAt(now));
      return missing <= 0 ? now : (returns[missing - 1] ?? now);
    },
    take: (now) => hold(1, now + backAfterMs),
    answered(takenAt, now) {
      if (takenAt <= closedAt) return;
      const index = returns.findLastIndex((time) => time <= takenAt + backAfterMs);
      if (index < 0) return;
      returns.splice(index, 1);
      hold(1, now + backAfterMs);
    },
    correct({ remaining, resetsInMs = windowMs }, _agoMs, taken, now) {
      const free = capacity - goneAt(now);
      const left = Math.max(0, capacity - (size - remaining) - taken);
      hold(free - left, now + resetsInMs);
    },
    closeUntil(time, now, anew) {
      // Others are there whom no count shows, such as more processes of ours: make room for them, for some windows.
      if (anew) {
        const windowsSince = (now - closedAt) / windowMs;
        slowness = Math.min(MOST_SLOWNESS, 2 * Math.max(1, slowness / 2 ** Math.floor(windowsSince / 4)));
      }
      closedAt = now;
      // One by one, as no burst may follow a refusal.
      const eachMs = (slowness * backAfterMs) / capacity;
      const comesBack = (_: unknown, index: number) => time + Math.ceil(index * eachMs);
      returns = Array.from({ length: capacity }, comesBack);
    },
    isFull: (now) => goneAt(now) === 0,
  };
}
