import { type Principal, TENANT_ID } from '../arm/principals.ts';
import type { Clock } from '../state/clock.ts';
import { createBuckets, type Level, type Taken, type Use } from './buckets.ts';
import {
  armLimits,
  type CallKind,
  type ComputeLimits,
  computeLimits,
  graphLimit,
  identityLimits,
  type PolicyGroup,
} from './limits.ts';
import { createNeighbours, type Neighbours } from './neighbours.ts';
import {
  assignmentRefusal,
  computeRefusal,
  gatewayRefusal,
  graphRefusal,
  identityRefusal,
} from './refusals.ts';

/** A call, as far as limits count it. */
export interface Counted {
  readonly principal: Principal;
  /** Undefined for calls above subscriptions, which count for the tenant. */
  readonly subscriptionId: string | undefined;
  /** Headers of the answer: what each layer says of its buckets is written here. */
  readonly remaining: Record<string, string>;
}

/**
 * Azure's limits, layer by layer: the gateway, then the provider, then the identity service. Each method counts a call
 * at its layer and throws ArmError 429 when it is too much; what earlier layers took is gone then.
 */
export interface Throttle {
  /** Resource Manager. Everybody signed in is counted, whatever comes of the call. */
  gateway(call: Counted, kind: CallKind): void;
  /** Compute; `resource` is the VM or operation the call is about. */
  compute(call: Counted, group: PolicyGroup, location: string, resource?: string): void;
  /** The identity service, for a PUT of an identity; one that is there already counts as well (b06). */
  createIdentity(call: Counted, location: string): void;
  /**
   * The identity service, for as many identities as a write names that the VM does not have yet. Not confirmed: that
   * the region is the VM's, the subscription the VM's, and that naming one again is free.
   */
  assignIdentities(call: Counted, vmId: string, location: string, count: number): void;
  resourceGraph(call: Counted, correlationId: string): void;
  readonly neighbours: Neighbours;
  /** The buckets that are not full. */
  levels(): Level[];
  /** Fills all buckets and sends the neighbours away. */
  clear(): void;
}

// Requests take so long to arrive, and timers are so exact, in ms of the machine.
const GRACE_MS = 100;

/** Makes the limits, all buckets full. With `enforced` false calls are counted but never refused. */
export function createThrottle(clock: Clock, enforced: boolean): Throttle {
  const buckets = createBuckets(enforced, GRACE_MS * clock.speed);
  const neighbours = createNeighbours(clock, buckets);

  function take(call: Counted, uses: readonly Use[]): Taken {
    return buckets.take(uses, call.principal.objectId, clock.now());
  }

  return {
    neighbours,
    gateway(call, kind) {
      const subscriptionId = call.subscriptionId?.toLowerCase();
      const { objectId } = call.principal;
      const uses: Use[] =
        subscriptionId === undefined
          ? [{ limit: armLimits.tenant[kind], key: `${TENANT_ID}/${objectId}` }]
          : [
              { limit: armLimits.subscription[kind], key: `${subscriptionId}/${objectId}` },
              { limit: armLimits.subscriptionGlobal[kind], key: subscriptionId },
            ];
      const { remaining, refusals } = take(call, uses);
      const headers: Record<string, string> = {};
      for (const [index, { limit }] of uses.entries()) {
        // A header for global deletes was never seen.
        if (limit === armLimits.subscriptionGlobal.deletes) continue;
        headers[`x-ms-ratelimit-remaining-${limit.name}`] = String(remaining[index]);
      }
      if (refusals.length > 0) throw gatewayRefusal(refusals, kind, objectId, subscriptionId, headers);
      Object.assign(call.remaining, headers);
    },
    compute(call, group, location, resource) {
      neighbours.catchUp();
      const limits: ComputeLimits = computeLimits[group];
      const uses: Use[] = [{ limit: limits.subscription, key: regionOf(call, location) }];
      if (limits.resource && resource !== undefined) {
        uses.push({ limit: limits.resource, key: resource.toLowerCase() });
      }
      if (limits.resourceFirst) uses.reverse();
      const { remaining, refusals } = take(call, uses);
      call.remaining['x-ms-ratelimit-remaining-resource'] = uses
        .map(({ limit }, index) => `${limit.name};${remaining[index]}`)
        .join();
      if (refusals.length > 0) throw computeRefusal(refusals, clock.now());
    },
    createIdentity(call, location) {
      const { refusals } = take(call, [
        { limit: identityLimits.createInSubscription, key: regionOf(call, location) },
        { limit: identityLimits.createInTenant, key: location.toLowerCase() },
      ]);
      if (refusals.length > 0) throw identityRefusal(refusals, call.subscriptionId ?? '');
    },
    assignIdentities(call, vmId, location, count) {
      const { refusals } = take(call, [
        { limit: identityLimits.assignInSubscription, key: regionOf(call, location), count },
        { limit: identityLimits.assignInTenant, key: location.toLowerCase(), count },
      ]);
      if (refusals.length > 0) throw assignmentRefusal(refusals, call.subscriptionId ?? '', vmId);
    },
    resourceGraph(call, correlationId) {
      const use = { limit: graphLimit, key: call.principal.objectId };
      const { remaining, refillInMs, refusals } = take(call, [use]);
      const left = String(remaining[0]);
      call.remaining['x-ms-user-quota-remaining'] = left;
      call.remaining['x-ms-user-quota-resets-after'] = timeSpan(refillInMs, clock.speed);
      call.remaining['x-ms-ratelimit-remaining-tenant-resource-requests'] = left;
      if (refusals.length > 0) throw graphRefusal(refusals, clock.now(), correlationId);
    },
    levels() {
      neighbours.catchUp();
      return buckets.levels(clock.now());
    },
    clear() {
      buckets.clear();
      neighbours.clear();
    },
  };
}

/** How Resource Manager counts a method (azure-facts, section 1). */
export function kindOf(method: string): CallKind {
  if (method === 'GET' || method === 'HEAD') return 'reads';
  return method === 'DELETE' ? 'deletes' : 'writes';
}

function regionOf({ subscriptionId }: Counted, location: string): string {
  return `${subscriptionId}/${location}`.toLowerCase();
}

// In the machine's time, as .NET prints it: `00:00:05`, and in a sped-up run `00:00:00.0500000`.
function timeSpan(ms: number, speed: number): string {
  const machineMs = speed === 1 ? Math.ceil(ms / 1000) * 1000 : Math.ceil(ms / speed);
  const text = new Date(machineMs).toISOString().slice(11, -1);
  return text.endsWith('.000') ? text.slice(0, -4) : `${text}0000`;
}
