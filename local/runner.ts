import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { now } from './events.ts';
import type { LoadedApp } from './functionsCore.ts';
import { type InvocationLog, invoke, toError } from './invoke.ts';
import type { PlannedFunction } from './plan.ts';
import type { HostInvocation, WorkerEvent } from './protocol.ts';
import { writeOutputs } from './queueOutput.ts';

/** Runs the functions of one worker process. */
export interface Runner {
  /** Runs a function and writes its outputs. Resolves with what failed it, or with undefined; never rejects. */
  run(planned: PlannedFunction, invocation: Omit<HostInvocation, 'functionName'>): Promise<Error | undefined>;
  /** Fails what runs and whatever is still started: the process is about to end. */
  failAll(reason: string): void;
  /** Resolves when nothing runs. */
  idle(): Promise<void>;
}

/** What a runner needs: the app, the encoding of queue messages, where events go, and who hears of written queues. */
export interface RunnerOptions {
  readonly app: LoadedApp;
  readonly encoding: 'base64' | 'none';
  emit(event: WorkerEvent): void;
  written(queueName: string): void;
}

/** Makes the runner of this process. Outputs are written only after the handler succeeded, as the host does. */
export function createRunner({ app, encoding, emit, written }: RunnerOptions): Runner {
  const running = new Map<Promise<unknown>, (error: Error) => void>();
  let failure: Error | undefined;

  async function runOne(
    planned: PlannedFunction,
    { reason, input, triggerMetadata }: Omit<HostInvocation, 'functionName'>,
    failed: Promise<never>,
  ): Promise<Error | undefined> {
    const invocation = { functionName: planned.loaded.name, invocationId: randomUUID() };
    const from = performance.now();
    let ended = false;
    const log: InvocationLog = (level, category, message) => {
      // The host drops what an app logs after its invocation.
      if (category === 'user' && ended) return;
      const source = category === 'user' ? 'user' : 'host';
      emit({ kind: 'log', time: now(), ...invocation, source, level, message });
    };
    let error: Error | undefined;
    emit({ kind: 'started', time: now(), ...invocation, reason });
    try {
      const data = { invocationId: invocation.invocationId, input, triggerMetadata };
      const values = await Promise.race([invoke(app, planned.loaded, data, log), failed]);
      await writeOutputs(planned, values, encoding, written);
    } catch (thrown) {
      error = toError(thrown);
    }
    ended = true;
    const durationMs = Math.round(performance.now() - from);
    const outcome = error === undefined ? 'Succeeded' : 'Failed';
    const why = error && { error: error.stack ?? error.message };
    emit({ kind: 'ended', time: now(), ...invocation, outcome, durationMs, ...why });
    return error;
  }

  return {
    run: (planned, invocation) => {
      const failed = Promise.withResolvers<never>();
      failed.promise.catch(() => undefined);
      if (failure !== undefined) failed.reject(failure);
      const run = runOne(planned, invocation, failed.promise).finally(() => running.delete(run));
      running.set(run, failed.reject);
      return run;
    },
    failAll: (reason) => {
      failure = new Error(reason);
      for (const fail of running.values()) fail(failure);
    },
    idle: async () => {
      while (running.size > 0) await Promise.all(running.keys());
    },
  };
}
