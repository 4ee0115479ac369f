import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { compared } from './baselines.ts';
import { coldStart } from './coldStart.ts';
import { efficiency } from './efficiency.ts';
import { emulator } from './emulator.ts';
import { events } from './events.ts';
import { neighbour } from './neighbour.ts';
import { races } from './races.ts';
import { type Flags, markdownOf, type Result, type Scenario, textOf } from './scenario.ts';
import { steady } from './steady.ts';

const scenarios: Readonly<Record<string, Scenario>> = {
  efficiency,
  baselines: compared,
  neighbour,
  steady,
  events,
  coldStart,
  races,
  emulator,
};
const SIZED = ['efficiency', 'steady'];
const QUICK = ['efficiency', 'neighbour', 'steady'];
const resultsFile = join(import.meta.dirname, 'results/latest.json');
const markdownFile = join(import.meta.dirname, 'results/latest.md');

const HELP = `Measures the app against the embedded Azure, beside baselines on the same fleet.

  npm run bench -- [scenario …] [--quick] [--size VMS …]

${Object.entries(scenarios)
  .map(([name, { about }]) => `  ${name.padEnd(12)}${about}`)
  .join('\n')}

  --quick       small fleets, under two minutes; without scenarios: ${QUICK.join(', ')}
  --size VMS    this fleet instead of the usual ones, in efficiency, steady and emulator; may be given more than once
  --show        print what was measured last and measure nothing
  --json        print figures as JSON, not as tables
  --help

Figures go to bench/results/latest.json, and as Markdown tables to latest.md; those of other scenarios, and of other
sizes, stay. docs/performance.md says what they mean.
Exit codes: 0 done, 1 a figure is worse than it may be, 2 could not run.
`;

type Results = Record<string, Result & { readonly at: string; readonly machine: string }>;

try {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      quick: { type: 'boolean' },
      size: { type: 'string', multiple: true },
      races: { type: 'string' },
      seed: { type: 'string' },
      show: { type: 'boolean' },
      json: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) process.stdout.write(HELP);
  else if (values.show) for (const result of Object.values(readResults())) print(result);
  else {
    const flags = {
      sizes: (values.size ?? []).map((text) => countOf('size', text)),
      races: values.races === undefined ? undefined : countOf('races', values.races),
      seed: values.seed === undefined ? undefined : countOf('seed', values.seed),
    };
    await measure(positionals, { ...flags, quick: values.quick === true, json: values.json === true });
  }
} catch (error) {
  process.stderr.write(`bench: ${(error as Error).message} See --help.\n`);
  process.exitCode = 2;
}

function countOf(flag: string, text: string): number {
  if (!/^[1-9]\d{0,7}$/.test(text)) throw new Error(`--${flag} ${text} is no whole number from 1 on.`);
  return Number(text);
}

async function measure(
  asked: readonly string[],
  { quick, json, ...flags }: Flags & { readonly quick: boolean; readonly json: boolean },
): Promise<void> {
  const { sizes } = flags;
  const names = asked.length > 0 ? asked : sizes.length > 0 ? SIZED : quick ? QUICK : Object.keys(scenarios);
  for (const name of names) {
    if (!scenarios[name]) throw new Error(`there is no scenario "${name}".`);
  }
  for (const name of names) {
    const say = (text: string): void => void process.stderr.write(`${name}: ${text}\n`);
    const result = await (scenarios[name] as Scenario).run(quick, say, flags);
    if (json) process.stdout.write(`${JSON.stringify(result.figures, undefined, 2)}\n`);
    else print(result);
    for (const text of result.regressions) say(`REGRESSION: ${text}`);
    if (result.regressions.length > 0) process.exitCode = 1;
    if (!quick) keep([name, ...sizes].join(' '), result);
  }
}

function print({ tables }: Result): void {
  for (const table of tables) process.stdout.write(`${textOf(table)}\n`);
}

function readResults(): Results {
  try {
    return JSON.parse(readFileSync(resultsFile, 'utf8')) as Results;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
}

function keep(name: string, result: Result): void {
  const [cpu] = cpus();
  const machine = `${cpus().length} × ${cpu?.model ?? 'unknown'}, Node ${process.versions.node}`;
  const results = { ...readResults(), [name]: { at: new Date().toISOString(), machine, ...result } };
  mkdirSync(join(resultsFile, '..'), { recursive: true });
  writeFileSync(resultsFile, `${JSON.stringify(results, undefined, 2)}\n`);
  const markdown = Object.entries(results).map(([title, { at, machine: on, tables }]) =>
    [`## ${title}`, `${at}, ${on}`, ...tables.map(markdownOf)].join('\n\n'),
  );
  writeFileSync(markdownFile, `${markdown.join('\n\n')}\n`);
  process.stderr.write(`bench: tables for docs/performance.md are in bench/results/latest.md\n`);
}
