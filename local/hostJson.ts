import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { parseTimeSpan } from './timeSpan.ts';

const timeSpan = z.string().transform((text, context) => {
  const ms = parseTimeSpan(text);
  if (ms !== undefined) return ms;
  context.addIssue({ code: 'custom', message: `"${text}" is not of the form hh:mm:ss` });
  return z.NEVER;
});

const queues = z.object({
  batchSize: z.int().min(1).max(32).default(16),
  newBatchThreshold: z.int().min(0).optional(),
  maxDequeueCount: z.int().min(1).default(5),
  maxPollingInterval: timeSpan.refine((ms) => ms >= 100, 'must not be less than 100 ms').prefault('00:01:00'),
  visibilityTimeout: timeSpan.prefault('00:00:00'),
  messageEncoding: z.enum(['base64', 'none']).default('base64'),
});

// Names, bounds and defaults: QueuesOptions.cs of the queue extension; 30 minutes: functions-runtime, "host.json".
const schema = z.object({
  version: z.literal('2.0'),
  functionTimeout: z
    .union([z.literal('-1').transform(() => Number.POSITIVE_INFINITY), timeSpan])
    .prefault('00:30:00'),
  extensions: z.object({ queues: queues.prefault({}) }).prefault({}),
});

/** How the queue trigger works; intervals in ms. */
export type QueueOptions = z.infer<typeof queues> & { readonly newBatchThreshold: number };

/** The part of host.json that changes how functions run. */
export interface HostJson {
  /** ms; Infinity where host.json says -1. */
  readonly functionTimeoutMs: number;
  readonly queues: QueueOptions;
}

/**
 * Reads host.json in `root`. A missing file gives the host's defaults, and unknown keys are ignored, as the host does.
 * Throws an Error with one line for each value that is wrong.
 */
export function readHostJson(root: string): HostJson {
  const file = join(root, 'host.json');
  const read = schema.safeParse(parse(file));
  if (!read.success) {
    const lines = read.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new Error(`${file} is wrong. ${lines.join('; ')}`);
  }
  const { functionTimeout, extensions } = read.data;
  const { batchSize, newBatchThreshold = Math.floor(batchSize / 2), ...rest } = extensions.queues;
  return { functionTimeoutMs: functionTimeout, queues: { batchSize, newBatchThreshold, ...rest } };
}

function parse(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { version: '2.0' };
    throw error;
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${file} is not JSON: ${(error as Error).message}`);
  }
}
