import assert from 'node:assert/strict';
import { after, beforeEach, it } from 'node:test';
import { anAzure, callsTo, VM_PATH, vmIn, WRITE } from '../azure.ts';
import { SUBSCRIPTION } from '../builders.ts';
import { cliAgainst } from '../cli.ts';
import { workbookQuery } from '../infra/workbook.ts';
import { askWorkspace } from '../workspace.ts';

const azure = await anAzure({ telemetry: 'keyless' });
after(() => azure.close());
beforeEach(async () => {
  azure.received.clear();
  azure.journal.clear();
  azure.store.clear();
  await azure.seed([
    vmIn(SUBSCRIPTION, 'vm-a'),
    vmIn(SUBSCRIPTION, 'vm-b', { identity: { type: 'SystemAssigned' } }),
  ]);
});

interface Sent {
  readonly name: string;
  readonly operation: string;
  readonly properties: Readonly<Record<string, string>>;
}
const sent = (): Sent[] =>
  azure.received
    .items()
    .filter(({ data }) => data.baseType === 'EventData')
    .map(({ data, tags }) => ({
      name: String(data.baseData.name),
      operation: String(tags?.['ai.operation.id']),
      properties: data.baseData.properties as Record<string, string>,
    }));
/** What the workbook shows of everything that was sent. */
const shown = (name: string) =>
  askWorkspace(workbookQuery(name), azure.received.items(), new Date(Date.now() + 1000));
const outcomesSent = () =>
  azure.received.items().flatMap(({ data }) =>
    ((data.baseData.metrics ?? []) as { name: string; value: number }[])
      .filter(({ name }) => name === 'outcomes')
      .map(({ value }) => {
        const { outcome, reason } = data.baseData.properties as Record<string, string>;
        return [outcome, reason, value];
      }),
  );

it('a sweep and a rollback from the command line tell of each VM and each run, as one operation', async () => {
  await cliAgainst(azure, ['sweep', '--json']);
  const swept = sent();
  azure.received.clear();
  await cliAgainst(azure, ['rollback', '--yes', '--json']);
  const rolledBack = sent();

  assert.deepEqual(swept.map(({ name }) => name).sort(), [
    ...['RegionWorked', 'SweepBegun'],
    ...['VmRemediated', 'VmRemediated'],
  ]);
  assert.deepEqual(
    rolledBack.map(({ name, properties }) => [name, properties.outcome, properties.trigger]),
    Array(2).fill(['VmRemediated', 'removed', 'cli']),
  );
  for (const run of [swept, rolledBack]) {
    assert.equal(new Set(run.map(({ operation }) => operation)).size, 1);
    assert.match(run[0]?.operation ?? '', /^[0-9a-f]{32}$/);
    assert.equal(new Set(run.map(({ properties }) => properties.sweepId)).size, 1);
  }
  assert.equal(callsTo(azure, WRITE, VM_PATH), 4);
});

it('the workbook shows what a sweep from the command line did, with every call, and no VM that it did not look at', async () => {
  await azure.seed([
    vmIn(SUBSCRIPTION, 'vm-c'),
    {
      id: `${vmIn(SUBSCRIPTION, 'vm-c').id}/providers/Microsoft.Authorization/locks/l`,
      properties: { level: 'ReadOnly' },
    },
    vmIn(SUBSCRIPTION, 'vm-d', { tags: { skip: 'yes' } }),
  ]);

  await cliAgainst(azure, ['sweep', '--json'], { EXCLUSION_TAG: 'skip' });

  const calls = azure.journal.calls().length;
  const [sweep, ...others] = shown('sweeps');
  assert.deepEqual(others, []);
  assert.deepEqual(
    [sweep?.Trigger, sweep?.VMs, sweep?.Lacking, sweep?.Assigned, sweep?.Failed],
    ['cli', 4, 3, 2, 1],
  );
  assert.equal(Number(sweep?.Reads) + Number(sweep?.Writes) + Number(sweep?.Queries), calls);
  assert.equal(
    shown('calls').reduce((sum, { Requests }) => sum + Number(Requests), 0),
    calls,
  );
  assert.deepEqual(outcomesSent().sort(), [
    ['assigned', 'goal-added', 2],
    ['failed', 'read-only-lock', 1],
  ]);
});

it('a rollback tells how the VMs ended that it looked at, and its calls', async () => {
  await cliAgainst(azure, ['sweep', '--json']);
  await azure.seed([vmIn(SUBSCRIPTION, 'vm-c')]);
  azure.received.clear();
  azure.journal.clear();

  await cliAgainst(azure, ['rollback', '--yes', '--json']);

  assert.deepEqual(outcomesSent(), [['removed', 'goal-removed', 2]]);
  const told = shown('calls').map(({ Kind, Requests }) => [Kind, Requests]);
  assert.deepEqual(told.find(([kind]) => kind === 'writes')?.[1], callsTo(azure, WRITE, VM_PATH));
});
