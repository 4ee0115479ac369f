/** A token bucket that Azure meters requests by. Full at first; a request takes one token. */
export interface Bucket {
  readonly name: string;
  /** Requests. */
  readonly size: number;
  /** Requests per second that it refills by. */
  readonly perSecond: number;
  /** Others draw from it, too, so that we take CAPACITY_SHARE_PERCENT of it only. */
  readonly shared: boolean;
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
  readonly heldBackBy: Bucket | undefined;
}

const READS_PER_VM = 2;
const inSubscription = ({ subscriptionId }: Work) => subscriptionId;
const inSubscriptionAndRegion = ({ subscriptionId, location }: Work) => `${subscriptionId}/${location}`;
const inRegion = ({ location }: Work) => location;
const vmsOf = ({ vms }: Work) => vms;

/** The buckets of the public cloud that writing VMs draws from (DESIGN, section 5). */
export const buckets: readonly Bucket[] = [
  {
    // azure-facts, section 1: 200 and 10/s for each principal and subscription.
    name: 'Resource Manager: writes of one subscription',
    size: 200,
    perSecond: 10,
    shared: false,
    key: inSubscription,
    requests: ({ vms, otherWrites }) => vms + otherWrites,
  },
  {
    // azure-facts, section 1: 250 and 25/s for each principal and subscription.
    name: 'Resource Manager: reads of one subscription',
    size: 250,
    perSecond: 25,
    shared: false,
    key: inSubscription,
    requests: ({ vms }) => vms * READS_PER_VM,
  },
  {
    // azure-facts, section 2: Update VM, 1,500 and 500 a minute for each subscription and region.
    name: 'Compute: VM updates of one subscription and region',
    size: 1500,
    perSecond: 500 / 60,
    shared: true,
    key: inSubscriptionAndRegion,
    requests: vmsOf,
  },
  {
    // azure-facts, section 3: 300 in 20 s for each subscription and region.
    name: 'Managed identity: assignments of one subscription and region',
    size: 300,
    perSecond: 15,
    shared: true,
    key: inSubscriptionAndRegion,
    requests: vmsOf,
  },
  {
    // azure-facts, section 3: 400 in 20 s for each tenant and region.
    name: 'Managed identity: assignments of the tenant in one region',
    size: 400,
    perSecond: 20,
    shared: true,
    key: inRegion,
    requests: vmsOf,
  },
];

/**
 * How long the work takes at Azure's pace, in seconds: the longest that any one bucket makes it, all starting full and
 * `capacityShare` (0 to 1) of the shared ones ours. A lower bound: waiting for answers, conflicts and what others
 * draw from the buckets come on top.
 */
export function makespan(work: readonly Work[], capacityShare: number): Makespan {
  let longest: Makespan = { seconds: 0, heldBackBy: undefined };
  for (const bucket of buckets) {
    const share = bucket.shared ? capacityShare : 1;
    for (const rows of Map.groupBy(work, bucket.key).values()) {
      const requests = rows.reduce((sum, row) => sum + bucket.requests(row), 0);
      const seconds = (requests - bucket.size * share) / (bucket.perSecond * share);
      if (seconds > longest.seconds) longest = { seconds, heldBackBy: bucket };
    }
  }
  return longest;
}
