// One worker process: what one instance of the app is in Azure, host and language worker in one. Started by workers.ts.
import { setTimeout as delay } from 'node:timers/promises';
import { QueueClient, QueueServiceClient } from '@azure/storage-queue';
import { loadApp } from './functionsCore.ts';
import { runAppHooks, toError } from './invoke.ts';
import { type PlannedFunction, planFunctions } from './plan.ts';
import { poisonQueueOf } from './poison.ts';
import type { ToWorker, WorkerStart } from './protocol.ts';
import { type QueueListener, startQueueListener } from './queueListener.ts';
import { createRunner } from './runner.ts';
import { queueMetadata } from './triggerData.ts';
import { exit, say, send } from './workerChannel.ts';

const LAST_WORDS_MS = 2000;

const { mainFile, hostJson, leaseMs } = JSON.parse(process.argv[2] ?? '') as WorkerStart;
const listeners: { readonly queueName: string; readonly listener: QueueListener }[] = [];
let leaving = false;

// The host is gone: whatever happened to it, nothing of it stays behind.
process.once('disconnect', () => process.exit(1));
// The host decides when to stop, not the terminal.
process.on('SIGINT', () => undefined);

const app = await loadApp(mainFile, (level, _category, message) => void say(level, message)).catch(
  async (error) => {
    await send({ kind: 'loadFailed', message: toError(error).stack ?? String(error) });
    return exit(1);
  },
);
const { ready, inError } = planFunctions(app.functions, process.env);
const runner = createRunner({
  app,
  encoding: hostJson.queues.messageEncoding,
  emit: (event) => void send({ kind: 'event', event }),
  written: (queueName) => {
    for (const { listener } of listeners.filter((each) => each.queueName === queueName)) listener.wake();
  },
});
process.on('uncaughtException', (error) => {
  void say('error', `The worker process crashed: ${error.stack ?? error.message}`);
  void leave(1, `The worker process crashed: ${error.message}`);
});
process.on('message', (message: ToWorker) => void obey(message));

await runAppHooks(app, 'appStart', { functionAppDirectory: process.cwd() });
for (const { outputs, trigger } of ready) {
  for (const { connectionString, queueName } of trigger.kind === 'queue'
    ? [trigger.queue, ...outputs]
    : outputs) {
    await new QueueClient(connectionString, queueName).createIfNotExists();
  }
}
await send({
  kind: 'ready',
  functions: ready.map(({ loaded, trigger, outputs }) => ({
    name: loaded.name,
    trigger,
    outputQueues: outputs.map((output) => output.queueName),
  })),
  inError,
});
for (const planned of ready) listen(planned);

function listen(planned: PlannedFunction): void {
  if (planned.trigger.kind !== 'queue') return;
  const { queueName, connectionString } = planned.trigger.queue;
  const service = QueueServiceClient.fromConnectionString(connectionString);
  const listener = startQueueListener({
    queue: service.getQueueClient(queueName),
    poison: poisonQueueOf(service, queueName),
    options: hostJson.queues,
    leaseMs,
    run: async (text, message) => {
      const attempt = message.dequeueCount > 1 ? `, attempt ${message.dequeueCount}` : '';
      const triggerMetadata = queueMetadata(text, message);
      const reason = `message in queue '${queueName}'${attempt}`;
      return (await runner.run(planned, { reason, input: { string: text }, triggerMetadata })) === undefined;
    },
    log: (level, message) => void say(level, message, planned.loaded.name),
  });
  listeners.push({ queueName, listener });
}

async function obey(message: ToWorker): Promise<void> {
  switch (message.kind) {
    case 'invoke': {
      const planned = ready.find(({ loaded }) => loaded.name === message.functionName);
      const error = planned ? await runner.run(planned, message) : new Error('There is no such function.');
      await send({ kind: 'invoked', request: message.request, ...(error && { error: error.message }) });
      return;
    }
    case 'drain':
      return drain(message.graceMs);
    case 'fail':
      return leave(1, message.reason);
  }
}

async function drain(graceMs: number): Promise<void> {
  const finished = Promise.all([...listeners.map(({ listener }) => listener.stop()), runner.idle()]);
  const inTime = await Promise.race([finished.then(() => true), delay(graceMs, false)]);
  if (!inTime) await Promise.all(listeners.map(({ listener }) => listener.letGo()));
  await runAppHooks(app, 'appTerminate');
  await exit(0);
}

// As in Azure when a language worker dies: all its invocations fail, and their messages are shown again or poisoned.
async function leave(code: number, reason: string): Promise<void> {
  if (leaving) return;
  leaving = true;
  runner.failAll(reason);
  const done = Promise.all([runner.idle(), ...listeners.map(({ listener }) => listener.stop())]);
  await Promise.race([done, delay(LAST_WORDS_MS)]);
  await exit(code);
}
