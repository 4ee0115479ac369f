import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { ComputeManagementClient } from '@azure/arm-compute';
import { ManagedIdentityCredential } from '@azure/identity';
import type { App } from '../../src/app.ts';
import { resolveScopes } from '../../src/azure/scopeResolution.ts';
import { parseVmId } from '../../src/domain/resourceId.ts';
import type { Log, Properties } from '../../src/log.ts';
import { contestHistory } from '../../src/remediation/contests.ts';
import { explainVm } from '../../src/remediation/explainVm.ts';
import { planRollback, rollback } from '../../src/remediation/rollback.ts';
import { shared } from '../../src/remediation/shared.ts';
import { sweep } from '../../src/remediation/sweep.ts';
import { workVm } from '../../src/remediation/workVm.ts';
import { anApp, azureForEachTest, callsTo, VM_PATH, vmIn } from '../azure.ts';
import { otherIdentity, regionalIdentity, SUBSCRIPTION } from '../builders.ts';

const HOUR = 3_600_000;
const RIVAL = '99999999-0000-4000-8000-000000000001';
const goal = regionalIdentity('eastus');
const azure = await azureForEachTest();
let number = 0;
let vm: { id: string };
let name: string;

beforeEach(async () => {
  // Of a name of its own each time, since what happened to it is remembered.
  name = `vm-${number++}`;
  vm = vmIn(SUBSCRIPTION, name);
  const properties = { clientId: RIVAL, principalId: RIVAL };
  await azure.seed([
    vm,
    { id: otherIdentity('terraform'), location: 'eastus', properties },
    {
      id: `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.Authorization/roleAssignments/terraform`,
      properties: {
        principalId: RIVAL,
        roleDefinitionId: '/roleDefinitions/8e3af657-a8ff-443c-a75c-2fe8c4bcb635',
      },
    },
  ]);
});

/** The app, some hours later. */
function later(hours: number, settings: Record<string, string> = {}): App {
  const app = anApp(azure, settings);
  return { ...app, clock: { ...app.clock, now: () => Date.now() + hours * HOUR } };
}

async function rivalRemoves(): Promise<void> {
  const credential = new ManagedIdentityCredential({ clientId: RIVAL });
  const compute = new ComputeManagementClient(credential, SUBSCRIPTION, { endpoint: azure.armEndpoint });
  await compute.virtualMachines.update('rg-app', name, { identity: { type: 'None' } } as never).submitted();
}

async function fight(times: number): Promise<void> {
  for (let round = 0; round < times; round++) {
    assert.deepEqual((await sweep(later(0))).tally.assigned, { 'goal-added': 1 });
    await rivalRemoves();
  }
  azure.journal.clear();
}

describe('a VM that another tool takes the goal identity from', () => {
  it('is assigned again, twice', async () => {
    await fight(2);

    assert.deepEqual((await sweep(later(0))).tally.assigned, { 'goal-added': 1 });
  });

  it('is left alone after the third time, and reported with who and when', async () => {
    await fight(3);

    const { tally, problems } = await sweep(later(0));

    assert.deepEqual(tally.deferred, { contested: 1 });
    assert.equal(callsTo(azure, /PATCH/, VM_PATH), 0);
    assert.deepEqual(
      problems.map(({ subject, reason }) => [subject, reason]),
      [[vm.id, 'contested']],
    );
    assert.match(problems[0]?.detail ?? '', new RegExp(`Taken away 3 times .*by ${RIVAL}`));
  });

  it('is tried again after a pause that grows', async () => {
    await fight(3);

    assert.deepEqual((await sweep(later(3.9))).tally.deferred, { contested: 1 });
    assert.deepEqual((await sweep(later(4.1))).tally.assigned, { 'goal-added': 1 });
    await rivalRemoves();
    assert.deepEqual((await sweep(later(7.9))).tally.deferred, { contested: 1 });
    assert.deepEqual((await sweep(later(8.1))).tally.assigned, { 'goal-added': 1 });
  });

  it('is left alone by events, too, and explained', async () => {
    await fight(3);
    const lines: Properties[] = [];
    const note = (_: string, properties: Properties = {}) => void lines.push(properties);
    const log: Log = { debug: note, info: note, warn: note, error: note };

    await workVm(shared(later(0)), { version: 1, id: vm.id }, log, { lastTry: false });

    const id = parseVmId(vm.id);
    assert.ok(id);
    const { verdict, contest, nextSweep } = await explainVm(later(0), id);
    assert.equal(lines[0]?.reason, 'contested');
    assert.equal(callsTo(azure, /PATCH/, VM_PATH), 0);
    assert.deepEqual([verdict?.reason, contest?.times], ['contested', 3]);
    assert.equal(nextSweep, 'leaves it alone: deferred (contested)');
  });

  it('holds up no other VM', async () => {
    await fight(3);
    const other = vmIn(SUBSCRIPTION, `${name}-other`);
    await azure.seed([other]);

    const { tally } = await sweep(later(0));

    assert.deepEqual([tally.assigned, tally.deferred], [{ 'goal-added': 1 }, { contested: 1 }]);
  });
});

it('removals of our own, as of a rollback, are no contest', async () => {
  for (let round = 0; round < 4; round++) {
    const app = later(0);
    assert.deepEqual((await sweep(app)).tally.assigned, { 'goal-added': 1 });
    await rollback(app, await planRollback(app));
  }

  assert.deepEqual((await sweep(later(0))).tally.assigned, { 'goal-added': 1 });
});

it('the history is asked for only when something is to be written', async () => {
  const first = await sweep(later(0));
  const second = await sweep(later(0));

  assert.ok(first.calls.resourceGraph >= 4, 'scopes, counts, a page of VMs, the history');
  assert.equal(second.calls.resourceGraph, 3, 'scopes, counts, identities that are no more');
  assert.ok(azure.store.get(goal));
});

it('where the history cannot be read, there are no contests, and somebody hears of it', async () => {
  await fight(3);
  const app = later(0);
  const coverage = await resolveScopes(app.clients, app.settings.scopes, []);
  azure.faults.add({
    method: 'POST',
    path: 'ResourceGraph',
    times: 99,
    status: 403,
    headers: {},
    latencyMs: 0,
    body: { error: { code: 'Forbidden', message: 'no' } },
  });
  const heard: string[] = [];
  const id = parseVmId(vm.id);
  assert.ok(id);

  const contests = contestHistory(app, coverage, ({ message }) => heard.push(message));

  assert.equal(await contests.of(id, goal), undefined);
  assert.equal(await contests.of(id, goal), undefined);
  assert.equal(heard.length, 1);
});
