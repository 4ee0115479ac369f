import { app, type InvocationContext } from '@azure/functions';
import { contextLog } from '../log.ts';
import { MAX_DEQUEUE_COUNT, queues, readMessage, STORAGE_CONNECTION, vmMessageSchema } from '../queues.ts';
import { workVm } from '../remediation/workVm.ts';
import { remediator } from './remediator.ts';

/** Queue `virtual-machines`: remediates one VM, seconds after it was written. */
export async function remediateVm(message: unknown, context: InvocationContext): Promise<void> {
  const log = contextLog(context);
  const read = readMessage(vmMessageSchema, message);
  if ('problem' in read) {
    log.warn('Message dropped: it can never succeed', {
      queue: queues.virtualMachines,
      problem: read.problem,
    });
    return;
  }
  const lastTry = Number(context.triggerMetadata?.dequeueCount ?? 1) >= MAX_DEQUEUE_COUNT;
  await workVm(remediator(), read.value, log, { lastTry });
}

app.storageQueue('remediateVm', {
  queueName: queues.virtualMachines,
  connection: STORAGE_CONNECTION,
  handler: remediateVm,
});
