import type { InvocationContext } from '@azure/functions';
import { inOperation } from '../azure/callContext.ts';
import { oneLine } from '../domain/printable.ts';
import { contextLog, type Log } from '../log.ts';
import { MAX_DEQUEUE_COUNT } from '../queues.ts';
import { silent } from '../telemetry/telemetry.ts';
import { parseTraceParent } from '../telemetry/traceParent.ts';
import { telemetry } from './remediator.ts';

/**
 * Runs the work of an invocation as part of the operation that `traceParent` names, or of the invocation's own. What it
 * sent is under way when this ends, in bounded time, whether the work failed or not.
 */
export function invocation<T>(
  context: InvocationContext,
  traceParent: string | undefined,
  work: (log: Log) => Promise<T>,
): Promise<T> {
  const { functionName, invocationId } = context;
  const origin = { traceParent: traceParent ?? traceParentOf(context), functionName, invocationId };
  const operationId = parseTraceParent(origin.traceParent)?.traceId;
  return telemetry.of(origin, async () => {
    try {
      return await inOperation(operationId, () => work(invocationLog(context)));
    } catch (error) {
      const { queueName } = context.options.trigger;
      if (Number(context.triggerMetadata?.dequeueCount) >= MAX_DEQUEUE_COUNT) {
        telemetry.event('MessageGivenUp', { queue: String(queueName), error: oneLine(String(error)) }, {});
      }
      throw error;
    } finally {
      await telemetry.flush();
    }
  });
}

/** The traceparent of an invocation, where the host gave one. */
export function traceParentOf(context: InvocationContext): string | undefined {
  return context.traceContext?.traceParent || undefined;
}

// The host sends what goes to the context, as bare text. Warnings and errors go out by ourselves, with their properties,
// and so not by the context: nothing arrives twice.
function invocationLog(context: InvocationContext): Log {
  const log = contextLog(context);
  if (telemetry === silent) return log;
  return {
    ...log,
    warn: (message, properties) => telemetry.logged('warning', message, properties),
    error: (message, properties) => telemetry.logged('error', message, properties),
  };
}
