/** A limit of Azure's: a bucket that holds `size` calls and gets `refill` of them back every `everySeconds`. */
export interface Limit {
  /** As Azure's headers spell it, where they name it. */
  readonly name: string;
  readonly size: number;
  readonly refill: number;
  /** Whole seconds. Where `refill` is the whole size, the limit is a fixed window of this length. */
  readonly everySeconds: number;
}

/** What Resource Manager counts apart. */
export type CallKind = 'reads' | 'writes' | 'deletes';

/** Groups of operations that Compute counts apart. */
export type PolicyGroup = keyof typeof computeLimits;

/** A policy group's limits in the order in which the answer's header names them. */
export interface ComputeLimits {
  /** For a subscription and region, all callers together. */
  readonly subscription: Limit;
  /** For one VM, or one operation; there is none for lists. */
  readonly resource?: Limit;
  readonly resourceFirst?: true;
}

// "Each second, 25 tokens become available" (Resource Manager's throttling page; azure-facts, section 1).
const perSecond = (name: string, size: number, refill: number): Limit => ({
  name,
  size,
  refill,
  everySeconds: 1,
});
const kinds = (name: string, times: number): Readonly<Record<CallKind, Limit>> => ({
  reads: perSecond(`${name}-reads`, 250 * times, 25 * times),
  writes: perSecond(`${name}-writes`, 200 * times, 10 * times),
  deletes: perSecond(`${name}-deletes`, 200 * times, 10 * times),
});

/** Resource Manager's own limits. The global ones are 15 times as large, for all principals together. */
export const armLimits = {
  subscription: kinds('subscription', 1),
  subscriptionGlobal: kinds('subscription-global', 15),
  tenant: kinds('tenant', 1),
} as const;

// Compute adds tokens once a minute, not steadily: its page says so, and so do the recordings. In a06 and a07 counts
// only go down for 51 s and 44 s of calls, then rise by the refill of a minute at once.
const perMinute = (name: string, size: number, refill: number): Limit => ({
  name: `Microsoft.Compute/${name}`,
  size,
  refill,
  everySeconds: 60,
});
const compute = (group: string, subscription: [number, number], resource: [number, number]) => ({
  subscription: perMinute(`${group}SubscriptionMaximum`, ...subscription),
  resource: perMinute(`${group}Resource`, ...resource),
});

/**
 * Compute's limits (its throttling page; azure-facts, section 2). The names of Update VM, Get Operation and the gets
 * are recorded (wire-behaviour 1.4); those of Put VM and Delete VM follow them.
 */
export const computeLimits = {
  PutVM: compute('PutVM', [1500, 500], [12, 4]),
  UpdateVM: compute('UpdateVM', [1500, 500], [12, 4]),
  DeleteVM: compute('DeleteVM', [1500, 500], [12, 4]),
  LowCostGet: compute('LowCostGet', [24_000, 8000], [36, 12]),
  HighCostGet: { subscription: perMinute('HighCostGetSubscriptionMaximum', 900, 300) },
  GetOperation: { ...compute('GetOperation', [15_000, 5000], [45, 15]), resourceFirst: true },
} as const satisfies Record<string, ComputeLimits>;

// "400 assignment operations per 20 seconds" (azure-facts, section 3). Taken at its word, it is a window; were it a
// bucket that refills steadily, twice as many calls would pass in the first 20 s. Not confirmed.
const per20Seconds = (name: string, size: number): Limit => ({ name, size, refill: size, everySeconds: 20 });

/** The identity service's limits, all callers together. */
export const identityLimits = {
  createInSubscription: per20Seconds('identity-create-subscription', 80),
  createInTenant: per20Seconds('identity-create-tenant', 400),
  assignInSubscription: per20Seconds('identity-assign-subscription', 300),
  assignInTenant: per20Seconds('identity-assign-tenant', 400),
} as const;

/** Resource Graph's quota of a user: 15 queries in a window of 5 s, as its headers count them (azure-facts, section 4). */
export const graphLimit: Limit = { name: 'resource-graph', size: 15, refill: 15, everySeconds: 5 };
