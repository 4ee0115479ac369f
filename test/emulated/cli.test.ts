import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, it } from 'node:test';
import { azureForEachTest, callsTo, lockOn, VM_PATH, vmIn, WRITE } from '../azure.ts';
import { OTHER_SUBSCRIPTION, SUBSCRIPTION } from '../builders.ts';
import { cliAgainst, jsonLines } from '../cli.ts';

const azure = await azureForEachTest();
beforeEach(() => azure.seed([vmIn(SUBSCRIPTION, 'vm-a'), vmIn(SUBSCRIPTION, 'vm-b')]));

const cli = (args: string[], env: Record<string, string | undefined> = {}) => cliAgainst(azure, args, env);

describe('vm-identity sweep', () => {
  it('--json prints one line for each VM and a closing summary, and nothing else on stdout', async () => {
    const { code, stdout } = await cli(['sweep', '--json']);

    const [first, second, last, ...more] = jsonLines(stdout);
    assert.equal(code, 0);
    assert.deepEqual(more, []);
    assert.deepEqual(
      [first, second].map(({ outcome, reason }) => `${outcome} ${reason}`),
      Array(2).fill('assigned goal-added'),
    );
    assert.deepEqual([first.id, second.id].map((id) => id.split('/').at(-1)).sort(), ['vm-a', 'vm-b']);
    assert.equal(last.summary.assigned, 2);
    assert.equal(last.summary.failed, 0);
  });

  it('exits 1 when a VM failed, and names the next step', async () => {
    await azure.seed([lockOn(vmIn(SUBSCRIPTION, 'vm-a'))]);

    const { code, stdout } = await cli(['sweep', '--json']);

    const failed = jsonLines(stdout).find(({ outcome }) => outcome === 'failed');
    assert.equal(code, 1);
    assert.equal(failed.reason, 'read-only-lock');
    assert.match(failed.next, /Remove the lock/);
  });

  it('shows people tables before and after, without a terminal too', async () => {
    const { code, stdout, stderr } = await cli(['sweep']);

    assert.equal(code, 0);
    assert.match(stdout, /Before[\s\S]+ 0\.0%[\s\S]+After[\s\S]+ 100\.0%/);
    assert.match(stdout, /assigned \(goal-added\) +2/);
    assert.match(stderr, /2 of 2 VMs done/);
  });
});

describe('what keeps it from running exits 2 with a line that says what to do:', () => {
  const cases: [string, Record<string, string | undefined>, RegExp][] = [
    ['no SCOPES', { SCOPES: undefined }, /SCOPES is not set/],
    ['a bad setting', { EFFECT: 'Modify' }, /EFFECT is "Modify", expected one of DeployIfNotExists/],
    [
      'a scope that does not exist',
      { SCOPES: `/subscriptions/${OTHER_SUBSCRIPTION}` },
      new RegExp(`${OTHER_SUBSCRIPTION} does not exist.*`),
    ],
    [
      'a management group that does not exist',
      { SCOPES: '/providers/Microsoft.Management/managementGroups/nope' },
      /managementGroups\/nope does not exist/,
    ],
    [
      'an excluded management group that does not exist',
      { EXCLUDED_SCOPES: '/providers/Microsoft.Management/managementGroups/nope' },
      /EXCLUDED_SCOPES has .*nope/,
    ],
    [
      'an endpoint where nobody listens',
      { ARM_ENDPOINT: 'https://127.0.0.1:9' },
      /could not be reached.*ECONNREFUSED[\s\S]*Check ARM_ENDPOINT/,
    ],
    [
      'a client id nobody has',
      { AZURE_CLIENT_ID: '99999999-9999-4999-8999-999999999999' },
      /did not accept our sign-in[\s\S]*Check AZURE_CLIENT_ID/,
    ],
  ];
  for (const [name, env, expected] of cases) {
    it(name, async () => {
      const { code, stdout, stderr } = await cli(['sweep', '--json'], env);

      assert.equal(code, 2);
      assert.match(stderr, expected);
      assert.doesNotMatch(stderr, /^ {4}at /m, 'a stack trace is no message');
      assert.equal(stdout, '');
    });
  }

  it('a token Azure does not accept', async () => {
    azure.faults.add({
      method: '*',
      path: 'ResourceGraph',
      times: 9,
      status: 401,
      headers: {},
      latencyMs: 0,
      body: { error: { code: 'InvalidAuthenticationToken', message: 'no' } },
    });

    const { code, stderr } = await cli(['sweep']);

    assert.equal(code, 2);
    assert.match(stderr, /did not accept our sign-in/);
  });

  it('an unknown command or option', async () => {
    assert.equal((await cli(['sweeep'])).code, 2);
    assert.equal((await cli(['sweep', '--jsno'])).code, 2);
  });
});

describe('vm-identity report', () => {
  const folder = mkdtempSync(join(tmpdir(), 'report-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const file = (name: string) => join(folder, name);

  it('writes one page, says where, and changes nothing', async () => {
    const { code, stdout, stderr } = await cli(['report', '--output', file('out.html')]);

    assert.equal(code, 0);
    assert.equal(stdout, `${file('out.html')}\n`);
    assert.match(
      stderr,
      /0\.0% compliant: 0 of 2 VMs; 2 lack their identity, 0 are excluded\.\n2 VMs listed\./,
    );
    assert.match(readFileSync(file('out.html'), 'utf8'), /^<!doctype html>/);
    assert.equal(callsTo(azure, WRITE, /./), 0);
    assert.equal(callsTo(azure, /GET/, VM_PATH), 0);
  });

  it('writes JSON and CSV, with --all also of VMs that carry their identity', async () => {
    await cli(['sweep', '--json']);

    const json = await cli(['report', '--format', 'json', '--output', '-', '--all']);
    const csv = await cli(['report', '--format', 'csv', '--output', '-', '--all']);
    const without = await cli(['report', '--format', 'csv', '--output', '-']);

    assert.deepEqual([json.code, csv.code, without.code], [0, 0, 0]);
    const { tenant, rows } = JSON.parse(json.stdout);
    assert.equal(tenant.compliant, 2);
    assert.deepEqual(
      rows.map((row: { name: string; reason: string; identities: string[] }) => [
        row.name,
        row.reason,
        row.identities.map((id) => id.split('/').at(-1)),
      ]),
      [
        ['vm-a', 'goal-present', ['built-in-identity-eastus']],
        ['vm-b', 'goal-present', ['built-in-identity-eastus']],
      ],
    );
    const [header, ...vms] = csv.stdout.split('\r\n');
    assert.match(header ?? '', /^\ufeff"State","Reason","VM",/);
    assert.deepEqual(
      vms.map((line) => line.split(',').slice(0, 3).join()),
      ['"compliant","goal-present","vm-a"', '"compliant","goal-present","vm-b"', ''],
    );
    assert.equal(without.stdout, `${header}\r\n`);
  });

  it('exits 1 when something needs a person', async () => {
    const scopes = `${azure.env.SCOPES},/subscriptions/${OTHER_SUBSCRIPTION}`;

    const { code, stderr } = await cli(['report', '--output', file('x.html')], { SCOPES: scopes });

    assert.equal(code, 1);
    assert.match(stderr, /Need a person: 1\./);
  });

  it('exits 2 with a line that says why when the file cannot be written or the format is unknown', async () => {
    const nowhere = await cli(['report', '--output', file('no/such/folder.html')]);
    const format = await cli(['report', '--format', 'pdf']);

    assert.equal(nowhere.code, 2);
    assert.match(nowhere.stderr, /The report cannot be written to .*folder\.html: ENOENT/);
    assert.doesNotMatch(nowhere.stderr, /^ {4}at /m);
    assert.equal(format.code, 2);
    assert.match(format.stderr, /Allowed choices are html, json, csv/);
  });
});

describe('--help is complete and exits 0:', () => {
  const options: Record<string, RegExp[]> = {
    plan: [/--json/, /--limit/],
    sweep: [/--json/],
    explain: [/--json/, /<vm id>/],
    doctor: [/--json/],
    report: [/--format/, /--output/, /--all/],
    rollback: [/--yes/, /--json/, /--limit/, /EFFECT of the app/],
  };

  it('the commands, exit codes and examples', async () => {
    const { code, stdout } = await cli(['--help']);

    assert.equal(code, 0);
    const [, commands = ''] = /Commands:\n([\s\S]*?)\n\n/.exec(stdout) ?? [];
    assert.deepEqual(
      [...commands.matchAll(/^ {2}(\w+)/gm)].map(([, name]) => name).sort(),
      ['help', ...Object.keys(options)].sort(),
    );
    assert.match(stdout, /Exit codes:\n {2}0 [\s\S]*130[\s\S]*Examples:/);
    assert.match(stdout, /npm run -s cli --/);
  });

  for (const [command, expected] of Object.entries(options)) {
    it(command, async () => {
      const { code, stdout } = await cli([command, '--help']);

      assert.equal(code, 0);
      for (const text of [...expected, /Example/, /npm run -s cli --/]) assert.match(stdout, text);
    });
  }
});
