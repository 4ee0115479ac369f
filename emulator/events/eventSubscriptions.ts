import { z } from 'zod';
import { filterSchema } from './filters.ts';

/** An event subscription as `POST /eventSubscriptions` takes it; the parts Azure has keep Azure's names and bounds. */
export const eventSubscriptionSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z0-9-]{3,64}$/, 'a name has 3 to 64 characters: letters, digits and hyphens'),
  /** URL of the webhook. */
  endpoint: z.url({ protocol: /^https?$/, error: 'must be an http or https URL' }),
  /** The Azure subscription whose events are wanted; without it, those of every one. */
  scope: z
    .string()
    .regex(/^\/subscriptions\/[0-9a-f-]{36}$/i, 'must be the id of a subscription, /subscriptions/{guid}')
    .optional(),
  eventDeliverySchema: z.enum(['EventGridSchema', 'CloudEventSchemaV1_0']).default('EventGridSchema'),
  filter: filterSchema.prefault({}),
  retryPolicy: z
    .strictObject({
      maxDeliveryAttempts: z.int().min(1).max(30).default(30),
      eventTimeToLiveInMinutes: z.int().min(1).max(1440).default(1440),
    })
    .prefault({}),
  batching: z
    .strictObject({
      maxEventsPerBatch: z.int().min(1).max(5000).default(1),
      preferredBatchSizeInKilobytes: z.int().min(1).max(1024).default(64),
    })
    .prefault({}),
  /** Share of events that are delivered two to five times. */
  duplicates: z.number().min(0).max(1).default(0),
  /** Every first delivery comes up to this many seconds later, at random; `true` is 10. */
  reorder: z.union([z.boolean(), z.number().min(0).max(86_400)]).default(false),
  /** Every first delivery comes this much later. */
  delaySeconds: z.number().min(0).max(86_400).default(0),
});

export type EventSubscription = z.output<typeof eventSubscriptionSchema>;

/** As Azure names them. Only one that `Succeeded` gets events. */
export type ProvisioningState = 'AwaitingManualAction' | 'Succeeded' | 'Failed';
