import { app, type InvocationContext, output } from '@azure/functions';
import { judgeEvent } from '../domain/vmWrittenEvent.ts';
import { contextLog } from '../log.ts';
import { queues, STORAGE_CONNECTION, type VmMessage } from '../queues.ts';
import { traceParentOf } from './invocation.ts';
import { remediator } from './remediator.ts';

/** Event Grid: a VM was written. Asks Azure nothing, so that it answers within milliseconds; only queues the id. */
export async function vmWritten(event: unknown, context: InvocationContext): Promise<VmMessage | undefined> {
  const log = contextLog(context);
  const { settings } = remediator().app;
  if (settings.policy.effect === 'Disabled') return undefined;
  const verdict = judgeEvent(event, settings);
  if ('ignored' in verdict) {
    log.debug('Event ignored', verdict);
    return undefined;
  }
  const { look, writtenAt } = verdict;
  const traceparent = traceParentOf(context);
  return {
    ...{ version: 1, id: look.id },
    ...(writtenAt !== undefined && { writtenAt }),
    ...(traceparent !== undefined && { traceparent }),
  };
}

app.eventGrid('vmWritten', {
  return: output.storageQueue({ queueName: queues.virtualMachines, connection: STORAGE_CONNECTION }),
  handler: vmWritten,
});
