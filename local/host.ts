import { setTimeout as delay } from 'node:timers/promises';
import { startAzurite } from './azurite.ts';
import { type HostEvent, hostSays } from './events.ts';
import { readHostJson } from './hostJson.ts';
import type { ReadyFunction } from './protocol.ts';
import { countMessages, type QueueCount } from './queueCounts.ts';
import type { Timer } from './timer.ts';
import { startTimers } from './timers.ts';
import { webhookServer } from './webhook.ts';
import { startWorkers } from './workers.ts';

/** What a local host runs, and how. */
export interface LocalHostOptions {
  /** The app's folder: host.json is there, and workers run in it. */
  readonly root: string;
  /** The app's main file, source or bundle. */
  readonly mainFile: string;
  /** App settings, beside the environment of this process; `AzureWebJobsStorage` is added. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Worker processes. Default 1. */
  readonly workers?: number;
  /** Port of the webhook. Default a free one. */
  readonly port?: number;
  /** How long a received message stays invisible to others, in seconds, whole. Default 600, as in Azure. */
  readonly leaseSeconds?: number;
  /** Keeps queues, blobs and timers in this folder; without it everything is in memory. */
  readonly dataDir?: string;
  /** Hears what happens. Must not throw. */
  onEvent?(event: HostEvent): void;
}

/** A running local host. */
export interface LocalHost {
  readonly connectionString: string;
  readonly queueEndpoint: string;
  readonly blobEndpoint: string;
  readonly functions: readonly ReadyFunction[];
  /** Functions that cannot run, and why; the others do. */
  readonly inError: readonly { readonly name: string; readonly problem: string }[];
  readonly timers: readonly Pick<Timer, 'functionName' | 'next'>[];
  /** Where Event Grid delivers to a function. */
  webhookUrl(functionName: string): string;
  /** Process ids of the workers alive. */
  workerPids(): number[];
  /** Ticks a timer now, by default every one, beside the schedule. Rejects with what failed the function. */
  fireTimer(functionName?: string): Promise<void>;
  /** The messages of each queue of the app, `…-poison` included. */
  counts(): Promise<Record<string, QueueCount>>;
  /** Resolves when nothing runs and no queue of the app's functions has a message. */
  idle(): Promise<void>;
  /** Resolves with an Error when the host cannot go on; stop it then. Never rejects. */
  readonly failed: Promise<Error>;
  /** Stops: no new work, up to `graceSeconds` (default 10) for what runs, then everything ends. */
  stop(graceSeconds?: number): Promise<void>;
}

/**
 * Starts an app as the Functions host does, with real parts: Azurite, worker processes, timers, the Event Grid webhook.
 * Resolves when all of it is ready. Rejects when host.json is wrong, the port is taken, or the app cannot be loaded;
 * then nothing is left behind.
 */
export async function startLocalHost(options: LocalHostOptions): Promise<LocalHost> {
  const { root, mainFile, settings = {}, dataDir, onEvent = () => undefined } = options;
  const hostJson = readHostJson(root);
  const undo: (() => Promise<unknown>)[] = [];
  try {
    const azurite = await startAzurite(dataDir);
    undo.unshift(azurite.stop);
    let started = 0;
    const workers = await startWorkers(options.workers ?? 1, {
      start: { mainFile, hostJson, leaseMs: (options.leaseSeconds ?? 600) * 1000 },
      root,
      env: { ...process.env, ...settings, AzureWebJobsStorage: azurite.connectionString },
      emit: (event) => {
        if (event.kind === 'started') started++;
        onEvent(event);
      },
    });
    undo.unshift(() => workers.stop(0));
    const { functions, inError } = workers.found;
    const server = webhookServer({
      functionNames: functions.filter(({ trigger }) => trigger.kind === 'eventGrid').map(({ name }) => name),
      invoke: workers.invoke,
      log: (message) => log('information', message),
    });
    undo.unshift(() => server.close());
    const address = await server.listen({ host: '127.0.0.1', port: options.port ?? 0 });
    for (const { name, problem } of inError) log('error', `The '${name}' function is in error: ${problem}.`);
    const timers = startTimers(functions, workers, dataDir);
    let stopped: Promise<void> | undefined;
    const stop = async (graceMs: number): Promise<void> => {
      for (const timer of timers) timer.stop();
      await Promise.all([server.close(), workers.stop(graceMs)]);
      await azurite.stop();
    };
    const counts = (names: readonly string[]) =>
      countMessages(azurite.connectionString, names, (name) => {
        const readers = functions.filter((each) => queueRead(each)[0] === name).map((each) => each.name);
        return workers.running().filter((run) => readers.includes(run.functionName)).length;
      });
    return {
      ...azurite,
      functions,
      inError,
      timers,
      webhookUrl: (name) => `${address}/runtime/webhooks/eventgrid?functionName=${encodeURIComponent(name)}`,
      workerPids: workers.pids,
      fireTimer: async (name) => {
        const wanted = timers.filter((timer) => name === undefined || timer.functionName === name);
        if (wanted.length === 0) throw new Error(`There is no timer ${name ?? ''} in this app.`);
        await Promise.all(wanted.map((timer) => timer.fire()));
      },
      counts: () => counts(allQueues(functions)),
      idle: async () => {
        for (;;) {
          const before = started;
          const quiet = workers.running().length === 0;
          const left = Object.values(await counts(functions.flatMap(queueRead)));
          // A message that moved from queue to queue meanwhile did so in an invocation.
          if (quiet && before === started && left.every((each) => each.visible + each.invisible === 0))
            return;
          await delay(200);
        }
      },
      failed: Promise.race([workers.gaveUp, azurite.died]),
      stop: (graceSeconds = 10) => {
        stopped ??= stop(graceSeconds * 1000);
        return stopped;
      },
    };
  } catch (error) {
    for (const step of undo) await step();
    throw error;
  }

  function log(level: 'information' | 'error', message: string): void {
    onEvent(hostSays(level, message, {}));
  }
}

function queueRead({ trigger }: ReadyFunction): string[] {
  return trigger.kind === 'queue' ? [trigger.queue.queueName] : [];
}

function allQueues(functions: readonly ReadyFunction[]): string[] {
  const read = functions.flatMap(queueRead);
  const written = functions.flatMap((each) => each.outputQueues);
  return [...new Set([...read, ...written, ...read.map((name) => `${name}-poison`)])];
}
