import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import tls from 'node:tls';
import { demoSettings } from '../emulator/fleet/demo.ts';
import { watchForRival } from './rival.ts';

const SPEED = 20;
const root = join(import.meta.dirname, '..');

/** What the embedded Azure prints when it is ready. */
export interface Ready {
  readonly armEndpoint: string;
  readonly identityEndpoint: string;
  readonly identityHeader: string;
  readonly caFile: string;
  readonly controlEndpoint: string;
  readonly env: Readonly<Record<string, string>>;
}

process.stdout.write(`vm-identity-remediator: the demo

  Starting an embedded Azure with the tenant "Contoso": about 1,200 VMs, 3 subscriptions, 5 regions.
  Its clock runs ${SPEED} times as fast as yours. Nothing leaves this machine.

`);

const azure = spawn(process.execPath, ['emulator/main.ts', '--fleet', 'demo', '--speed', String(SPEED)], {
  cwd: root,
  stdio: ['ignore', 'pipe', 'inherit'],
});
const stopAzure = (): void => void azure.kill();
process.once('exit', stopAzure);
// The sweep hears Ctrl-C itself and finishes what it began; then this ends too.
process.on('SIGINT', () => undefined);
process.once('SIGTERM', () => process.exit(143));

const ready = await untilReady();
tls.setDefaultCACertificates([...tls.getCACertificates('default'), readFileSync(ready.caFile, 'utf8')]);
const rival = watchForRival(ready);
const code = await run(['src/cli/main.ts', 'sweep'], {
  ...ready.env,
  ...demoSettings,
  CONFIRM_AFTER_SECONDS: String(Math.ceil(12 / SPEED)),
});
const told = await rival.end();
process.stdout.write(`
${told}

  The exit code of the sweep was ${code}: ${code === 1 ? 'some VMs need a person, as the tenant is made so.' : 'see above.'}
  Look further:  npm run azure -- --fleet demo     an embedded Azure of your own
                 npm run cli -- sweep --json       the same sweep for machines
`);
process.exitCode = code === 0 || code === 1 ? 0 : code;
stopAzure();

function untilReady(): Promise<Ready> {
  return new Promise((resolve, reject) => {
    createInterface({ input: azure.stdout }).once('line', (line) => resolve(JSON.parse(line)));
    azure.once('exit', (exit) => reject(new Error(`the embedded Azure stopped with exit code ${exit}`)));
  });
}

function run(args: string[], env: Record<string, string>): Promise<number> {
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: 'inherit',
  });
  return new Promise((resolve) => {
    child.once('exit', (exit, signal) => resolve(exit ?? (signal === 'SIGINT' ? 130 : 1)));
  });
}
