import type { EventSubscription } from './eventSubscriptions.ts';
import { azureTime, envelopeOf, type ResourceEvent } from './payload.ts';
import { outcomeOf } from './retry.ts';
import type { WebhookAnswer } from './webhooks.ts';

/** An event on its way to one event subscription. */
export interface Pending {
  readonly event: ResourceEvent;
  /** Its JSON in the delivery schema. */
  readonly text: string;
  /** Ms of the emulator's time. */
  readonly publishedAt: number;
  /** Attempts that ended. */
  attempts: number;
  last?: Attempt;
}

/** How one request went. Times in ms, in the emulator's time and in the machine's. */
export interface Attempt {
  readonly answer: WebhookAnswer;
  readonly time: number;
  readonly durationMs: number;
  readonly machineTime: number;
  readonly machineDurationMs: number;
}

/** One attempt to deliver one event, as `GET /deliveries` shows it. */
export interface Delivery {
  readonly eventId: string;
  readonly subject: string;
  /** When what it tells of was complete, in the emulator's time. */
  readonly eventTime: string;
  readonly eventSubscription: string;
  /** 1 for the first. */
  readonly attempt: number;
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** `Delivered`, or why not, in Event Grid's words. */
  readonly outcome: string;
  /** Start (ISO 8601) and duration in the emulator's time. */
  readonly time: string;
  readonly durationMs: number;
  /** The same in the machine's time. */
  readonly machineTime: string;
  readonly machineDurationMs: number;
}

/** An event that was given up, as Event Grid would write it to a dead-letter container. */
export interface DeadLetter {
  readonly eventSubscription: string;
  readonly event: Readonly<Record<string, unknown>>;
}

/** The record of an attempt, which `pending` counts already. */
export function deliveryOf({ name }: EventSubscription, pending: Pending, attempt: Attempt): Delivery {
  const { answer, time, machineTime, durationMs, machineDurationMs } = attempt;
  return {
    eventId: pending.event.id,
    subject: pending.event.subject,
    eventTime: pending.event.eventTime,
    eventSubscription: name,
    attempt: pending.attempts,
    status: answer.status,
    outcome: outcomeOf(answer),
    time: new Date(time).toISOString(),
    durationMs,
    machineTime: new Date(machineTime).toISOString(),
    machineDurationMs,
  };
}

/** The dead letter of an event, with the properties Event Grid adds (delivery-and-retry, "Delivery event formats"). */
export function deadLetterOf(
  { name, eventDeliverySchema }: EventSubscription,
  { event, attempts, publishedAt, last }: Pending,
  deadLetterReason: string,
): DeadLetter {
  const added = {
    deadLetterReason,
    deliveryAttempts: attempts,
    ...(last && { lastDeliveryOutcome: outcomeOf(last.answer) }),
    ...(last && last.answer.status > 0 && { lastHttpStatusCode: last.answer.status }),
    publishTime: azureTime(publishedAt),
    ...(last && { lastDeliveryAttemptTime: azureTime(last.time) }),
  };
  // Attributes of CloudEvents are in lower case.
  const lower = eventDeliverySchema === 'CloudEventSchemaV1_0';
  const named = Object.entries(added).map(([key, value]) => [lower ? key.toLowerCase() : key, value]);
  return {
    eventSubscription: name,
    event: { ...envelopeOf(event, eventDeliverySchema), ...Object.fromEntries(named) },
  };
}
