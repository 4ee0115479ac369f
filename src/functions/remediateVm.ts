import { app, type InvocationContext } from '@azure/functions';
import { MAX_DEQUEUE_COUNT, queues, readMessage, STORAGE_CONNECTION, vmMessageSchema } from '../queues.ts';
import { workVm } from '../remediation/workVm.ts';
import { invocation } from './invocation.ts';
import { remediator } from './remediator.ts';

/** Queue `virtual-machines`: remediates one VM, seconds after it was written. */
export async function remediateVm(message: unknown, context: InvocationContext): Promise<void> {
  const read = readMessage(vmMessageSchema, message);
  await invocation(context, 'value' in read ? read.value.traceparent : undefined, async (log) => {
    if ('problem' in read) {
      const { problem } = read;
      log.warn('Message dropped: it can never succeed', { queue: queues.virtualMachines, problem });
      return;
    }
    const lastTry = Number(context.triggerMetadata?.dequeueCount ?? 1) >= MAX_DEQUEUE_COUNT;
    await workVm(remediator(), read.value, log, { lastTry });
  });
}

app.storageQueue('remediateVm', {
  queueName: queues.virtualMachines,
  connection: STORAGE_CONNECTION,
  handler: remediateVm,
});
