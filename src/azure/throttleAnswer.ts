import type { PipelineResponse } from '@azure/core-rest-pipeline';
import type { Clock } from '../clock.ts';
import type { LimitName } from '../domain/throttleLimits.ts';
import type { Count } from './bucket.ts';
import { type ArmError, parseArmError } from './errors.ts';

/** Longest a request waits because Azure refuses, ms; what takes longer is the next sweep's business. */
export const LONGEST_WAIT_MS = 5 * 60_000;

/** How long a 429 that does not say is taken to mean, ms. */
export const DEFAULT_REFUSAL_MS = 5_000;

const A_DAY_MS = 86_400_000;

type Answer = Pick<PipelineResponse, 'headers' | 'bodyAsText'>;

/**
 * How long Azure asks to wait, in ms of the clock: `retry-after-ms`, or `Retry-After` in seconds or as a date, or
 * what only the message says (wire-behaviour, section 6). At most a day; undefined when nothing is said.
 */
export function toldWaitMs(
  { headers, bodyAsText }: Answer,
  clock: Pick<Clock, 'now' | 'speed'>,
): number | undefined {
  const ms = headers.get('retry-after-ms') ?? headers.get('x-ms-retry-after-ms');
  const after = headers.get('retry-after') ?? secondsInMessage(bodyAsText) ?? '';
  const date = Date.parse(after);
  let told: number;
  if (ms !== undefined && DIGITS.test(ms)) told = Number(ms);
  else if (DIGITS.test(after)) told = Number(after) * 1000;
  else if (!Number.isNaN(date)) told = date - clock.now();
  else return undefined;
  // A sped-up Azure, too, speaks to clients that know nothing of its speed.
  return Math.min(A_DAY_MS, Math.max(0, told) * clock.speed);
}

// "Please try again after '324' seconds."
function secondsInMessage(body: string | null | undefined): string | undefined {
  return /\bafter '?(\d{1,6})'? seconds?\b/i.exec(parseArmError(body)?.message ?? '')?.[1];
}

const DIGITS = /^\d+$/;

/**
 * What an answer says is left of the limits its request counts in. Only what is understood: a header that is missing,
 * of another shape or of another policy says nothing. Times are ms of the clock. Sources: azure-facts, sections 1, 2 and 4;
 * wire-behaviour 1.4.
 */
export function countsOf(
  { headers }: Pick<Answer, 'headers'>,
  { speed }: Pick<Clock, 'speed'>,
): Map<LimitName, Count> {
  const counts = new Map<LimitName, Count>();
  const note = (limit: LimitName, text: string | undefined, more: Omit<Count, 'remaining'> = {}): void => {
    if (/^\d{1,9}$/.test(text ?? '')) counts.set(limit, { remaining: Number(text), ...more });
  };
  for (const scope of ['tenant', 'subscription']) {
    note('armReads', headers.get(`x-ms-ratelimit-remaining-${scope}-reads`));
    note('armWrites', headers.get(`x-ms-ratelimit-remaining-${scope}-writes`));
  }
  for (const [policy, remaining] of policiesOf(headers.get('x-ms-ratelimit-remaining-resource'))) {
    const limit = /\/UpdateVM/i.test(policy) ? computeLimit(policy) : undefined;
    if (limit) note(limit, remaining);
  }
  const resetsInMs = readTimeSpan(headers.get('x-ms-user-quota-resets-after'));
  note(
    'resourceGraph',
    headers.get('x-ms-user-quota-remaining'),
    resetsInMs === undefined ? {} : { resetsInMs: resetsInMs * speed },
  );
  return counts;
}

// 429 for "another operation is running, try again": nobody's limit (azure-facts, section 1).
const NOT_THROTTLING = new Set(['RetryableError', 'AnotherOperationInProgress', 'Conflict']);

/**
 * Which of the limits its request counts in a 429 is about, by the layer that refused (azure-facts, section 2).
 * Undefined when it is about another limit, or none.
 */
export function refusedLimit(answer: Answer, limits: readonly LimitName[]): LimitName | undefined {
  const error = parseArmError(answer.bodyAsText);
  if (NOT_THROTTLING.has(error?.code ?? '')) return undefined;
  const candidates = refusedCandidates(answer, error);
  return candidates.find((limit) => limits.includes(limit));
}

function refusedCandidates({ headers }: Answer, error: ArmError | undefined): readonly LimitName[] {
  // The identity service's 429, by itself or passed on by Compute. It seldom says whose limit it was. One
  // subscription cannot exceed its own at the pace of its VM updates, but many can exceed the tenant's.
  if (error?.code === 'FailedIdentityOperation' || error?.code === '429') {
    return /\bsubscription\b/i.test(error.message)
      ? ['assignments', 'creations']
      : ['tenantAssignments', 'tenantCreations'];
  }
  const policies = policiesOf(headers.get('x-ms-ratelimit-remaining-resource'));
  const byCompute = policies.length > 0 || error?.detailCodes.includes('TooManyRequests');
  if (byCompute) {
    const spent = policies.find(([, remaining]) => remaining === '0')?.[0];
    const policy = error?.detailTargets.find((target) => target !== '') ?? spent ?? '';
    return [computeLimit(policy) ?? 'vmUpdates'];
  }
  return ['resourceGraph', 'armReads', 'armWrites'];
}

// `Microsoft.Compute/UpdateVMSubscriptionMaximum` counts for all VMs, `…/UpdateVMResource` for one.
function computeLimit(policy: string): LimitName | undefined {
  if (/subscription/i.test(policy)) return 'vmUpdates';
  return /resource$/i.test(policy) ? 'oneVmUpdates' : undefined;
}

/** Pairs of policy and count, from `{provider}/{policy};{count}`, one or several with commas between. */
function policiesOf(header: string | undefined): (readonly [string, string])[] {
  return (header ?? '').split(',').flatMap((part) => {
    const [policy = '', count = ''] = part.split(';').map((text) => text.trim());
    return policy.includes('/') && DIGITS.test(count) ? [[policy, count] as const] : [];
  });
}

/** `00:00:05` in ms. */
function readTimeSpan(text: string | undefined): number | undefined {
  const [, hours, minutes, seconds] = /^(\d\d):([0-5]\d):([0-5]\d(?:\.\d+)?)$/.exec(text ?? '') ?? [];
  if (seconds === undefined) return undefined;
  return ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
}
