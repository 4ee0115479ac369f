import { setTimeout as delay } from 'node:timers/promises';
import { hostSays, type InvocationStarted, now } from './events.ts';
import type { HostInvocation } from './protocol.ts';
import {
  type FoundFunctions,
  startWorkerProcess,
  type WorkerEnd,
  WorkerLost,
  type WorkerOptions,
  type WorkerProcess,
} from './workerProcess.ts';

const CRASHES_COUNT_FOR_MS = 30 * 60_000;
const CRASHES_FOR_EACH_WORKER = 3;

/** The worker processes, each like one instance of the app. */
export interface Workers {
  readonly found: FoundFunctions;
  /** Resolves with an Error when the host gives up on an app that keeps crashing. Never rejects. */
  readonly gaveUp: Promise<Error>;
  /** Runs invocations side by side in one worker, once one is ready. Settles like WorkerProcess.invoke, for the first that fails. */
  invoke(invocations: readonly HostInvocation[]): Promise<void>;
  /** The process ids of those alive. */
  pids(): number[];
  running(): readonly InvocationStarted[];
  /** Drains them all; see WorkerProcess. */
  stop(graceMs: number): Promise<void>;
}

/**
 * Starts `count` worker processes and keeps them running. One that dies is replaced, unless it ended with exit code 0; a
 * third crash for each worker within 30 minutes is the last, as with the host (functions-runtime, "Values at the
 * edges"). A worker killed by SIGKILL is an instance lost: replaced, and no crash of the app's.
 * Rejects with what the app threw when it cannot be loaded.
 */
export async function startWorkers(count: number, options: WorkerOptions): Promise<Workers> {
  const alive = new Map<number, WorkerProcess>();
  const readyOnes = new Set<WorkerProcess>();
  const gaveUp = Promise.withResolvers<Error>();
  let crashes: number[] = [];
  let stopping = false;
  let turn = 0;

  function start(number: number): Promise<FoundFunctions> {
    const worker = startWorkerProcess(number, options);
    alive.set(number, worker);
    worker.ended.then((end) => {
      readyOnes.delete(worker);
      alive.delete(number);
      options.emit({ kind: 'worker', time: now(), worker: number, pid: worker.pid, state: 'stopped' });
      if (!stopping) replace(worker, end);
    });
    return worker.ready.then((found) => {
      readyOnes.add(worker);
      options.emit({ kind: 'worker', time: now(), worker: number, pid: worker.pid, state: 'ready' });
      return found;
    });
  }

  function replace({ number, pid }: WorkerProcess, { code, signal, recycled }: WorkerEnd): void {
    const what = `Worker ${number} (process ${pid}) ended with ${signal ?? `exit code ${code}`}.`;
    if (code === 0) {
      // The real host publishes no error and starts no other (functions-runtime).
      say(`${what} No other is started, as in Azure: a function must not call process.exit().`);
      if (alive.size === 0) gaveUp.resolve(new Error('No worker process is left.'));
      return;
    }
    if (!recycled && signal !== 'SIGKILL') {
      crashes = [...crashes.filter((at) => at > Date.now() - CRASHES_COUNT_FOR_MS), Date.now()];
      if (crashes.length >= CRASHES_FOR_EACH_WORKER * count) {
        say(what);
        gaveUp.resolve(new Error(`The app crashed ${crashes.length} times within 30 minutes.`));
        return;
      }
    }
    say(`${what} Another is started.`);
    start(number).catch((error: Error) => {
      if (!(error instanceof WorkerLost)) say(error.message);
    });
  }

  function say(message: string): void {
    options.emit(hostSays('error', message, {}));
  }

  async function pick(): Promise<WorkerProcess> {
    const givenUp = gaveUp.promise.then((error) => Promise.reject(error));
    givenUp.catch(() => undefined);
    for (;;) {
      const fit = [...readyOnes].filter((each) => !each.leaving());
      const worker = fit[turn++ % (fit.length || 1)];
      if (worker !== undefined) return worker;
      await Promise.race([delay(50), givenUp]);
    }
  }

  async function stop(graceMs: number): Promise<void> {
    stopping = true;
    await Promise.all([...alive.values()].map((worker) => worker.drain(graceMs)));
  }

  let found: FoundFunctions;
  try {
    const [first] = await Promise.all(Array.from({ length: count }, (_, index) => start(index + 1)));
    found = first as FoundFunctions;
  } catch (error) {
    await stop(0);
    throw error;
  }
  return {
    found,
    gaveUp: gaveUp.promise,
    invoke: async (invocations) => {
      const worker = await pick();
      await Promise.all(invocations.map((invocation) => worker.invoke(invocation)));
    },
    pids: () => [...alive.values()].map(({ pid }) => pid),
    running: () => [...alive.values()].flatMap((worker) => worker.running()),
    stop,
  };
}
