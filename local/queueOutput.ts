import { QueueClient } from '@azure/storage-queue';
import type { TypedData } from './coreTypes.ts';
import { encodeMessage } from './messageText.ts';
import type { PlannedFunction, QueueOutput } from './plan.ts';
import { isQueueNotFound } from './storageErrors.ts';

/**
 * Writes what an invocation put out to its queues, in order. Rejects with the storage error, which fails the invocation.
 * @param written called with the name of each queue that got messages.
 */
export async function writeOutputs(
  { outputs }: PlannedFunction,
  values: ReadonlyMap<string, TypedData>,
  encoding: 'base64' | 'none',
  written: (queueName: string) => void,
): Promise<void> {
  for (const output of outputs) {
    const messages = messagesOf(valueFor(output, outputs, values));
    const queue = new QueueClient(output.connectionString, output.queueName);
    for (const message of messages) await sendMessage(queue, encodeMessage(message, encoding));
    if (messages.length > 0) written(output.queueName);
  }
}

/** Sends a message as it is to be stored, creating the queue where there is none. `timeToLive` in seconds; -1 is for ever. */
export async function sendMessage(queue: QueueClient, text: string, timeToLive?: number): Promise<void> {
  const options = timeToLive === undefined ? {} : { messageTimeToLive: timeToLive };
  try {
    await queue.sendMessage(text, options);
  } catch (error) {
    if (!isQueueNotFound(error)) throw error;
    await queue.createIfNotExists();
    await queue.sendMessage(text, options);
  }
}

/**
 * The messages a value becomes. An array, and a string that is a JSON array, becomes one for each element; a string that
 * is JSON is written anew, indented; nothing becomes none (functions-runtime, "Values at the edges"; FunctionBinding.cs).
 */
export function messagesOf(data: TypedData | undefined): (string | Uint8Array)[] {
  if (data === undefined) return [];
  if (data.bytes) return [data.bytes];
  const value = data.json != null ? JSON.parse(data.json) : (data.string ?? data.int ?? data.double);
  const parsed = typeof value === 'string' ? parseJson(value) : value;
  return (Array.isArray(parsed) ? parsed : [parsed]).map(textOf);
}

// Without a `$return` binding, keys of a returned object that equal names of output bindings are taken as those outputs.
function valueFor(
  { bindingName }: QueueOutput,
  outputs: readonly QueueOutput[],
  values: ReadonlyMap<string, TypedData>,
): TypedData | undefined {
  const own = values.get(bindingName);
  if (own !== undefined || outputs.some((output) => output.bindingName === '$return')) return own;
  const returned = JSON.parse(values.get('$return')?.json ?? 'null');
  const value = returned?.[bindingName];
  return value == null ? undefined : { json: JSON.stringify(value) };
}

// The host looks at the first and last character only before it parses (Utility.IsJson).
function parseJson(text: string): unknown {
  if (!/^\s*(\{.*\}|\[.*\])\s*$/s.test(text)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

// As .NET prints JSON values: objects indented, booleans with a capital, null as nothing.
function textOf(value: unknown): string {
  if (typeof value === 'object' && value !== null) return JSON.stringify(value, null, 2);
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  return value == null ? '' : String(value);
}
