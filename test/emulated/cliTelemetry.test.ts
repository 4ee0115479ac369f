import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import type { Azure } from '../../emulator/azure.ts';
import { anAzure, callsTo, VM_PATH, vmIn, WRITE } from '../azure.ts';
import { SUBSCRIPTION } from '../builders.ts';
import { cliAgainst } from '../cli.ts';

let azure: Azure;
before(async () => {
  azure = await anAzure({ telemetry: 'keyless' });
  await azure.seed([
    vmIn(SUBSCRIPTION, 'vm-a'),
    vmIn(SUBSCRIPTION, 'vm-b', { identity: { type: 'SystemAssigned' } }),
  ]);
});
after(() => azure.close());

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

it('a sweep and a rollback from the command line tell of each VM and each run, as one operation', async () => {
  await cliAgainst(azure, ['sweep', '--json']);
  const swept = sent();
  azure.received.clear();
  await cliAgainst(azure, ['rollback', '--yes', '--json']);
  const rolledBack = sent();

  assert.deepEqual(swept.map(({ name }) => name).sort(), ['SweepBegun', 'VmRemediated', 'VmRemediated']);
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
