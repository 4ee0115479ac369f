import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import tls from 'node:tls';
import { startEmbeddedAzure, subscribe } from '../local/embeddedAzure.ts';
import { startLocalHost } from '../local/host.ts';
import { createApp } from '../src/app.ts';
import { resolveScopes } from '../src/azure/scopeResolution.ts';
import { complianceOf } from '../src/cli/compliance.ts';
import { complianceTable, problemsText, tallyText } from '../src/cli/present.ts';
import { startProgress } from '../src/cli/progress.ts';
import { total } from '../src/domain/outcome.ts';
import { planSweep } from '../src/remediation/plan.ts';
import { follow } from './follow.ts';
import { createVmsLive } from './newVms.ts';
import { watchForRival } from './rival.ts';

const SPEED = 20;
const WORKERS = 2;
const root = join(import.meta.dirname, '..');
const say = (text: string): void => void process.stdout.write(`${text}\n`);

let stopping = false;
const undo: (() => Promise<unknown>)[] = [];
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void leave(130));

try {
  await main();
  await leave(0);
} catch (error) {
  if (!stopping) process.stderr.write(`demo: ${(error as Error).message}\n`);
  await leave(2);
}

async function main(): Promise<void> {
  say(`vm-identity-remediator: the demo

  An embedded Azure plays the cloud, with the tenant "Contoso": about 1,200 VMs, 3 subscriptions, 5 regions. Its clock
  runs ${SPEED} times as fast as yours. The Functions app runs in ${WORKERS} worker processes on real Storage queues (Azurite).
  Nothing leaves this machine. Starting …`);
  const azure = await startEmbeddedAzure('demo', SPEED);
  undo.unshift(azure.stop);
  const { settings, controlEndpoint } = azure;
  Object.assign(process.env, settings);
  const authority = readFileSync(settings.NODE_EXTRA_CA_CERTS ?? '', 'utf8');
  tls.setDefaultCACertificates([...tls.getCACertificates('default'), authority]);
  const followed = follow(controlEndpoint, settings.AZURE_CLIENT_ID ?? '');
  const host = await startLocalHost({
    root,
    mainFile: join(root, 'src/main.ts'),
    workers: WORKERS,
    // Nobody waits an hour for a demo; its sweep begins below.
    settings: { ...settings, SWEEP_SCHEDULE: '0 0 0 1 1 *' },
    onEvent: followed.onEvent,
  });
  undo.unshift(() => host.stop(0));
  void Promise.race([host.failed, azure.died]).then(async (error) => {
    process.stderr.write(`\ndemo: ${error.message}\n`);
    await leave(2);
  });
  await subscribe(azure, 'vmWritten', host.webhookUrl('vmWritten'));

  // 1. The timer: everything there is, through the queues.
  const compliance = async () => {
    const app = createApp(settings);
    const coverage = await resolveScopes(app.clients, app.settings.scopes, app.settings.excludedScopes);
    const { counts, regions } = await planSweep(app, coverage);
    const missing = regions.reduce((sum, { total }) => sum + total, 0);
    return { table: complianceTable(complianceOf(counts, coverage.subscriptionNames)), missing };
  };
  const before = await compliance();
  say(`\nBefore\n${before.table}\n
  The timer ticks: sweep ─► queue "regions" ─► remediateRegion\n`);
  const rival = watchForRival(azure);
  const progress = startProgress(process.stderr, before.missing);
  const startedAt = Date.now();
  await host.fireTimer();
  const watching = followed.progress(progress.step);
  await host.idle();
  await watching.end();
  for (let left = total((await followed.summary()).tally, 'failed'); left > 0; left--) progress.step(true);
  progress.stop();
  const durationMs = Date.now() - startedAt;
  const told = await rival.end();
  // Resource Graph stays half a minute behind, in its own time.
  await new Promise((resolve) => setTimeout(resolve, 32_000 / SPEED));
  const { tally, problems, calls } = await followed.summary();
  say(`\nAfter\n${(await compliance()).table}\n
${tallyText({ tally, calls, durationMs })}\n
${problemsText(problems)}\n\n${told}`);

  // 2. Event Grid: what is new, within seconds.
  say(`
  Now new VMs are created, by somebody else. Azure takes a minute or two to make each (a few seconds here), then
  Event Grid ─► vmWritten ─► queue "virtual-machines" ─► remediateVm\n`);
  const { lines, missing } = await createVmsLive({ controlEndpoint, settings, speed: SPEED, say });
  await host.idle();
  say(lines.join('\n'));
  if (missing > 0) throw new Error(`${missing} of the new VMs did not get their identity.`);
  say(`
  Look further:  npm run local                     the same host to play with, its log in full
                 npm run azure -- --fleet demo     an embedded Azure of your own
                 npm run -s cli -- sweep --json    a sweep without queues, for machines
`);
}

async function leave(code: number): Promise<never> {
  if (stopping) {
    // A second Ctrl-C, or what the first one interrupted.
    if (code !== 130) return new Promise(() => undefined);
    process.exit(code);
  }
  stopping = true;
  if (code === 130) process.stderr.write('\nStopping …\n');
  for (const step of undo) await step().catch(() => undefined);
  process.exit(code);
}
