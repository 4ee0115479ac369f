import { app, type InvocationContext, output } from '@azure/functions';
import {
  queues,
  type RegionMessage,
  readMessage,
  regionMessageSchema,
  STORAGE_CONNECTION,
} from '../queues.ts';
import { workRegion } from '../remediation/workRegion.ts';
import { invocation } from './invocation.ts';
import { remediator } from './remediator.ts';

/** Queue `regions`: remediates one region, and sends itself on when its time is spent and work is left. */
export async function remediateRegion(
  message: unknown,
  context: InvocationContext,
): Promise<RegionMessage | undefined> {
  const read = readMessage(regionMessageSchema, message);
  return invocation(context, 'value' in read ? read.value.traceparent : undefined, async (log) => {
    if ('problem' in read) {
      log.warn('Message dropped: it can never succeed', { queue: queues.regions, problem: read.problem });
      return undefined;
    }
    const redelivered = Number(context.triggerMetadata?.dequeueCount ?? 1) > 1;
    return workRegion(remediator(), read.value, log, { redelivered });
  });
}

app.storageQueue('remediateRegion', {
  queueName: queues.regions,
  connection: STORAGE_CONNECTION,
  return: output.storageQueue({ queueName: queues.regions, connection: STORAGE_CONNECTION }),
  handler: remediateRegion,
});
