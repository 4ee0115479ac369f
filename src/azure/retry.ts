import {
  isRestError,
  type PipelinePolicy,
  type PipelineRequest,
  type PipelineResponse,
  RestError,
  type SendRequest,
} from '@azure/core-rest-pipeline';
import type { Clock } from '../clock.ts';
import { DEFAULT_REFUSAL_MS, LONGEST_WAIT_MS, toldWaitMs } from './throttleAnswer.ts';

// How often one request is tried again at most, whatever the reasons.
const MAX_RETRIES = 5;

// Resource Manager itself gives a provider 60 s. By the machine's time, as the network does not run faster.
const TRY_TIMEOUT_MS = 90_000;
const FIRST_BACKOFF_MS = 1_000;
// What Node reports for connections that broke or could not be made. Anything else, such as a certificate that
// is not trusted, will not get better by trying again.
const BROKEN_CONNECTION = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'ECONNABORTED',
  'ETIMEDOUT',
  'EPIPE',
  'EAI_AGAIN',
  RestError.REQUEST_SEND_ERROR,
  // Of the HTTP client: a connection that broke in the middle of an answer.
  RestError.PARSE_ERROR,
]);

type Tried =
  | { readonly response: PipelineResponse; readonly error?: undefined }
  | { readonly error: unknown; readonly response?: undefined };

/**
 * The one layer that retries, in place of the SDK's own: unavailability after as long as Azure says, server errors,
 * broken connections, answers that do not come and bodies cut off with doubling backoff, and throttled requests at once:
 * `pacing`, which must come after it, holds them until Azure's time is over. Bounded in number and in time; then the last
 * answer is returned or the last error thrown. `random` yields numbers in [0, 1) for jitter, `tryTimeoutMs` is for one try.
 */
export function retries(clock: Clock, random: () => number, tryTimeoutMs = TRY_TIMEOUT_MS): PipelinePolicy {
  return {
    name: 'vmIdentityRetry',
    async sendRequest(request, next) {
      if (request.timeout === 0) request.timeout = tryTimeoutMs;
      let waitedMs = 0;
      for (let count = 0; ; count++) {
        const tried = await attempt(request, next);
        const waitMs = count < MAX_RETRIES ? waitBeforeRetry(tried, count, clock, random) : undefined;
        if (waitMs === undefined || waitedMs + waitMs > LONGEST_WAIT_MS) {
          if (tried.response) return tried.response;
          throw tried.error;
        }
        waitedMs += waitMs;
        // After a 429 the request waits where everybody waits for the same limit, in its place among them.
        if (tried.response?.status === 429) continue;
        await clock.sleep(waitMs, request.abortSignal as AbortSignal | undefined);
      }
    },
  };
}

async function attempt(request: PipelineRequest, next: SendRequest): Promise<Tried> {
  try {
    const response = await next(request);
    if (!isCutOff(response)) return { response };
    const message = 'The answer broke off: its body is no whole JSON.';
    return { error: new RestError(message, { code: RestError.PARSE_ERROR, request }) };
  } catch (error) {
    // The HTTP client ends a request that takes too long as if it had been aborted.
    const isAbort = error instanceof Error && error.name === 'AbortError';
    if (!isAbort || request.abortSignal?.aborted) return { error };
    const message = `No answer within ${request.timeout / 1000} s.`;
    return { error: new RestError(message, { code: 'ETIMEDOUT', request }) };
  }
}

// That a connection broke is not always seen: a proxy may pass the first half on as if it were all. The SDKs would throw
// outside of all retries, some with the whole body in the message; and half a refusal does not say what was refused.
// Those that are tried again anyhow keep what their status says.
function isCutOff({ status, headers, bodyAsText }: PipelineResponse): boolean {
  if (isTriedAgain(status) || !bodyAsText || !/json/i.test(headers.get('content-type') ?? '')) return false;
  try {
    JSON.parse(bodyAsText);
    return false;
  } catch {
    return true;
  }
}

function isTriedAgain(status: number): boolean {
  return status === 429 || status === 408 || status >= 500;
}

/** How long to wait before the next try, ms; undefined when there should be none. */
function waitBeforeRetry(
  { response, error }: Tried,
  count: number,
  clock: Clock,
  random: () => number,
): number | undefined {
  const backoffMs = FIRST_BACKOFF_MS * 2 ** count * (0.75 + random() / 2);
  if (!response) {
    const code = isRestError(error) ? (error.code ?? '') : '';
    // Nobody listening is most often a wrong address: say so within seconds.
    const hopeless = code === 'ECONNREFUSED' && count >= 2;
    return BROKEN_CONNECTION.has(code) && !hopeless ? backoffMs : undefined;
  }
  const { status } = response;
  if (!isTriedAgain(status)) return undefined;
  return toldWaitMs(response, clock) ?? (status === 429 ? DEFAULT_REFUSAL_MS : backoffMs);
}
