import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { Azure } from '../../emulator/azure.ts';
import { anApp, anAzure, vmIn } from '../azure.ts';
import { SUBSCRIPTION } from '../builders.ts';

const root = join(import.meta.dirname, '../..');
let azure: Azure;
before(async () => {
  azure = await anAzure({ fleet: [vmIn(SUBSCRIPTION, 'first')] });
});
after(() => azure.close());
beforeEach(() => control('POST', '/reset'));

async function control(method: string, path: string, body?: string) {
  const response = await fetch(azure.controlEndpoint + path, { method, ...(body !== undefined && { body }) });
  const text = await response.text();
  return { status: response.status, text };
}
const vms = () => anApp(azure).clients.compute(SUBSCRIPTION).virtualMachines;
const vmNames = async () =>
  (await control('GET', '/resources?type=Microsoft.Compute/virtualMachines')).text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).name);

describe('the control API', () => {
  it('keeps a journal of calls, and forgets it', async () => {
    await vms().get('rg-app', 'first');

    const calls = JSON.parse((await control('GET', '/journal')).text);
    assert.deepEqual(Object.keys(calls[0]), ['time', 'principal', 'method', 'path', 'status']);
    assert.deepEqual(
      [calls[0].method, calls[0].status, calls[0].principal],
      ['GET', 200, azure.env.AZURE_CLIENT_ID],
    );
    assert.match(calls[0].path, /\/virtualMachines\/first$/);
    assert.match(calls[0].time, /^\d{4}-.*Z$/);
    await control('DELETE', '/journal');
    assert.equal((await control('GET', '/journal')).text, '[]');
  });

  it('seeds resources line by line, or none of them when a line is bad', async () => {
    const good = JSON.stringify(vmIn(SUBSCRIPTION, 'second'));

    const refused = await control('POST', '/resources', `${good}\n{"id": 5}\n`);
    assert.equal(refused.status, 400);
    assert.match(refused.text, /line 2: no id/);
    assert.deepEqual(await vmNames(), ['first']);

    assert.equal((await control('POST', '/resources', `${good}\n\n`)).status, 200);
    assert.deepEqual(await vmNames(), ['first', 'second']);
  });

  it('scripts faults: the next calls that match, and only those', async () => {
    const fault = {
      method: 'GET',
      path: '/FIRST$',
      times: 2,
      status: 409,
      headers: { 'x-a': 'b' },
      body: { error: { code: 'Conflict', message: 'm' } },
    };
    assert.equal((await control('POST', '/faults', JSON.stringify(fault))).status, 200);

    await assert.rejects(vms().get('rg-app', 'first'), { kind: 'conflict' });
    await assert.rejects(vms().get('rg-app', 'first'), { kind: 'conflict' });
    await vms().get('rg-app', 'first');
  });

  it('forgets faults when told to', async () => {
    await control('POST', '/faults', JSON.stringify({ status: 500, times: 99 }));
    await control('DELETE', '/faults');

    await vms().get('rg-app', 'first');
  });

  it('breaks connections before a write is applied, or after', async () => {
    for (const reset of ['before', 'after']) {
      await control('POST', '/reset');
      await control('POST', '/faults', JSON.stringify({ method: 'DELETE', reset, times: 9 }));

      await assert.rejects(
        fetch(`${azure.armEndpoint}${vmIn(SUBSCRIPTION, 'first').id}?api-version=2024-07-01`, {
          method: 'DELETE',
          headers: await authorization(),
        }),
      );

      const gone = azure.store.get(vmIn(SUBSCRIPTION, 'first').id) === undefined;
      assert.equal(gone, reset === 'after');
    }
  });

  it('refuses a fault that says nothing, naming what is wrong', async () => {
    assert.match(
      (await control('POST', '/faults', '{"method":"GET"}')).text,
      /needs latencyMs or one of status, reset/,
    );
    assert.match((await control('POST', '/faults', '{"status":500,"path":"("}')).text, /regular expression/);
    assert.match((await control('POST', '/faults', '{"status":500,"typo":1}')).text, /typo/);
    assert.equal((await control('POST', '/faults', 'x')).status, 400);
  });

  it('resets to the start-up fleet', async () => {
    await control('POST', '/resources', JSON.stringify(vmIn(SUBSCRIPTION, 'second')));
    await control('POST', '/reset');

    assert.deepEqual(await vmNames(), ['first']);
  });

  async function authorization() {
    const url = `${azure.identityEndpoint}?resource=arm&api-version=2019-08-01`;
    const { access_token } = (await (
      await fetch(url, { headers: { 'x-identity-header': azure.identityHeader } })
    ).json()) as { access_token: string };
    return { authorization: `Bearer ${access_token}` };
  }
});

describe('npm run azure', () => {
  const start = (...args: string[]) =>
    spawn(process.execPath, [join(root, 'emulator/main.ts'), ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const exitOf = (child: ReturnType<typeof start>) =>
    new Promise<number | null>((resolve) => child.once('exit', resolve));

  it('prints one line when it is ready, and stops on SIGTERM', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'fleet-')), 'fleet.ndjson');
    writeFileSync(file, `${JSON.stringify(vmIn(SUBSCRIPTION, 'from-file'))}\n`);
    const child = start('--fleet', file);
    const lines: string[] = [];
    createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
    while (lines.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    const ready = JSON.parse(lines[0] ?? '');

    assert.deepEqual(Object.keys(ready), [
      'armEndpoint',
      'identityEndpoint',
      'identityHeader',
      'caFile',
      'controlEndpoint',
      'env',
    ]);
    assert.match(await (await fetch(`${ready.controlEndpoint}/resources`)).text(), /from-file/);
    child.kill('SIGTERM');
    assert.equal(await exitOf(child), 0);
    assert.equal(lines.length, 1);
  });

  it('stops when npm, through which it was started, is told to', {
    skip: process.platform === 'win32',
  }, async () => {
    const npm = spawn('npm', ['run', '-s', 'azure'], { cwd: root, stdio: ['ignore', 'pipe', 'ignore'] });
    const [line] = await once(createInterface({ input: npm.stdout }), 'line');
    npm.kill('SIGTERM');

    const { controlEndpoint } = JSON.parse(line);
    const answers = () =>
      fetch(controlEndpoint).then(
        () => true,
        () => false,
      );
    while (await answers()) await new Promise((resolve) => setTimeout(resolve, 50));
  });

  const wrong: [string, string[], RegExp][] = [
    ['a bad flag', ['--prot', '1'], /--prot.*--help/],
    ['a bad number', ['--speed', 'fast'], /--speed is "fast", expected a number/],
    ['a file that is not there', ['--fleet', 'nope.ndjson'], /there is no file nope\.ndjson/],
  ];
  for (const [name, args, expected] of wrong) {
    it(`${name}: one line, exit code 2`, async () => {
      const child = start(...args);
      const errors: Buffer[] = [];
      child.stderr.on('data', (data) => errors.push(data));

      assert.equal(await exitOf(child), 2);
      assert.match(Buffer.concat(errors).toString(), expected);
    });
  }
});

it('Resource Graph lags behind writes, and behind deletions', async () => {
  const lagging = await anAzure({ graphLagSeconds: 3600, fleet: [vmIn(SUBSCRIPTION, 'old')] });
  try {
    const { clients } = anApp(lagging);
    const names = async () => {
      const { data } = await clients.resourceGraph.resources({
        query:
          "resources | where type =~ 'microsoft.compute/virtualmachines' | project id, name, state = tostring(identity.type)",
      });
      return (data as { name: string; state: string }[]).map(({ name, state }) => `${name} ${state}`).sort();
    };
    await clients
      .compute(SUBSCRIPTION)
      .virtualMachines.createOrUpdate('rg-app', 'new', { location: 'eastus' })
      .submitted();
    await clients
      .compute(SUBSCRIPTION)
      .virtualMachines.update('rg-app', 'old', { identity: { type: 'SystemAssigned' } })
      .submitted();

    assert.deepEqual(await names(), ['old ']);
    await clients.compute(SUBSCRIPTION).virtualMachines.delete('rg-app', 'old').submitted();
    assert.deepEqual(await names(), ['old ']);
  } finally {
    await lagging.close();
  }
});
