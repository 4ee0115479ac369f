import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, type TestContext, test } from 'node:test';
import { realAzureNotice } from '../../local/banner.ts';
import { until } from '../until.ts';
import { FIXTURE, isAlive, testQueue } from './localHost.ts';

const MAIN = join(import.meta.dirname, '../../local/main.ts');

/** What JSON lines have, whichever of it one of their kind has. */
interface Line {
  readonly kind: string;
  readonly functionName: string;
  readonly outcome: string;
  readonly message: string;
  readonly workerPids: number[];
  readonly connectionString: string;
}

interface Command {
  readonly child: ChildProcess;
  readonly out: string[];
  readonly errors: string[];
  /** The JSON lines of a kind. */
  json(kind: string): Line[];
  exit(): Promise<number | null>;
}

/** `npm run local` as it is typed, less npm. */
function local(context: TestContext, args: readonly string[], env: Record<string, string> = {}): Command {
  const clean = {
    ...process.env,
    TICK_SCHEDULE: '0 0 0 1 1 *',
    NO_SUCH_SETTING: 'unset',
    SCOPES: '',
    ...env,
  };
  const child = spawn(process.execPath, [MAIN, ...args], { env: clean, stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'close');
  const out: string[] = [];
  const errors: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => out.push(line));
  createInterface({ input: child.stderr }).on('line', (line) => errors.push(line));
  context.after(() => child.kill('SIGKILL'));
  return {
    child,
    out,
    errors,
    json: (kind) => out.map((line): Line => JSON.parse(line)).filter((line) => line.kind === kind),
    exit: async () => (await exited)[0],
  };
}

/** One that is ready, with the fixture app and an embedded Azure without VMs. */
async function ready(context: TestContext, args: readonly string[] = [], env: Record<string, string> = {}) {
  const command = local(context, ['--json', '--app', FIXTURE, '--fleet', '1', ...args], env);
  await until('it is ready', () => command.json('ready').length === 1 || command.errors.length > 0);
  assert.deepEqual(command.errors, []);
  const [banner] = command.json('ready');
  assert.ok(banner);
  return { ...command, banner, work: testQueue(banner.connectionString, 'work') };
}

/** All processes below one, by the parent each has. Linux only. */
function descendants(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const [, parent] = /\) \S (\d+)/.exec(readFileSync(`/proc/${name}/stat`, 'utf8')) ?? [];
      parents.set(Number(name), Number(parent));
    } catch {
      // It has just ended.
    }
  }
  const below = (of: number): number[] =>
    [...parents].filter(([, parent]) => parent === of).flatMap(([child]) => [child, ...below(child)]);
  return below(pid);
}

describe('npm run local', { concurrency: 2 }, () => {
  test('what is wrong is told in one line, with exit code 2', async (t) => {
    const wrong: [args: string[], line: RegExp][] = [
      [['--nope'], /^local: Unknown option '--nope'\. See --help\.$/],
      [['--azure', '--app', FIXTURE], /--azure needs SCOPES/],
      [['--app', FIXTURE, '--fleet', '/no/such/fleet'], /there is no file \/no\/such\/fleet/],
    ];
    for (const [args, line] of wrong) {
      const command = local(t, args);

      assert.equal(await command.exit(), 2, args.join(' '));
      assert.deepEqual(command.out, []);
      assert.equal(command.errors.length, 1, command.errors.join('\n'));
      assert.match(command.errors[0] ?? '', line);
    }
  });

  test('--help names every flag there is', async (t) => {
    const command = local(t, ['--help']);

    assert.equal(await command.exit(), 0);
    const source = readFileSync(join(MAIN, '../flags.ts'), 'utf8');
    const flags = [...source.matchAll(/^ {2}'?([a-z-]+)'?: \{ type:/gm)].map(([, name]) => `--${name}`);
    assert.ok(flags.length > 10);
    assert.deepEqual(
      flags.filter((flag) => !command.out.some((line) => line.trimStart().startsWith(flag))),
      [],
    );
  });

  test('--once ticks, ends when the queues are empty, and tells by its exit code whether all went well', async (t) => {
    const well = local(t, ['--once', '--json', '--app', FIXTURE, '--fleet', '1']);
    const inError = local(t, ['--once', '--app', FIXTURE, '--fleet', '1'], { NO_SUCH_SETTING: '' });

    assert.equal(await well.exit(), 0);
    const ticks = well.json('ended').map(({ functionName, outcome }) => `${functionName} ${outcome}`);
    assert.deepEqual(ticks, ['tick Succeeded']);
    assert.equal(await inError.exit(), 1);
    assert.ok(inError.out.some((line) => /ERROR: The 'unset' function is in error/.test(line)));
    assert.ok(
      inError.out.some((line) => /^ {2}Event Grid webhook +http:\/\/127\.0\.0\.1:\d+\/runtime/.test(line)),
    );
  });

  test('--azure says first whether it will write, and starts no embedded Azure', async (t) => {
    const args = ['--azure', '--once', '--app', FIXTURE];
    const SCOPES = '/subscriptions/00000000-0000-4000-8000-000000000001';

    const writes = local(t, args, { SCOPES });

    assert.equal(await writes.exit(), 0);
    assert.match(writes.out.slice(0, 3).join('\n'), /real Azure.*\n.*000000000001\nIt WRITES/);
    assert.match(realAzureNotice({ SCOPES, EFFECT: 'AuditIfNotExists' }), /It writes nothing/);
    for (const EFFECT of ['', ' DeployIfNotExists ', 'deployifnotexists']) {
      assert.match(realAzureNotice({ SCOPES, EFFECT }), /It WRITES/, JSON.stringify(EFFECT));
    }
    assert.ok(!writes.out.some((line) => line.includes('Control API')));
    assert.ok(writes.out.some((line) => line.includes('cannot reach this machine')));
  });

  test('the first Ctrl-C lets what runs finish and takes no more, then nothing is left', async (t) => {
    const { child, banner, work, json, exit } = await ready(t);
    const children = descendants(child.pid ?? 0);
    await work.send({ name: 'running', do: 'sleep', ms: 1500, put: 'done' });
    await until('it runs', () => json('started').length === 1);

    child.kill('SIGINT');
    await until('it is stopping', () => json('log').some(({ message }) => message.startsWith('Stopping')));
    await work.send({ name: 'too late' });
    const code = await exit();

    assert.equal(code, 0);
    assert.deepEqual(
      json('ended').map(({ outcome }) => outcome),
      ['Succeeded'],
    );
    assert.ok(children.length >= 3 && banner.workerPids.every((pid) => children.includes(pid)));
    assert.deepEqual(children.filter(isAlive), []);
  });

  test('the second Ctrl-C leaves at once, with exit code 130', async (t) => {
    const { child, work, json, exit } = await ready(t);
    const children = descendants(child.pid ?? 0);
    await work.send({ name: 'running', do: 'sleep', ms: 60_000 });
    await until('it runs', () => json('started').length === 1);

    child.kill('SIGINT');
    await until('it is stopping', () => json('log').some(({ message }) => message.startsWith('Stopping')));
    child.kill('SIGINT');

    assert.equal(await exit(), 130);
    assert.deepEqual(json('ended'), []);
    await until('nothing is left', () => !children.some(isAlive));
  });

  test('killed outright, it leaves no process and no file behind', async (t) => {
    const temporary = mkdtempSync(join(tmpdir(), 'local-cli-'));
    t.after(() => rmSync(temporary, { recursive: true }));
    const { child, exit } = await ready(t, ['--workers', '2'], { TMPDIR: temporary });
    const children = descendants(child.pid ?? 0);
    assert.equal(children.length, 4);
    assert.notDeepEqual(readdirSync(temporary), []);

    child.kill('SIGKILL');
    await exit();

    await until('nothing is left', () => !children.some(isAlive));
    assert.deepEqual(readdirSync(temporary), []);
  });

  test('--data keeps queues and timers from run to run', async (t) => {
    const data = mkdtempSync(join(tmpdir(), 'local-data-'));
    t.after(() => rmSync(data, { recursive: true }));
    const first = await ready(t, ['--data', data]);
    await first.work.client.sendMessage(Buffer.from('kept').toString('base64'), { visibilityTimeout: 4 });
    first.child.kill('SIGTERM');
    assert.equal(await first.exit(), 0);
    assert.ok(existsSync(join(data, 'timers.json')));

    const second = await ready(t, ['--data', data]);

    await until('the kept message runs', () =>
      second.json('log').some(({ message }) => /^kept begins/.test(message)),
    );
    second.child.kill('SIGINT');
    assert.equal(await second.exit(), 0);
  });
});
