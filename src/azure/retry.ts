import type { RetryInformation, RetryModifiers, RetryStrategy } from '@azure/core-rest-pipeline';

/** How often one request is tried again at most, whatever the reasons. */
export const MAX_RETRIES = 5;

const FIRST_BACKOFF_MS = 1_000;
const LONGEST_WAIT_MS = 5 * 60_000;
// What Node reports for connections that broke or could not be made. Anything else, such as a certificate that
// is not trusted, will not get better by trying again.
const BROKEN_CONNECTION = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'ECONNABORTED',
  'ETIMEDOUT',
  'EPIPE',
  'EAI_AGAIN',
  'REQUEST_SEND_ERROR',
]);

/**
 * The one strategy that retries, in place of the SDK's own: throttling and unavailability for as long as Azure
 * says, server errors and broken connections with doubling backoff. `random` yields numbers in [0, 1) for jitter.
 */
export function retryStrategy(random: () => number): RetryStrategy {
  return { name: 'vmIdentityRetry', retry: (state) => decideRetry(state, random) };
}

function decideRetry(state: RetryInformation, random: () => number): RetryModifiers {
  const backoffMs = FIRST_BACKOFF_MS * 2 ** state.retryCount * (0.75 + random() / 2);
  const { response, responseError } = state;
  if (!response) {
    const code = responseError?.code ?? '';
    // Nobody listening is most often a wrong address: say so within seconds.
    const hopeless = code === 'ECONNREFUSED' && state.retryCount >= 2;
    return BROKEN_CONNECTION.has(code) && !hopeless ? { retryAfterInMs: backoffMs } : { skipStrategy: true };
  }
  if (response.status !== 429 && response.status !== 408 && response.status < 500) {
    return { skipStrategy: true };
  }
  const toldMs = retryAfterMs(response.headers);
  // A longer wait than this is the next sweep's business, not this request's.
  if (toldMs !== undefined && toldMs > LONGEST_WAIT_MS) return { skipStrategy: true };
  return { retryAfterInMs: toldMs ?? (response.status === 429 ? 5 * backoffMs : backoffMs) };
}

/** How long Azure asks to wait, in ms: `retry-after-ms`, or `Retry-After` in seconds or as a date. */
export function retryAfterMs(
  headers: { get(name: string): string | undefined },
  now: number = Date.now(),
): number | undefined {
  const ms = headers.get('retry-after-ms') ?? headers.get('x-ms-retry-after-ms');
  if (ms !== undefined && /^\d+$/.test(ms)) return Number(ms);
  const text = headers.get('retry-after');
  if (text === undefined) return undefined;
  if (/^\d+$/.test(text)) return Number(text) * 1_000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
