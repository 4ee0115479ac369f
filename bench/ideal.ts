/** How VMs that lack their identity are spread: evenly over so many subscriptions and regions of each. */
export interface Spread {
  readonly vms: number;
  readonly subscriptions: number;
  readonly regions: number;
}

/** The shortest time in which anybody could write all VMs, and the limit that makes it so. */
export interface Ideal {
  readonly seconds: number;
  readonly boundBy: string;
}

interface Bucket {
  readonly name: string;
  readonly size: number;
  readonly refill: number;
  readonly everySeconds: number;
  /** How many of the VMs count in one such bucket. */
  load(spread: Spread): number;
}

// Written down anew from azure-facts, "Numbers to design by", so that neither the app's table nor the embedded Azure's is
// taken on trust. Reads are left out: 25 a second for two reads a VM never bind beside 10 writes.
const buckets: readonly Bucket[] = [
  {
    name: 'Resource Manager writes of a subscription',
    size: 200,
    refill: 10,
    everySeconds: 1,
    load: ({ vms, subscriptions }) => vms / subscriptions,
  },
  {
    name: 'Compute updates of a subscription and region',
    size: 1500,
    refill: 500,
    everySeconds: 60,
    load: ({ vms, subscriptions, regions }) => vms / subscriptions / regions,
  },
  {
    name: 'identity assignments of a subscription and region',
    size: 300,
    refill: 300,
    everySeconds: 20,
    load: ({ vms, subscriptions, regions }) => vms / subscriptions / regions,
  },
  {
    name: 'identity assignments of the tenant in a region',
    size: 400,
    refill: 400,
    everySeconds: 20,
    load: ({ vms, regions }) => vms / regions,
  },
];

/**
 * The makespan no client can beat that takes `share` (0 to 1) of each bucket, all of them full at first: the longest of
 * the times in which each bucket gives as much as is asked of it. Requests, reads and queries take no time in it.
 */
export function ideal(spread: Spread, share: number): Ideal {
  let longest: Ideal = { seconds: 0, boundBy: 'nothing: all fit at once' };
  for (const bucket of buckets) {
    const seconds = secondsUntil(bucket, Math.ceil(bucket.load(spread) - 1e-9), share);
    if (seconds > longest.seconds) longest = { seconds, boundBy: bucket.name };
  }
  return longest;
}

/**
 * When a bucket can have given so many tokens. A window starts anew as a whole, with our share of it. Of a bucket we
 * take at most `share` of what it holds and of its steady refill; and nobody gets what has not been refilled yet.
 */
function secondsUntil({ size, refill, everySeconds }: Bucket, tokens: number, share: number): number {
  const steps = (missing: number, each: number) =>
    Math.max(0, Math.ceil(missing / each - 1e-9)) * everySeconds;
  if (refill === size) return steps(tokens - share * size, share * refill);
  const steadily = Math.max(0, (tokens - share * size) / ((share * refill) / everySeconds));
  return Math.max(steadily, steps(tokens - size, refill));
}
