import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { whenOrphaned } from '../emulator/whenOrphaned.ts';
import { banner, realAzureNotice } from './banner.ts';
import { type EmbeddedAzure, startEmbeddedAzure, subscribe } from './embeddedAzure.ts';
import { hostSays } from './events.ts';
import { type Flags, HELP, readFlags } from './flags.ts';
import { type LocalHost, startLocalHost } from './host.ts';
import { readLocalSettings } from './localSettings.ts';
import { format } from './print.ts';

const EXIT = { done: 0, failed: 1, cannotStart: 2, left: 130 } as const;

let flags: Flags | undefined;
let host: LocalHost | undefined;
let azure: EmbeddedAzure | undefined;
let stopping = false;
let failures = 0;

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stopOrLeave());
// Nobody reads on: there is nobody to tell, and the children end with this process.
process.stdout.on('error', () => process.exit(EXIT.failed));
if (process.env.npm_lifecycle_event !== undefined) whenOrphaned(() => void stop(EXIT.done));

try {
  flags = readFlags(process.argv.slice(2));
  if (flags.help) process.stdout.write(HELP);
  else await run(flags);
} catch (error) {
  // What breaks because everything is being stopped is no news.
  if (!stopping) process.stderr.write(`local: ${describe(error as NodeJS.ErrnoException)}\n`);
  await stop(EXIT.cannotStart);
}

async function run(asked: Flags): Promise<void> {
  const root = resolve(asked.app ?? join(import.meta.dirname, '..'));
  const mainFile = mainFileOf(root, asked.built);
  const fromFile = readLocalSettings(root);
  if (asked.embedded) azure = await startEmbeddedAzure(asked.embedded.fleet, asked.embedded.speed);
  const settings = settingsFor(fromFile, azure);
  if (azure === undefined) say(realAzureNotice({ ...process.env, ...settings }));

  host = await startLocalHost({
    root,
    mainFile,
    settings,
    workers: asked.workers,
    port: asked.port,
    leaseSeconds: asked.lease,
    ...(asked.data !== undefined && { dataDir: resolve(asked.data) }),
    onEvent: (event) => {
      if (event.kind === 'ended' && event.outcome === 'Failed') failures++;
      const line = format(event, { json: asked.json, verbose: asked.verbose, root });
      if (line !== undefined) process.stdout.write(`${line}\n`);
    },
  });
  const deliveries = await subscribeAll(host, azure);
  process.stdout.write(`${banner(host, azure, deliveries, asked)}\n`);
  void Promise.race([host.failed, ...(azure ? [azure.died] : [])]).then((error) => {
    process.stderr.write(`local: ${error.message} Stopping.\n`);
    return stop(EXIT.failed);
  });

  if (asked.once || asked.sweepNow) await host.fireTimer().catch(() => undefined);
  if (!asked.once) return;
  await host.idle();
  const poisoned = Object.entries(await host.counts()).filter(([name]) => name.endsWith('-poison'));
  const left = poisoned.reduce((sum, [, count]) => sum + count.visible, 0);
  await stop(failures + left + host.inError.length > 0 ? EXIT.failed : EXIT.done);
}

function describe({ code, message }: NodeJS.ErrnoException): string {
  if (code !== 'EADDRINUSE') return message;
  return 'the port is taken. Choose another with --port, or leave it out.';
}

function mainFileOf(root: string, built: boolean): string {
  if (!existsSync(root)) throw new Error(`--app is "${root}", and there is no such folder. See --help.`);
  if (!built) return existing(join(root, 'src/main.ts'), 'It is the main file of the app.');
  const { main = 'dist/main.js' } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return existing(join(root, main), 'Run npm run build first.');
}

function existing(file: string, advice: string): string {
  if (existsSync(file)) return file;
  throw new Error(`${file} does not exist. ${advice}`);
}

// The environment wins over the file, except in where the embedded Azure is.
function settingsFor(
  fromFile: Record<string, string>,
  embedded: EmbeddedAzure | undefined,
): Record<string, string> {
  const defaults = { SWEEP_SCHEDULE: embedded === undefined ? '0 0 * * * *' : '0 */5 * * * *' };
  const settings: Record<string, string> = { ...defaults, ...fromFile, ...embedded?.settings };
  for (const name of Object.keys(settings)) {
    const given = process.env[name];
    if (given && !embedded?.fixed.includes(name)) settings[name] = given;
  }
  return settings;
}

async function subscribeAll(
  { functions, webhookUrl }: LocalHost,
  embedded: EmbeddedAzure | undefined,
): Promise<string[]> {
  const names = functions.filter(({ trigger }) => trigger.kind === 'eventGrid').map(({ name }) => name);
  if (embedded === undefined) {
    return names.length === 0
      ? []
      : ['Events of a real subscription cannot reach this machine; the timer finds new VMs.'];
  }
  return Promise.all(names.map((name) => subscribe(embedded, name, webhookUrl(name))));
}

function stopOrLeave(): void {
  if (stopping || host === undefined) process.exit(EXIT.left);
  say('Stopping: no new work, up to 10 s for what runs. Ctrl-C again leaves at once.');
  void stop(EXIT.done);
}

async function stop(code: number): Promise<void> {
  if (stopping) return;
  stopping = true;
  await host?.stop();
  await azure?.stop();
  process.exit(code);
}

// Words for people: machines get them as a log line.
function say(text: string): void {
  const line = flags?.json ? JSON.stringify(hostSays('information', text, {})) : text;
  process.stdout.write(`${line}\n`);
}
