import { z } from 'zod';
import { oneLine } from './domain/printable.ts';
import { TRACE_PARENT } from './telemetry/traceParent.ts';

/** The setting, or the prefix of settings, with which the queues are reached: the host's own storage account. */
export const STORAGE_CONNECTION = 'AzureWebJobsStorage';

/** The queues. The host adds a `…-poison` queue to each for messages that failed `MAX_DEQUEUE_COUNT` times. */
export const queues = { regions: 'regions', virtualMachines: 'virtual-machines' } as const;

/** How often the host tries a message before it gives it up: `maxDequeueCount` of host.json. */
export const MAX_DEQUEUE_COUNT = 5;

// The host writes messages anew and may spell a time in another way than we did (functions-runtime, "Values").
const time = z.iso.datetime({ offset: true });
/** What the work belongs to: telemetry of everything with the same one shares an operation id. */
const traceparent = z.string().regex(TRACE_PARENT).optional();

// Fields that are not named are left out, not refused: the host may add some of its own.

/** Work on one region. */
export const regionMessageSchema = z.object({
  version: z.literal(1),
  location: z.string().regex(/^[a-z0-9]{1,50}$/),
  /** When the next sweep begins: a chain of these messages ends there. */
  until: time,
  /** Names the sweep in logs. */
  sweepId: z.uuid(),
  /** How many VMs this region may still assign; absent when there is no limit. */
  limit: z.int().min(1).optional(),
  traceparent,
  /** How the earlier runs of the chain ended, for FAILURE_THRESHOLD_PERCENT; absent in the first message. */
  looked: z.int().min(0).optional(),
  failed: z.int().min(0).optional(),
});

/** Look at one VM. Nothing but its id is taken from anybody (R11). */
export const vmMessageSchema = z.object({
  version: z.literal(1),
  id: z.string().max(1000),
  /** When the VM was written, as the event said: only to tell how long assigning took. */
  writtenAt: time.optional(),
  traceparent,
});

export type RegionMessage = z.infer<typeof regionMessageSchema>;
export type VmMessage = z.infer<typeof vmMessageSchema>;

/** A message as the schema says, or why it is none, on one line. */
export function readMessage<T>(schema: z.ZodType<T>, message: unknown): { value: T } | { problem: string } {
  const { data, error } = schema.safeParse(message);
  return error ? { problem: oneLine(z.prettifyError(error)) } : { value: data };
}
