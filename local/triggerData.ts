import type { DequeuedMessageItem } from '@azure/storage-queue';
import type { TypedData } from './coreTypes.ts';

type Metadata = Record<string, TypedData>;

const FOREVER = '9999-12-31T23:59:59.9999999+00:00';

/** A queue message's metadata. Top-level scalars and objects of a JSON message are mixed in and win (QueueTriggerBinding.cs). */
export function queueMetadata(text: string, message: DequeuedMessageItem): Metadata {
  const own: Metadata = {
    QueueTrigger: { string: text },
    DequeueCount: json(message.dequeueCount),
    ExpirationTime: json(message.expiresOn?.toISOString() ?? FOREVER),
    Id: { string: message.messageId },
    InsertionTime: json(message.insertedOn?.toISOString() ?? new Date().toISOString()),
    NextVisibleTime: json(message.nextVisibleOn?.toISOString() ?? FOREVER),
    PopReceipt: { string: message.popReceipt },
  };
  for (const [key, value] of Object.entries(objectIn(text))) {
    if (Array.isArray(value) || value === null) continue;
    const same = Object.keys(own).find((name) => name.toLowerCase() === key.toLowerCase());
    if (same !== undefined) delete own[same];
    own[key] = typeof value === 'string' ? { string: value } : json(value);
  }
  return own;
}

/** An event's input and metadata (EventGridTriggerAttributeBindingProvider.cs). */
export function eventData(event: Readonly<Record<string, unknown>>): {
  input: TypedData;
  triggerMetadata: Metadata;
} {
  return { input: json(event), triggerMetadata: { data: json(event.data ?? null) } };
}

/** When a timer ran and will run, ISO 8601. */
export interface ScheduleStatus {
  readonly last: string;
  readonly next: string;
  readonly lastUpdated: string;
}

/** A timer tick's input (TimerInfo.cs); `status` is null where the schedule is not monitored. */
export function timerInput(status: ScheduleStatus | undefined, isPastDue: boolean): TypedData {
  return json({
    Schedule: { AdjustForDST: true },
    ScheduleStatus: status ? { Last: status.last, Next: status.next, LastUpdated: status.lastUpdated } : null,
    IsPastDue: isPastDue,
  });
}

function json(value: unknown): TypedData {
  return { json: JSON.stringify(value) };
}

function objectIn(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
  } catch {
    return {};
  }
}
