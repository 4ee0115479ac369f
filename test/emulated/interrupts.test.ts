import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { azureForEachTest, callsTo, VM_PATH, vmIn } from '../azure.ts';
import { OTHER_SUBSCRIPTION, otherIdentity, regionalIdentity, SUBSCRIPTION } from '../builders.ts';
import { jsonLines, startCli } from '../cli.ts';
import { until } from '../until.ts';

const azure = await azureForEachTest();

const VMS = 60;
const goal = regionalIdentity('eastus');

beforeEach(() =>
  azure.faults.add({ method: 'PATCH', path: 'virtualMachines', times: 1000, headers: {}, latencyMs: 400 }),
);

const seed = (identity?: object) =>
  azure.seed(
    Array.from({ length: VMS }, (_, n) => vmIn(SUBSCRIPTION, `vm-${n}`, { ...(identity && { identity }) })),
  );
const patched = () =>
  azure.journal.calls().filter(({ method, path }) => method === 'PATCH' && VM_PATH.test(path));
const untilWriting = () => until('a VM was read', () => callsTo(azure, /GET/, VM_PATH) > 0);

describe('Ctrl-C', () => {
  it('lets a sweep finish what it began, and says how many VMs were not looked at', async () => {
    await seed();
    const { child, ended } = startCli(azure, ['sweep', '--json']);
    await untilWriting();

    child.kill('SIGINT');

    const { code, stdout, stderr } = await ended;
    const { summary } = jsonLines(stdout).at(-1);
    assert.equal(code, 1);
    assert.match(stderr, /what was begun is being finished/);
    assert.ok(summary.assigned > 0, 'nothing had been begun');
    assert.equal(summary.assigned, patched().length);
    assert.equal(summary.reasons.deferred.interrupted, VMS - summary.assigned);
    assert.deepEqual(summary.problems, []);
  });

  it('says it to people, too, and the next run does the rest', async () => {
    await seed();
    const first = startCli(azure, ['sweep']);
    await untilWriting();

    first.child.kill('SIGTERM');

    const { code, stdout } = await first.ended;
    const left = Number(/Stopped before its end: (\d+) VMs not looked at/.exec(stdout)?.[1]);
    assert.equal(code, 1);
    assert.equal(left, VMS - patched().length);
    azure.faults.clear();
    assert.equal((await startCli(azure, ['sweep']).ended).code, 0);
    assert.equal(patched().length, VMS);
  });

  it('the second time leaves at once with 130', async () => {
    await seed();
    azure.faults.clear();
    azure.faults.add({
      method: 'PATCH',
      path: 'virtualMachines',
      times: 1000,
      headers: {},
      latencyMs: 20_000,
    });
    const { child, ended } = startCli(azure, ['sweep', '--json']);
    await untilWriting();
    child.kill('SIGINT');
    await new Promise((resolve) => child.stderr?.once('data', resolve));

    child.kill('SIGINT');

    assert.equal((await ended).code, 130);
  });

  it('stops a rollback likewise, and the next run does the rest', async () => {
    await azure.seed([goal, otherIdentity()].map((id) => ({ id, location: 'eastus' })));
    await seed({
      type: 'SystemAssigned, UserAssigned',
      userAssignedIdentities: { [goal]: {}, [otherIdentity()]: {} },
    });
    const first = startCli(azure, ['rollback', '--yes', '--json']);
    await untilWriting();

    first.child.kill('SIGINT');

    const { code, stdout } = await first.ended;
    const { summary } = jsonLines(stdout).at(-1);
    assert.equal(code, 1);
    assert.ok(summary.removed > 0 && summary.removed < VMS);
    assert.equal(summary.reasons.deferred.interrupted, VMS - summary.removed);
    azure.faults.clear();
    const rest = await startCli(azure, ['rollback', '--yes', '--json']).ended;
    assert.equal(rest.code, 0);
    assert.equal(patched().length, VMS);
  });
});

describe('Ctrl-C in the middle of a progress bar gives the terminal back its cursor and line wrap:', () => {
  const terminal = { NODE_OPTIONS: '--import=data:text/javascript,process.stderr.isTTY=true' };
  const switched = { cursor: ['\u001b[?25l', '\u001b[?25h'], wrap: ['\u001b[?7l', '\u001b[?7h'] } as const;
  const slow = (method: 'GET' | 'PATCH', path: string, latencyMs: number) =>
    azure.faults.add({ method, path, times: 1000, headers: {}, latencyMs });
  const saying = ({ child }: ReturnType<typeof startCli>, text: string) => {
    let said = '';
    return new Promise<void>((resolve) => {
      child.stderr?.on('data', (data) => {
        said += data;
        if (said.includes(text)) resolve();
      });
    });
  };
  const assertGivenBack = (stderr: string) => {
    for (const [off, on] of Object.values(switched)) {
      assert.ok(stderr.includes(off), 'there was no bar');
      assert.ok(stderr.lastIndexOf(on) > stderr.lastIndexOf(off), JSON.stringify(stderr.slice(-300)));
    }
  };

  it('the second one, of a sweep', async () => {
    await seed();
    azure.faults.clear();
    slow('PATCH', 'virtualMachines', 10_000);
    const run = startCli(azure, ['sweep'], terminal);
    await untilWriting();
    const stopping = saying(run, 'being finished');
    run.child.kill('SIGINT');
    await stopping;

    run.child.kill('SIGINT');

    const { code, stderr } = await run.ended;
    assert.equal(code, 130);
    assertGivenBack(stderr);
  });

  it('the first one, of doctor', async () => {
    await azure.seed([vmIn(SUBSCRIPTION, 'a'), vmIn(OTHER_SUBSCRIPTION, 'b')]);
    azure.faults.clear();
    slow('GET', `${SUBSCRIPTION}/.*/permissions`, 2_000);
    slow('GET', `${OTHER_SUBSCRIPTION}/.*/permissions`, 10_000);
    const run = startCli(azure, ['doctor'], terminal);
    await saying(run, switched.cursor[0]);

    run.child.kill('SIGINT');

    const { code, stderr } = await run.ended;
    assert.equal(code, 130);
    assertGivenBack(stderr);
  });
});

describe('a reader that has seen enough', () => {
  it('makes a sweep finish what it began, without complaint', async () => {
    await seed();
    const { child, ended } = startCli(azure, ['sweep', '--json']);
    child.stdout?.once('data', () => child.stdout?.destroy());

    const { code, stderr } = await ended;

    assert.equal(code, 1, 'VMs were left');
    assert.doesNotMatch(stderr, /EPIPE|Error/);
    assert.ok(patched().length < VMS);
    assert.ok(patched().every(({ status }) => status === 200));
  });

  it('ends a command that only reads', async () => {
    await seed();
    const { child, ended } = startCli(azure, ['plan', '--json']);
    child.stdout?.destroy();

    const { code, stderr } = await ended;

    assert.equal(code, 0);
    assert.equal(stderr, '');
  });
});
