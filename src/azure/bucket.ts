import type { ThrottleLimit } from '../domain/throttleLimits.ts';

// Requests that were slow on their way arrive in a crowd: this much of a refill is left free for them.
const SLACK_MS = 2000;
// Two clocks never run quite alike.
const PACE = 0.995;
const ROUNDING = 1e-9;

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
   * Lowers what we think it holds to what Azure's count leaves us; a higher count changes nothing. The count is of
   * `agoMs` ago, and we have taken `taken` tokens since.
   */
  correct(count: Count, agoMs: number, taken: number, now: number): void;
  /** Azure refused: nothing until then, and one token to begin with. */
  closeUntil(time: number, now: number): void;
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

function tokenBucket({ size, refill }: ThrottleLimit, share: number): Bucket {
  const capacity = Math.max(1, share * (size - (refill * SLACK_MS) / 1000));
  const perMs = (share * refill * PACE) / 1000;
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
      return missing <= ROUNDING ? from : from + Math.ceil(missing / perMs);
    },
    take: (now) => set(levelAt(now) - 1, now),
    answered: () => undefined,
    correct({ remaining }, agoMs, taken, now) {
      const left = Math.min(size, Math.max(0, remaining + (agoMs * refill) / 1000 - taken));
      set(Math.min(levelAt(now), capacity - (size - left)), now);
    },
    closeUntil(time, now) {
      set(Math.min(1, levelAt(now)), Math.max(at, time));
    },
    isFull: (now) => now >= at && levelAt(now) >= capacity - ROUNDING,
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
    closeUntil(time, now) {
      closedAt = now;
      // One by one, as no burst may follow a refusal.
      const comesBack = (_: unknown, index: number) => time + Math.ceil((index * backAfterMs) / capacity);
      returns = Array.from({ length: capacity }, comesBack);
    },
    isFull: (now) => goneAt(now) === 0,
  };
}
