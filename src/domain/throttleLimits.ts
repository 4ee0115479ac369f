import { fold, foldLocation } from './resourceId.ts';

/** A bucket of Azure's: what it holds when full, and what it gets back each second. */
export interface ThrottleLimit {
  /** The limit in words, for messages. */
  readonly name: string;
  /** Requests. */
  readonly size: number;
  /** Requests per second. */
  readonly refill: number;
  /** Set where the refill comes all at once, each so many ms; else it comes each second, or steadily. */
  readonly periodMs?: number;
  /** Set where Azure counts the requests of a window of that many ms instead of refilling steadily. */
  readonly windowMs?: number;
}

/**
 * Every limit the app can meet. Sizes and refills: azure-facts, sections 1 (ARM), 2 (Compute), 3 (identities) and
 * 4 (Resource Graph). What each is counted by: `lanesOf`. Compute "adds tokens once a minute": recorded counts go down for
 * most of a minute, then rise by a minute's refill.
 */
export const throttleLimits = {
  armReads: { name: 'Resource Manager reads', size: 250, refill: 25 },
  armWrites: { name: 'Resource Manager writes', size: 200, refill: 10 },
  // Put VM and others have buckets of their own; PATCH is "Update VM": 500 a minute.
  vmUpdates: { name: 'VM updates', size: 1500, refill: 500 / 60, periodMs: 60_000 },
  // 4 a minute for one VM.
  oneVmUpdates: { name: 'updates of one VM', size: 12, refill: 4 / 60, periodMs: 60_000 },
  // "400 assignment operations per 20 seconds" may be a window or a bucket: who stays within the window is within both.
  assignments: { name: 'identity assignments', size: 300, refill: 15, windowMs: 20_000 },
  tenantAssignments: {
    name: 'identity assignments of the tenant',
    size: 400,
    refill: 20,
    windowMs: 20_000,
  },
  creations: { name: 'identity creations', size: 80, refill: 4, windowMs: 20_000 },
  tenantCreations: { name: 'identity creations of the tenant', size: 400, refill: 20, windowMs: 20_000 },
  resourceGraph: { name: 'Resource Graph queries', size: 15, refill: 3, windowMs: 5000 },
} as const satisfies Record<string, ThrottleLimit>;

export type LimitName = keyof typeof throttleLimits;

/** One bucket: a limit, and whose it is. */
export interface LaneId {
  readonly limit: LimitName;
  /** Unique among all lanes. Folded, so that spelling makes no second bucket. */
  readonly key: string;
}

/** The buckets one request takes a token of. */
export interface Lanes {
  /** From the most private to the most widely shared; never empty. */
  readonly shared: readonly LaneId[];
  /** The bucket of the one VM that is updated. */
  readonly vm: LaneId | undefined;
}

/**
 * Which buckets a request counts in. The region of a VM or identity is not in its URL, so it comes from the caller.
 * Everything the app sends itself counts in ARM's own buckets, too, but for Resource Graph. Polls are reads.
 */
export function lanesOf(method: string, url: string, location = ''): Lanes {
  const path = fold(new URL(url).pathname);
  const subscription = /^\/subscriptions\/([^/]+)/.exec(path)?.[1] ?? 'tenant';
  const region = foldLocation(location);
  const lane = (limit: LimitName, ...key: string[]): LaneId => ({ limit, key: [limit, ...key].join(' ') });

  if (path.includes('/providers/microsoft.resourcegraph/')) {
    return { shared: [lane('resourceGraph')], vm: undefined };
  }
  if (method === 'GET' || method === 'HEAD') {
    return { shared: [lane('armReads', subscription)], vm: undefined };
  }
  const armWrites = lane('armWrites', subscription);
  if (method === 'PATCH' && /\/microsoft\.compute\/virtualmachines\/[^/]+$/.test(path)) {
    return {
      shared: [
        lane('vmUpdates', subscription, region),
        lane('assignments', subscription, region),
        armWrites,
        lane('tenantAssignments', region),
      ],
      vm: lane('oneVmUpdates', path),
    };
  }
  if (method === 'PUT' && /\/microsoft\.managedidentity\/userassignedidentities\/[^/]+$/.test(path)) {
    return {
      shared: [lane('creations', subscription, region), armWrites, lane('tenantCreations', region)],
      vm: undefined,
    };
  }
  return { shared: [armWrites], vm: undefined };
}
