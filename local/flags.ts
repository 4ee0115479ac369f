import { parseArgs } from 'node:util';

/** The text of --help. */
export const HELP = `Runs the Functions app on this machine with real parts: Azurite, worker processes, timers, queues, the Event Grid
webhook. By default against an embedded Azure; nothing leaves this machine then.

  npm run local -- [options]

  --fleet demo|N|FILE   what the embedded Azure has: the demo tenant (default), N VMs, or a file of ARM resources
  --speed X             run its clock X times as fast (default 1)
  --azure               against real Azure instead, with your own sign-in (az login); needs SCOPES
  --workers N           worker processes on the same queues, each like one instance of the app (default 1)
  --sweep-now           fire the timers once at the start
  --once                fire the timers, end when the queues are empty; exit code 1 if anything failed
  --built               run the bundle that package.json names as "main", not the source
  --data DIR            keep queues, blobs and timers in DIR (default: in memory)
  --port N              port of the Event Grid webhook (default: a free one)
  --lease SECONDS       how long a message being worked on is hidden from others (default 600, as in Azure)
  --app DIR             folder of the app: host.json, local.settings.json, src/main.ts (default: this one)
  --json                one JSON line for each thing that happens
  --verbose             also debug lines, and what workers do
  --help

Settings come from the environment, then from local.settings.json. The first Ctrl-C drains: no new work, ten seconds
for what runs. The second leaves at once. docs/local.md says what is as in Azure and what is not.
`;

const options = {
  fleet: { type: 'string' },
  speed: { type: 'string' },
  azure: { type: 'boolean' },
  workers: { type: 'string' },
  'sweep-now': { type: 'boolean' },
  once: { type: 'boolean' },
  built: { type: 'boolean' },
  data: { type: 'string' },
  port: { type: 'string' },
  lease: { type: 'string' },
  app: { type: 'string' },
  json: { type: 'boolean' },
  verbose: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

/** What was asked for on the command line. */
export interface Flags {
  /** Undefined with --azure. */
  readonly embedded: { readonly fleet: string; readonly speed: number } | undefined;
  readonly workers: number;
  readonly sweepNow: boolean;
  readonly once: boolean;
  readonly built: boolean;
  readonly data: string | undefined;
  readonly port: number;
  readonly lease: number;
  readonly app: string | undefined;
  readonly json: boolean;
  readonly verbose: boolean;
  readonly help: boolean;
}

/** Reads the command line. Throws an Error of one line that names the flag and what was expected. */
export function readFlags(args: readonly string[]): Flags {
  const { values } = parse(args);
  const { fleet = 'demo', speed } = values;
  if (values.azure && (values.fleet !== undefined || speed !== undefined)) {
    throw new Error('--fleet and --speed are for the embedded Azure and do not go with --azure. See --help.');
  }
  return {
    embedded: values.azure ? undefined : { fleet, speed: number('speed', speed, 1, 0.001, 100_000) },
    workers: whole('workers', values.workers, 1, 1, 32),
    sweepNow: values['sweep-now'] === true,
    once: values.once === true,
    built: values.built === true,
    data: values.data,
    port: whole('port', values.port, 0, 0, 65_535),
    // Storage takes whole seconds, at most seven days.
    lease: whole('lease', values.lease, 600, 1, 604_800),
    app: values.app,
    json: values.json === true,
    verbose: values.verbose === true,
    help: values.help === true,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options });
  } catch (error) {
    const [first = ''] = (error as Error).message.split(/\.? *\n|\. /);
    throw new Error(`${first.replace(/\.$/, '')}. See --help.`);
  }
}

function number(
  flag: string,
  text: string | undefined,
  otherwise: number,
  least: number,
  most: number,
): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (text.trim() !== '' && value >= least && value <= most) return value;
  throw new Error(`--${flag} is "${text}", expected a number from ${least} to ${most}. See --help.`);
}

function whole(
  flag: string,
  text: string | undefined,
  otherwise: number,
  least: number,
  most: number,
): number {
  const value = number(flag, text, otherwise, least, most);
  if (Number.isInteger(value)) return value;
  throw new Error(`--${flag} is "${text}", expected a whole number from ${least} to ${most}. See --help.`);
}
