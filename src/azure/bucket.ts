import type { ThrottleLimit } from './throttleLimits.ts';

// Requests that were slow on their way arrive in a crowd: this much of a refill is left free for them.
const SLACK_MS = 2000;
// Two clocks never run quite alike.
const PACE = 0.99;
const ROUNDING = 1e-9;

/** What Azure said of a bucket in an answer. */
export interface Count {
  /** Requests the bucket still had when the answered request was let in. */
  readonly remaining: number;
  /** For a window: when it starts anew, ms after the answer. */
  readonly resetsInMs?: number;
}

/** What we know of a request whose answer has a count. */
export interface Sent {
  /** What `take` returned for it. */
  readonly expected: number;
  /** How long ago it was sent, ms. */
  readonly agoMs: number;
  /** How many tokens we have taken since. */
  readonly taken: number;
}

/** Our share of one of Azure's buckets, as far as we know it. All times are ms of one clock. */
export interface Bucket {
  /** When it will hold so many tokens if nobody takes any; `now` when it does; Infinity when it never can. */
  readyAt(tokens: number, now: number): number;
  /** Takes a token; ask `readyAt` first. Returns how many Azure's bucket has left if nobody else takes any. */
  take(now: number): number;
  /** Lowers what we think it holds to what others leave us, when Azure's count shows that there are others. */
  correct(count: Count, sent: Sent, now: number): void;
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

function tokenBucket({ size, refill, periodMs }: ThrottleLimit, share: number): Bucket {
  const perMs = (share * refill * PACE) / 1000;
  const capacity = Math.max(1, share * (size - (refill * SLACK_MS) / 1000));
  // Ours comes steadily; Azure's may have to be waited for.
  const azures = azuresBucket(size, refill, periodMs ?? 1000);
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
      const oursAt = missing <= ROUNDING ? from : from + Math.ceil(missing / perMs);
      return Math.max(oursAt, azures.readyAt(tokens, now));
    },
    take(now) {
      set(levelAt(now) - 1, now);
      return azures.take(now);
    },
    correct({ remaining }, { expected, agoMs, taken }, now) {
      // As far as later requests of ours can have arrived earlier, there need not be others.
      if (remaining + taken >= expected) return;
      const left = Math.min(size, Math.max(0, remaining + (agoMs * refill) / 1000 - taken));
      set(Math.min(levelAt(now), capacity - (size - left)), now);
    },
    closeUntil(time, now) {
      set(Math.min(1, levelAt(now)), Math.max(at, time));
    },
    isFull: (now) => now >= at && levelAt(now) >= capacity - ROUNDING && azures.isFull(now),
  };
}

/** Azure's own bucket, were nobody there but us. */
function azuresBucket(size: number, refill: number, periodMs: number) {
  let level = size;
  let since = 0;
  const refillUntil = (now: number): void => {
    const periods = Math.max(0, Math.floor((now - since) / periodMs));
    level = Math.min(size, level + (periods * refill * periodMs) / 1000);
    since += periods * periodMs;
    // Periods are counted from the first call on a full bucket, which arrives later than it was sent.
    if (level === size) since = now + SLACK_MS;
  };
  return {
    readyAt(tokens: number, now: number): number {
      refillUntil(now);
      if (level >= tokens) return now;
      return since + Math.ceil(((tokens - level) * 1000) / (refill * periodMs)) * periodMs;
    },
    take(now: number): number {
      refillUntil(now);
      return --level;
    },
    isFull(now: number): boolean {
      refillUntil(now);
      return level === size;
    },
  };
}

function slidingWindow({ size, refill }: ThrottleLimit, share: number, windowMs: number): Bucket {
  const capacity = Math.max(1, Math.floor(share * size));
  // Longer than Azure's only where our share is less than one token in a window.
  const backAfterMs = Math.max(windowMs, (capacity / (share * refill)) * 1000) / PACE;
  // When each token that is gone comes back, in order; those before `first` are back.
  let returns: number[] = [];
  let first = 0;

  const goneAt = (now: number) => {
    while ((returns[first] ?? Number.POSITIVE_INFINITY) <= now) first++;
    if (first > capacity) {
      returns = returns.slice(first);
      first = 0;
    }
    return returns.length - first;
  };
  const hold = (tokens: number, until: number) => {
    const back = Math.max(until, returns.at(-1) ?? 0);
    for (let held = 0; held < tokens; held++) returns.push(back);
  };
  return {
    readyAt(tokens, now) {
      if (tokens > capacity) return Number.POSITIVE_INFINITY;
      const missing = tokens - (capacity - goneAt(now));
      return missing <= 0 ? now : Math.ceil(returns[first + missing - 1] ?? now);
    },
    take(now) {
      hold(1, now + backAfterMs);
      return size - goneAt(now);
    },
    correct({ remaining, resetsInMs = windowMs }, { taken }, now) {
      const free = capacity - goneAt(now);
      const left = Math.max(0, capacity - (size - remaining) - taken);
      hold(free - left, now + resetsInMs);
    },
    closeUntil(time) {
      // Others are there whom no count shows: a window of next to nothing from us finds out whether they still are.
      returns = Array.from({ length: capacity }, (_, index) => (index === 0 ? time : time + backAfterMs));
      first = 0;
    },
    isFull: (now) => goneAt(now) === 0,
  };
}
