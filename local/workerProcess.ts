import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import {
  type HostEvent,
  hostSays,
  type InvocationEnded,
  type InvocationStarted,
  type LogLine,
  now,
} from './events.ts';
import type { FromWorker, HostInvocation, ToWorker, WorkerEvent, WorkerStart } from './protocol.ts';

const LAST_WORDS_MS = 3000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** How worker processes are run. */
export interface WorkerOptions {
  readonly start: WorkerStart;
  /** Working directory and environment of the workers. */
  readonly root: string;
  readonly env: NodeJS.ProcessEnv;
  emit(event: HostEvent): void;
}

/** What a worker found in the app. */
export type FoundFunctions = Omit<Extract<FromWorker, { kind: 'ready' }>, 'kind'>;

/** How a worker ended; `recycled` when the host ended it because a function ran too long. */
export interface WorkerEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly recycled: boolean;
}

/** An invocation has no end: its process was killed from outside, as when an instance is lost in Azure. */
export class WorkerLost extends Error {}

/** One worker process. */
export interface WorkerProcess {
  readonly number: number;
  readonly pid: number;
  /** Rejects when the app cannot be loaded. */
  readonly ready: Promise<FoundFunctions>;
  /** Resolves when the process and all it had to say are through. */
  readonly ended: Promise<WorkerEnd>;
  /** Rejects with what failed the function, or with WorkerLost. */
  invoke(invocation: HostInvocation): Promise<void>;
  running(): readonly InvocationStarted[];
  /** True once it is to be replaced: it takes nothing new. */
  leaving(): boolean;
  /** Ends it: no new messages, `graceMs` for what runs. Killed when it does not obey. */
  drain(graceMs: number): Promise<void>;
}

/** Starts one. It ends with this process, whatever happens to either. */
export function startWorkerProcess(number: number, options: WorkerOptions): WorkerProcess {
  const { start, root, env, emit } = options;
  const child = fork(join(import.meta.dirname, 'worker.ts'), [JSON.stringify(start)], {
    cwd: root,
    env,
    execArgv: [],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    // Its own process group: Ctrl-C is for the host, which then drains the workers.
    detached: true,
  });
  const pid = child.pid ?? 0;
  const tell = (message: ToWorker) => void child.send(message, () => undefined);
  const running = new Map<
    string,
    { readonly started: InvocationStarted; readonly from: number; readonly timer: NodeJS.Timeout }
  >();
  const requests = new Map<number, PromiseWithResolvers<void>>();
  const ready = Promise.withResolvers<FoundFunctions>();
  ready.promise.catch(() => undefined);
  let recycled = false;
  let lastRequest = 0;

  child.on('message', (message: FromWorker) => {
    switch (message.kind) {
      case 'ready':
        return ready.resolve(message);
      case 'loadFailed':
        return ready.reject(new Error(`The app cannot be loaded. ${message.message}`));
      case 'invoked': {
        const { error } = message;
        const request = requests.get(message.request);
        requests.delete(message.request);
        return error === undefined ? request?.resolve() : request?.reject(new Error(error));
      }
      case 'event':
        return hear(message.event);
    }
  });
  echo(child.stdout, () => 'information');
  echo(child.stderr, levelOf);
  const ended = untilEnded();

  function hear(event: WorkerEvent): void {
    const told = { ...event, worker: number } as InvocationStarted | InvocationEnded | LogLine;
    if (told.kind === 'started') {
      const limit = Math.min(start.hostJson.functionTimeoutMs, LONGEST_TIMER_MS);
      running.set(told.invocationId, {
        started: told,
        from: Date.parse(event.time),
        timer: setTimeout(() => tooLong(told), limit),
      });
    } else if (told.kind === 'ended') {
      clearTimeout(running.get(told.invocationId)?.timer);
      running.delete(told.invocationId);
    }
    emit({ ...told, time: event.time });
  }

  // The whole worker goes, and with it every invocation in it, as in Azure (functions-runtime).
  function tooLong({ functionName, invocationId }: InvocationStarted): void {
    recycled = true;
    const limit = `${start.hostJson.functionTimeoutMs / 1000} s`;
    const message = `Timeout value of ${limit} exceeded by function '${functionName}' (Id: '${invocationId}').`;
    emit(hostSays('error', `${message} Its worker process is restarted.`, { worker: number, functionName }));
    tell({ kind: 'fail', reason: message });
    setTimeout(() => child.kill('SIGKILL'), LAST_WORDS_MS).unref();
  }

  function echo(stream: Readable | null, level: (line: string) => LogLine['level']): void {
    if (stream === null) return;
    createInterface({ input: stream }).on('line', (line) =>
      emit({
        kind: 'log',
        time: now(),
        worker: number,
        source: 'console',
        level: level(line),
        message: line,
      }),
    );
  }

  async function untilEnded(): Promise<WorkerEnd> {
    const [[code, signal]] = await Promise.all([once(child, 'close'), once(child, 'disconnect')]);
    const error = new WorkerLost(`The worker process ended (${signal ?? `exit code ${code}`}).`);
    for (const { started, from, timer } of running.values()) {
      clearTimeout(timer);
      const { functionName, invocationId } = started;
      const outcome = { outcome: 'Failed', durationMs: Date.now() - from } as const;
      emit({
        kind: 'ended',
        time: now(),
        worker: number,
        functionName,
        invocationId,
        ...outcome,
        error: error.message,
      });
    }
    running.clear();
    for (const request of requests.values()) request.reject(error);
    requests.clear();
    ready.reject(error);
    return { code, signal, recycled };
  }

  return {
    number,
    pid,
    ready: ready.promise,
    ended,
    invoke: (invocation) => {
      const request = ++lastRequest;
      const done = Promise.withResolvers<void>();
      requests.set(request, done);
      tell({ kind: 'invoke', request, ...invocation });
      return done.promise;
    },
    leaving: () => recycled,
    running: () => [...running.values()].map(({ started }) => started),
    drain: async (graceMs) => {
      tell({ kind: 'drain', graceMs });
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs + LAST_WORDS_MS);
      await ended;
      clearTimeout(timer);
    },
  };
}

// Standard error is an error only by its words (functions-runtime, "Logs").
function levelOf(line: string): LogLine['level'] {
  if (/error|fail|severe/i.test(line)) return 'error';
  return /warn/i.test(line) ? 'warning' : 'information';
}
