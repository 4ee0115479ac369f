import { timestamp } from '../arm/computeOperations.ts';
import { ArmError, failedIdentityOperation } from '../arm/errors.ts';
import { supportText } from '../graph/answerQuery.ts';
import type { Refusal } from './buckets.ts';
import type { CallKind } from './limits.ts';

// The 429 of each layer. `retry-after` is in the emulator's seconds here; the server turns it into the machine's.

/**
 * Resource Manager's own, for a subscription or, without one, for the tenant. Codes and texts: apiops#612 and other
 * reports; those of the global limit and of the tenant follow them. It has no x-ms-ratelimit-remaining-resource.
 */
export function gatewayRefusal(
  refusals: readonly Refusal[],
  kind: CallKind,
  objectId: string,
  subscriptionId: string | undefined,
  remaining: Readonly<Record<string, string>>,
): ArmError {
  const operation = kind.slice(0, -1);
  const seconds = longest(refusals);
  const shared = refusals.every(({ limit }) => limit.name.includes('global'));
  const place = subscriptionId === undefined ? 'tenant' : 'subscription';
  const whose = shared
    ? `${place} '${subscriptionId}'`
    : `${place} actor '${subscriptionId ?? ''}:${objectId}'`;
  return refusal(
    refusals,
    subscriptionId === undefined ? 'TenantRequestsThrottled' : 'SubscriptionRequestsThrottled',
    `Number of '${operation}' requests for ${whose} exceeded. Please try again after '${seconds}' seconds after additional tokens are available. Refer to https://aka.ms/arm-throttling for additional information.`,
    { headers: { 'x-ms-failure-cause': 'gateway', ...remaining } },
  );
}

/** Compute's: one detail for each bucket that refused, its figures as JSON in a string (kubernetes#93796, whole). */
export function computeRefusal(refusals: readonly Refusal[], now: number): ArmError {
  const details = refusals.map(({ limit, since, seconds, measured }) => {
    const target = limit.name.replace('Microsoft.Compute/', '');
    const figures = {
      operationGroup: target,
      startTime: timestamp(since),
      endTime: timestamp(now + seconds * 1000),
      allowedRequestCount: limit.size,
      measuredRequestCount: measured,
    };
    return { code: 'TooManyRequests', message: JSON.stringify(figures), target };
  });
  return refusal(
    refusals,
    'OperationNotAllowed',
    'The server rejected the request because too many requests have been received for this subscription.',
    { extra: { details, innererror: { internalErrorCode: 'TooManyRequestsReceived' } } },
  );
}

/** The identity service's, for a write of an identity (recorded in b06). */
export function identityRefusal(refusals: readonly Refusal[], subscriptionId: string): ArmError {
  return refusal(refusals, '429', identityText(refusals, subscriptionId));
}

/** The identity service's, for an assignment in the write of another resource (aad-pod-identity#676). */
export function assignmentRefusal(
  refusals: readonly Refusal[],
  subscriptionId: string,
  resourceId: string,
): ArmError {
  const inner = identityText(refusals, subscriptionId);
  const { code, message, headers } = failedIdentityOperation(resourceId, '429', inner, 429);
  return refusal(refusals, code, message, { headers });
}

/** Resource Graph's (recorded in e20). */
export function graphRefusal(refusals: readonly Refusal[], now: number, correlationId: string): ArmError {
  const code = 'RateLimiting';
  const message =
    'Client application has been throttled and should not attempt to repeat the request until an amount of time has elapsed. Please see https://aka.ms/resourcegraph-throttling for help.';
  return refusal(refusals, code, supportText(new Date(now), correlationId), {
    extra: { details: [{ code, message }] },
    headers: { 'x-ms-resource-graph-request-duration': '0:00:00:00.0000000' },
  });
}

function refusal(
  refusals: readonly Refusal[],
  code: string,
  message: string,
  options: { extra?: Record<string, unknown>; headers?: Readonly<Record<string, string>> } = {},
): ArmError {
  const [first] = refusals;
  return new ArmError(429, code, message, {
    ...options,
    headers: { ...options.headers, 'retry-after': String(longest(refusals)) },
    ...(first && { refusedBy: first.limit.name }),
  });
}

// Only the subscription's text is recorded; the tenant's follows it.
function identityText(refusals: readonly Refusal[], subscriptionId: string): string {
  const ofTenant = refusals.every(({ limit }) => limit.name.endsWith('-tenant'));
  const whose = ofTenant ? 'the tenant' : `subscription ${subscriptionId}`;
  return `Request is temporarily throttled because ${whose} has issued too many requests. Retry after ${longest(refusals)} seconds.`;
}

function longest(refusals: readonly Refusal[]): number {
  return Math.max(...refusals.map(({ seconds }) => seconds));
}
