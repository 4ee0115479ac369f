import { randomUUID } from 'node:crypto';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { loadApp, type NamedBinding } from '../local/functionsCore.ts';

/** What the host must find in the bundle, bindings as it sees them. A healthy host proves nothing: see `checkBuild`. */
export const expectedFunctions = {
  sweep: {
    trigger: { type: 'timerTrigger', schedule: '%SWEEP_SCHEDULE%', runOnStartup: false },
    outputs: [{ type: 'queue', name: '$return', queueName: 'regions', connection: 'AzureWebJobsStorage' }],
  },
  remediateRegion: {
    trigger: { type: 'queueTrigger', queueName: 'regions', connection: 'AzureWebJobsStorage' },
    outputs: [{ type: 'queue', name: '$return', queueName: 'regions', connection: 'AzureWebJobsStorage' }],
  },
  vmWritten: {
    trigger: { type: 'eventGridTrigger' },
    outputs: [
      { type: 'queue', name: '$return', queueName: 'virtual-machines', connection: 'AzureWebJobsStorage' },
    ],
  },
  remediateVm: {
    trigger: { type: 'queueTrigger', queueName: 'virtual-machines', connection: 'AzureWebJobsStorage' },
    outputs: [],
  },
} as const;

/**
 * Loads a bundle as the Functions worker does, from a copy that has nothing beside it, and compares what it registers
 * with `expectedFunctions`. In Azure an app that registers nothing, or something else, looks healthy
 * (functions-runtime, "main"). Returns what is wrong, one line each; empty when all is as expected.
 * For one bundle in a process: modules stay loaded.
 */
export async function checkBuild(folder: string): Promise<string[]> {
  const alone = await mkdtemp(join(tmpdir(), 'build-'));
  process.env.SWEEP_SCHEDULE ??= '0 0 * * * *';
  // So that telemetry is loaded, too: an app that cannot load it goes on without, with a warning. Nothing is sent.
  process.env.APPLICATIONINSIGHTS_CONNECTION_STRING ??= `InstrumentationKey=${randomUUID()};IngestionEndpoint=https://localhost:1/`;
  const warnings: string[] = [];
  console.warn = (text: string) => void warnings.push(text);
  try {
    await cp(folder, join(alone, 'dist'), { recursive: true });
    await cp(join(import.meta.dirname, '../package.json'), join(alone, 'package.json'));
    const { main, type } = JSON.parse(await readFile(join(alone, 'package.json'), 'utf8'));
    if (main !== 'dist/main.js' || type !== 'module') {
      return [`package.json: "main" must be dist/main.js and "type" module, not ${main} and ${type}.`];
    }
    const { functions } = await loadApp(join(alone, main));
    const found = Object.fromEntries(
      functions.map(({ name, trigger, inputs, outputs }) => [
        name,
        {
          trigger: essence(trigger, false),
          outputs: [...inputs, ...outputs].map((one) => essence(one, true)),
        },
      ]),
    );
    return [
      ...differences(found),
      ...warnings,
      ...(process.sourceMapsEnabled ? [] : ['Source maps are not switched on.']),
    ];
  } catch (error) {
    return [(error as Error).message];
  } finally {
    await rm(alone, { recursive: true, force: true });
  }
}

function differences(found: Record<string, unknown>): string[] {
  const names = new Set([...Object.keys(expectedFunctions), ...Object.keys(found)]);
  return [...names].flatMap((name) => {
    const expected: unknown = expectedFunctions[name as keyof typeof expectedFunctions];
    if (expected === undefined) return [`${name}: registered, but not expected.`];
    if (found[name] === undefined) return [`${name}: expected, but not registered.`];
    if (isDeepStrictEqual(found[name], expected)) return [];
    return [`${name}: registered as ${JSON.stringify(found[name])}, expected ${JSON.stringify(expected)}.`];
  });
}

// Names of trigger bindings are the library's own and made up anew each time; `properties` are between it and the host.
function essence({ direction: _, properties: __, name, ...binding }: NamedBinding, named: boolean): unknown {
  return { ...binding, ...(named && { name }) };
}

if (import.meta.main) {
  const problems = await checkBuild(process.argv[2] ?? join(import.meta.dirname, '../dist'));
  for (const problem of problems) process.stderr.write(`The build is wrong. ${problem}\n`);
  if (problems.length === 0) process.stdout.write('The build registers what is expected.\n');
  process.exit(problems.length === 0 ? 0 : 1);
}
