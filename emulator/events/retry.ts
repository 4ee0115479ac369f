import { statusName, type WebhookAnswer } from './webhooks.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** Waits between attempts, in ms; the last one repeats (delivery-and-retry, "Retry schedule"). */
const WAITS = [
  10_000,
  30_000,
  MINUTE,
  5 * MINUTE,
  10 * MINUTE,
  30 * MINUTE,
  HOUR,
  3 * HOUR,
  6 * HOUR,
  12 * HOUR,
];
/** "A small randomization"; how small is not said. */
const JITTER = 0.1;
/** What a webhook is not tried again for (delivery-and-retry, the newest page). */
const LASTING = new Set([400, 401, 403, 413]);
/** Statuses with a shortest wait of their own, in ms ("Failure codes"). */
const SHORTEST_WAITS: Readonly<Record<number, number>> = { 404: 5 * MINUTE, 408: 2 * MINUTE, 503: 30_000 };

/** True for what Event Grid counts as delivered: 200 to 204, nothing else. */
export function isDelivered(status: number): boolean {
  return status >= 200 && status <= 204;
}

/** True when trying again can help: a webhook's 400, 401, 403 and 413 are final. */
export function isRetried(status: number): boolean {
  return !LASTING.has(status);
}

/**
 * How long to wait after the `attempts`th attempt (1 is the first) ended with `status`, in ms of the emulator's time.
 * `random` yields numbers in [0, 1) for the jitter.
 */
export function retryWait(status: number, attempts: number, random: () => number): number {
  const scheduled = WAITS[Math.min(attempts, WAITS.length) - 1] ?? 0;
  return Math.max(scheduled, SHORTEST_WAITS[status] ?? 0) * (1 + random() * JITTER);
}

/** An attempt's end as Event Grid names it in `lastDeliveryOutcome`. */
export function outcomeOf(answer: WebhookAnswer): string {
  if ('failure' in answer) return answer.failure;
  if (isDelivered(answer.status)) return 'Delivered';
  if (answer.status === 408) return 'TimedOut';
  if (answer.status === 429 || answer.status === 503) return 'Busy';
  return answer.status === 413 ? 'PayloadTooLarge' : statusName(answer.status);
}
