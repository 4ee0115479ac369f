import type { Clock } from '../state/clock.ts';
import type { EventSubscription } from './eventSubscriptions.ts';
import { envelopeOf, type ResourceEvent } from './payload.ts';
import { type DeadLetter, type Delivery, deadLetterOf, deliveryOf, type Pending } from './records.ts';
import { isDelivered, isRetried, retryWait } from './retry.ts';
import { createSchedule } from './schedule.ts';
import { statusName, type Webhooks } from './webhooks.ts';

/** Delivers the events of one event subscription, each at least once, in no promised order. */
export interface Deliverer {
  accept(event: ResourceEvent): void;
  /** Drops what is pending and breaks off what is under way. */
  stop(): void;
}

/** What deliverers share. */
export interface DeliveryParts {
  readonly clock: Clock;
  readonly webhooks: Webhooks;
  /** Numbers in [0, 1). */
  readonly random: () => number;
  recordDelivery(delivery: Delivery): void;
  recordDeadLetter(deadLetter: DeadLetter): void;
}

/** Requests under way to one webhook. Azure's own number is not published. */
const MOST_IN_FLIGHT = 64;
const DEFAULT_REORDER_SECONDS = 10;
const MOST_EXTRA_COPIES = 4;

/** Source of the rules: delivery-and-retry. Probation of failing endpoints, which Azure does not promise, is left out. */
export function createDeliverer(subscription: EventSubscription, parts: DeliveryParts): Deliverer {
  const { clock, random } = parts;
  const { eventDeliverySchema, retryPolicy, batching } = subscription;
  const schedule = createSchedule(clock);
  const stopper = new AbortController();
  const reorderSeconds =
    subscription.reorder === true ? DEFAULT_REORDER_SECONDS : Number(subscription.reorder);
  const ready: Pending[] = [];
  let inFlight = 0;

  function enqueue(pending: Pending, waitMs: number): void {
    const go = () => {
      ready.push(pending);
      pump();
    };
    if (waitMs > 0) schedule.at(clock.now() + waitMs, go);
    else go();
  }

  function pump(): void {
    while (inFlight < MOST_IN_FLIGHT) {
      const batch = takeBatch();
      if (batch.length === 0) return;
      inFlight++;
      void deliver(batch).then(() => {
        inFlight--;
        pump();
      });
    }
  }

  /** What goes into one request: events that are ready now and were tried equally often; none is waited for. */
  function takeBatch(): Pending[] {
    const limit = batching.preferredBatchSizeInKilobytes * 1024;
    const batch: Pending[] = [];
    let size = 0;
    let taken = 0;
    for (const pending of ready) {
      // Looked at only when an attempt is due ("The time-to-live expiration is checked ONLY at the next attempt").
      if (clock.now() - pending.publishedAt >= retryPolicy.eventTimeToLiveInMinutes * 60_000) {
        deadLetter(pending, 'TimeToLiveExceeded');
        taken++;
        continue;
      }
      size += Buffer.byteLength(pending.text);
      if (batch.length > 0 && (size > limit || pending.attempts !== batch[0]?.attempts)) break;
      batch.push(pending);
      taken++;
      if (batch.length === batching.maxEventsPerBatch) break;
    }
    ready.splice(0, taken);
    return batch;
  }

  async function deliver(batch: readonly Pending[]): Promise<void> {
    const [time, machineTime] = [clock.now(), Date.now()];
    const answer = await parts.webhooks.send(requestOf(subscription, batch), stopper.signal);
    if (stopper.signal.aborted) return;
    const [durationMs, machineDurationMs] = [clock.now() - time, Date.now() - machineTime];
    const attempt = { answer, time, durationMs, machineTime, machineDurationMs };
    for (const pending of batch) {
      pending.attempts++;
      pending.last = attempt;
      parts.recordDelivery(deliveryOf(subscription, pending, attempt));
      // All or none: an answer is for every event of its batch.
      if (!isDelivered(answer.status)) retry(pending, answer.status);
    }
  }

  function retry(pending: Pending, status: number): void {
    if (!isRetried(status)) deadLetter(pending, `UndeliverableDueToHttp${statusName(status)}`);
    else if (pending.attempts >= retryPolicy.maxDeliveryAttempts)
      deadLetter(pending, 'MaxDeliveryAttemptsExceeded');
    else enqueue(pending, retryWait(status, pending.attempts, random));
  }

  function deadLetter(pending: Pending, reason: string): void {
    parts.recordDeadLetter(deadLetterOf(subscription, pending, reason));
  }

  return {
    accept(event) {
      const text = JSON.stringify(envelopeOf(event, eventDeliverySchema));
      const extra = random() < subscription.duplicates ? 1 + Math.floor(random() * MOST_EXTRA_COPIES) : 0;
      for (let copy = 0; copy <= extra; copy++) {
        const waitSeconds = subscription.delaySeconds + random() * reorderSeconds;
        enqueue({ event, text, publishedAt: clock.now(), attempts: 0 }, waitSeconds * 1000);
      }
    },
    stop() {
      schedule.clear();
      ready.length = 0;
      stopper.abort();
    },
  };
}

/** One delivery as Event Grid sends it: an array, but a single CloudEvent where batching is off. */
function requestOf(
  { name, endpoint, eventDeliverySchema, batching }: EventSubscription,
  batch: readonly Pending[],
) {
  const cloudEvents = eventDeliverySchema === 'CloudEventSchemaV1_0';
  const single = cloudEvents && batching.maxEventsPerBatch === 1;
  const list = batch.map(({ text }) => text).join(',');
  const cloudType = single ? 'application/cloudevents+json' : 'application/cloudevents-batch+json';
  return {
    url: endpoint,
    method: 'POST',
    headers: {
      'content-type': `${cloudEvents ? cloudType : 'application/json'}; charset=utf-8`,
      'aeg-subscription-name': name.toUpperCase(),
      // Attempts made before this one: 0 in both deliveries that somebody published.
      'aeg-delivery-count': String(batch[0]?.attempts ?? 0),
      'aeg-data-version': cloudEvents ? '' : '2',
      'aeg-metadata-version': '1',
      'aeg-event-type': 'Notification',
      ...(cloudEvents && { origin: 'eventgrid.azure.net' }),
    },
    body: single ? list : `[${list}]`,
  } as const;
}
