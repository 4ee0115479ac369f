import { type LimitName, type ThrottleLimit, throttleLimits } from './throttleLimits.ts';

/** How work draws from one of Azure's buckets. */
interface Draw {
  readonly limit: LimitName;
  /** Work with the same key draws from the same bucket. */
  key(work: Work): string;
  /** Requests the work needs of it. */
  requests(work: Work): number;
}

/** Work in one subscription and region. */
export interface Work {
  readonly subscriptionId: string;
  readonly location: string;
  /** VMs to write: one PATCH each, and two GETs. */
  readonly vms: number;
  /** Other writes: groups, identities, locks. */
  readonly otherWrites: number;
}

/** How long work takes at least, and the bucket that makes it last so long; none when it fits the full buckets. */
export interface Makespan {
  readonly seconds: number;
  readonly heldBackBy: ThrottleLimit | undefined;
}

const READS_PER_VM = 2;
const inSubscription = ({ subscriptionId }: Work) => subscriptionId;
const inSubscriptionAndRegion = ({ subscriptionId, location }: Work) => `${subscriptionId}/${location}`;
const inRegion = ({ location }: Work) => location;
const vmsOf = ({ vms }: Work) => vms;

// Creations of identities count as writes only: one in a subscription and region.
const draws: readonly Draw[] = [
  { limit: 'armWrites', key: inSubscription, requests: ({ vms, otherWrites }) => vms + otherWrites },
  { limit: 'armReads', key: inSubscription, requests: ({ vms }) => vms * READS_PER_VM },
  { limit: 'vmUpdates', key: inSubscriptionAndRegion, requests: vmsOf },
  { limit: 'assignments', key: inSubscriptionAndRegion, requests: vmsOf },
  { limit: 'tenantAssignments', key: inRegion, requests: vmsOf },
];

/**
 * How long the work takes at Azure's pace, in seconds: the longest that any one bucket makes it, all starting full and
 * `capacityShare` (0 to 1) of each ours. A lower bound: waiting for answers, conflicts and what others
 * draw from the buckets come on top.
 */
export function makespan(work: readonly Work[], capacityShare: number): Makespan {
  let longest: Makespan = { seconds: 0, heldBackBy: undefined };
  for (const { limit, key, requests } of draws) {
    const bucket = throttleLimits[limit];
    for (const rows of Map.groupBy(work, key).values()) {
      const needed = rows.reduce((sum, row) => sum + requests(row), 0);
      const seconds = (needed - bucket.size * capacityShare) / (bucket.refill * capacityShare);
      if (seconds > longest.seconds) longest = { seconds, heldBackBy: bucket };
    }
  }
  return longest;
}
