import { app, type InvocationContext, output, type Timer } from '@azure/functions';
import { queues, type RegionMessage, STORAGE_CONNECTION } from '../queues.ts';
import { startSweep } from '../remediation/startSweep.ts';
import { HOURLY } from '../settings.ts';
import { invocation, traceParentOf } from './invocation.ts';
import { remediator } from './remediator.ts';

/** Timer: counts the tenant and sends out one message for each region that has work. */
export function sweep(timer: Timer, context: InvocationContext): Promise<RegionMessage[]> {
  return invocation(context, undefined, async (log) => {
    if (timer.isPastDue) log.warn('The sweep comes late', { due: timer.scheduleStatus?.next });
    return startSweep(remediator(), log, traceParentOf(context));
  });
}

app.timer('sweep', {
  // A setting that is named here and not set would leave the function out, with nothing but a line in the host's log.
  schedule: process.env.SWEEP_SCHEDULE ? '%SWEEP_SCHEDULE%' : HOURLY,
  // It would sweep at every restart and each time the app is scaled out.
  runOnStartup: false,
  return: output.storageQueue({ queueName: queues.regions, connection: STORAGE_CONNECTION }),
  handler: sweep,
});
