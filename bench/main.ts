import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { compared } from './baselines.ts';
import { coldStart } from './coldStart.ts';
import { efficiency } from './efficiency.ts';
import { events } from './events.ts';
import { neighbour } from './neighbour.ts';
import { races } from './races.ts';
import { type Flags, type Result, type Scenario, textOf } from './scenario.ts';
import { steady } from './steady.ts';

const scenarios: Readonly<Record<string, Scenario>> = {
  efficiency,
  baselines: compared,
  neighbour,
  steady,
  events,
  coldStart,
  races,
};
const QUICK = ['efficiency', 'neighbour', 'steady'];
const resultsFile = join(import.meta.dirname, 'results/latest.json');

const HELP = `Measures the app against the embedded Azure, beside baselines on the same fleet.

  npm run bench -- [scenario …] [--quick]

${Object.entries(scenarios)
  .map(([name, { about }]) => `  ${name.padEnd(12)}${about}`)
  .join('\n')}

  --quick       small fleets, under two minutes; without scenarios: ${QUICK.join(', ')}
  --show        print what was measured last and measure nothing
  --json        print figures as JSON, not as tables
  --help

Figures go to bench/results/latest.json, those of other scenarios stay. docs/performance.md says what they mean.
Exit codes: 0 done, 1 a figure is worse than it may be, 2 could not run.
`;

type Results = Record<string, Result & { readonly at: string; readonly machine: string }>;

try {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      quick: { type: 'boolean' },
      show: { type: 'boolean' },
      json: { type: 'boolean' },
      help: { type: 'boolean' },
      races: { type: 'string' },
      seed: { type: 'string' },
    },
  });
  if (values.help) process.stdout.write(HELP);
  else if (values.show) for (const result of Object.values(readResults())) print(result);
  else await measure(positionals, values);
} catch (error) {
  process.stderr.write(`bench: ${(error as Error).message} See --help.\n`);
  process.exitCode = 2;
}

async function measure(asked: readonly string[], flags: Flags): Promise<void> {
  const quick = flags.quick === true;
  const names = asked.length > 0 ? asked : quick ? QUICK : Object.keys(scenarios);
  for (const name of names) {
    if (!scenarios[name]) throw new Error(`there is no scenario "${name}".`);
  }
  for (const name of names) {
    const say = (text: string): void => void process.stderr.write(`${name}: ${text}\n`);
    const result = await (scenarios[name] as Scenario).run(quick, say, flags);
    if (flags.json) process.stdout.write(`${JSON.stringify(result.figures, undefined, 2)}\n`);
    else print(result);
    for (const text of result.regressions) say(`REGRESSION: ${text}`);
    if (result.regressions.length > 0) process.exitCode = 1;
    if (!quick) keep(name, result);
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
}
