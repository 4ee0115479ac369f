import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { build } from 'esbuild';
import { type LoadedApp, loadApp } from '../../local/functionsCore.ts';
import { invoke } from '../../local/invoke.ts';
import { planFunctions } from '../../local/plan.ts';
import { FIXTURE_MAIN } from './localHost.ts';

const folder = mkdtempSync(join(tmpdir(), 'functions-core-'));
after(() => rmSync(folder, { recursive: true }));

function registrations({ functions }: LoadedApp) {
  return functions.map(({ name, trigger, outputs }) => ({
    name,
    type: trigger.type,
    queue: trigger.queueName,
    outputs: outputs.map((output) => `${output.type} ${output.queueName} ${output.connection}`),
  }));
}

const results = ['queue results AzureWebJobsStorage'];
const expected = [
  { name: 'work', type: 'queueTrigger', queue: 'work', outputs: results },
  { name: 'tick', type: 'timerTrigger', queue: undefined, outputs: results },
  { name: 'event', type: 'eventGridTrigger', queue: undefined, outputs: results },
  { name: 'echo', type: 'queueTrigger', queue: 'echo', outputs: results },
  { name: 'unset', type: 'queueTrigger', queue: '%NO_SUCH_SETTING%', outputs: [] },
];

const fixture = await loadApp(FIXTURE_MAIN);

test('an app of TypeScript source registers its functions with the real library', async () => {
  assert.deepEqual(registrations(fixture), expected);
});

test('a bundle registers the same functions as its source', async () => {
  const outfile = join(folder, 'bundle.mjs');
  await build({
    entryPoints: [FIXTURE_MAIN],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['@azure/functions-core'],
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    },
    logLevel: 'silent',
  });

  assert.deepEqual(registrations(await loadApp(outfile)), expected);
});

test('an app that registers nothing, twice or too late is refused', async () => {
  const library = JSON.stringify(import.meta.resolve('@azure/functions'));
  const appWith = (name: string, body: string) => {
    const file = join(folder, `${name}.mjs`);
    writeFileSync(file, `import { app } from ${library};\n${body}`);
    return loadApp(file);
  };
  const timer = (name: string) => `app.timer('${name}', { schedule: '0 * * * * *', handler: () => app })`;

  await assert.rejects(loadApp(join(folder, 'missing.mjs')), /does not exist/);
  await assert.rejects(appWith('none', ''), /registers no function/);
  await assert.rejects(appWith('twice', `${timer('a')}; ${timer('a')}`), /"a" has already been registered/);
  await assert.rejects(appWith('throws', `${timer('a')}; throw new Error('on purpose')`), /on purpose/);
  const [handed] = (await appWith('late', timer('a'))).functions;
  const late = handed?.handler() as { timer(name: string, options: object): void };
  assert.throws(() => late.timer('b', { schedule: '0 * * * * *' }), /only be registered during app startup/);
});

test('hooks run around the handler and may change what goes in and comes out', async () => {
  const file = join(folder, 'hooks.mjs');
  writeFileSync(
    file,
    `import { app, output } from ${JSON.stringify(import.meta.resolve('@azure/functions'))};
    app.hook.preInvocation((context) => { context.inputs = [context.inputs[0] + 1]; });
    app.hook.postInvocation((context) => { context.result = context.result * 2; });
    const results = output.storageQueue({ queueName: 'results', connection: 'AzureWebJobsStorage' });
    app.storageQueue('hooked', { queueName: 'q', connection: 'AzureWebJobsStorage', return: results, handler: (n) => n * 10 });`,
  );
  const app = await loadApp(file);
  const [hooked] = app.functions;
  assert.ok(hooked);

  const input = { invocationId: 'i', input: { string: '4' }, triggerMetadata: {} };
  const outputs = await invoke(app, hooked, input, () => undefined);

  assert.deepEqual([...outputs], [['$return', { int: 100 }]]);
});

test('a function with a wrong or missing setting is in error and the others are ready', () => {
  const settings = {
    AzureWebJobsStorage: 'UseDevelopmentStorage=true',
    'AzureWebJobs.echo.Disabled': 'true',
  };

  const { ready, inError } = planFunctions(fixture.functions, { ...settings, TICK_SCHEDULE: 'hourly' });

  assert.deepEqual(
    ready.map(({ loaded }) => loaded.name),
    ['work', 'event'],
  );
  assert.deepEqual(
    inError.map(({ name, problem }) => `${name}: ${problem.slice(0, 19)}`),
    ['tick: The schedule expres', "unset: '%NO_SUCH_SETTING%'"],
  );
  assert.match(
    planFunctions(fixture.functions, {}).inError[0]?.problem ?? '',
    /'AzureWebJobsStorage' is not set/,
  );
});
