import { parseArgs } from 'node:util';
import { startAzure } from './azure.ts';
import { FleetError, readFleet } from './fleet/fleet.ts';
import { whenOrphaned } from './whenOrphaned.ts';

const HELP = `Starts an embedded Azure and prints one JSON line when it is ready.

  npm run azure -- [options]

  --port N                  port of Resource Manager (default: a free one)
  --fleet FILE|demo|N       what there is: a file of ARM resources, one JSON a line; the demo tenant; N VMs
  --speed X                 run the clock X times as fast (default 1)
  --graph-lag SECONDS       how far Resource Graph stays behind writes (default 30)
  --identity-delay SECONDS  how long a new identity cannot be assigned (default 5)
  --operation-scale X       multiply the durations of operations; 0 ends each at once (default 1)
  --no-throttle            count calls, but refuse none
  --telemetry               take telemetry in from who has signed in, and print where to send it
  --seed N                  seed of all chance (default 1)
  --help

Stop it with Ctrl-C or SIGTERM. docs/emulator.md describes its control API.
`;

const options = {
  port: { type: 'string' },
  fleet: { type: 'string' },
  speed: { type: 'string' },
  'graph-lag': { type: 'string' },
  'identity-delay': { type: 'string' },
  'operation-scale': { type: 'string' },
  'no-throttle': { type: 'boolean' },
  telemetry: { type: 'boolean' },
  seed: { type: 'string' },
  help: { type: 'boolean' },
} as const;

try {
  await main();
} catch (error) {
  process.stderr.write(`azure: ${describe(error)}\n`);
  process.exitCode = 2;
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const azure = await startAzure({
    port: number('port', values.port, 0, 65_535) ?? 0,
    ...(values.fleet !== undefined && { fleet: readFleet(values.fleet) }),
    ...defined('speed', number('speed', values.speed, 0.001, 100_000)),
    ...defined('graphLagSeconds', number('graph-lag', values['graph-lag'], 0, 1e9)),
    ...defined('identityVisibleAfterSeconds', number('identity-delay', values['identity-delay'], 0, 1e9)),
    ...defined('operationScale', number('operation-scale', values['operation-scale'], 0, 1e9)),
    throttle: !values['no-throttle'],
    ...(values.telemetry && { telemetry: 'keyless' as const }),
    ...defined('seed', number('seed', values.seed, 0, 2 ** 32)),
  });
  const stop = (): void => {
    void azure.close().then(() => process.exit(0));
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  if (process.env.npm_lifecycle_event !== undefined) whenOrphaned(stop);
  const { armEndpoint, identityEndpoint, identityHeader, caFile, controlEndpoint, env } = azure;
  const ready = { armEndpoint, identityEndpoint, identityHeader, caFile, controlEndpoint, env };
  process.stdout.write(`${JSON.stringify(ready)}\n`);
}

function number(flag: string, text: string | undefined, least: number, most: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() === '' || !(value >= least && value <= most)) {
    throw new Error(`--${flag} is "${text}", expected a number from ${least} to ${most}. See --help.`);
  }
  return value;
}

function defined<K extends string>(key: K, value: number | undefined): { [P in K]?: number } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: number };
}

function describe(error: unknown): string {
  const { message, code } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') return 'the port is taken. Choose another with --port, or leave it out.';
  if (error instanceof FleetError) return message;
  return /See --help/.test(message) ? message : `${message.split('\n')[0]} See --help.`;
}
