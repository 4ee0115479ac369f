import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deltaModel, policyModel, thisApp } from '../../bench/races/contenders.ts';
import { race } from '../../bench/races/run.ts';
import { wrongIn } from '../../bench/races.ts';
import type { App } from '../../src/app.ts';
import { FRESH_MS } from '../../src/azure/freshReadings.ts';
import { sweep } from '../../src/remediation/sweep.ts';
import type { VmReport } from '../../src/remediation/vm.ts';
import { anApp, azureForEachTest, callsTo, vmIn } from '../azure.ts';
import { otherIdentity, regionalIdentity, SUBSCRIPTION } from '../builders.ts';

const azure = await azureForEachTest();
const RACES = 200;
const seed = Number(process.env.RACES_SEED ?? 1 + Math.floor(Math.random() * 1_000_000));

describe('races with rival writers', () => {
  it('loses nothing of others, however they write meanwhile, and every VM has its goal identity in the end', async (t) => {
    t.diagnostic(`seed ${seed}; RACES_SEED=${seed} repeats its schedule`);

    const run = await race(thisApp, seed, { races: RACES });

    assert.deepEqual(wrongIn(run), []);
    assert.ok(run.count.races >= RACES, `${run.count.races} races`);
    assert.ok(run.count.refused > 0, 'no write met a changed VM');
  });

  it('would be seen to lose: models of other call orders do, on the same schedule', async (t) => {
    t.diagnostic(`seed ${seed}`);

    const policy = await race(policyModel, seed, { vms: 1 });
    const delta = await race(deltaModel, seed, { vms: 1 });

    assert.ok(policy.count.lostUserAssigned > 0 && policy.count.lostSystem > 0, JSON.stringify(policy.count));
    assert.ok(delta.count.lostSystem > 0, JSON.stringify(delta.count));
    assert.equal(delta.count.lostUserAssigned, 0);
  });
});

describe('a VM deleted and made again between reading and writing, with the same ETag', () => {
  const vm = vmIn(SUBSCRIPTION, 'vm');
  const madeAgain = { ...vm, properties: { vmId: 'f00dfeed-0000-4000-8000-000000000001' } };

  /** Sweeps; the write of the VM waits its turn until `meanwhile` is over. */
  async function sweepWith(app: App, meanwhile: () => Promise<void>): Promise<VmReport[]> {
    const reports: VmReport[] = [];
    app.clients.compute(SUBSCRIPTION).pipeline.addPolicy(
      {
        name: 'waiting',
        async sendRequest(request, next) {
          if (request.method === 'PATCH' && callsTo(azure, /PATCH/, /virtualMachines/) === 0)
            await meanwhile();
          return next(request);
        },
      },
      { afterPhase: 'Retry', beforePolicies: ['freshReadings'] },
    );
    await sweep(app, { onVm: (report) => reports.push(report) });
    return reports;
  }

  async function makeAgain(): Promise<void> {
    const entry = azure.store.get(vm.id);
    assert.ok(entry);
    azure.store.remove(entry);
    await azure.seed([{ ...madeAgain, identity: { type: 'SystemAssigned' } }]);
  }

  it('keeps its identities when the write had to wait: the VM is looked at once more', async () => {
    await azure.seed([{ ...vm, identity: usersOf('app', 'backup') }]);
    const app = anApp(azure);

    const reports = await sweepWith(app, async () => {
      await makeAgain();
      await app.clock.sleep(FRESH_MS * 2);
    });

    const { type, userAssignedIdentities } = azure.store.get(vm.id)?.resource.identity ?? { type: '' };
    assert.equal(type, 'SystemAssigned, UserAssigned');
    assert.deepEqual(Object.keys(userAssignedIdentities ?? {}), [regionalIdentity('eastus')]);
    assert.deepEqual(
      reports.map(({ outcome }) => outcome.reason),
      ['goal-added'],
    );
  });

  it('is told of when the write met it all the same', async () => {
    await azure.seed([{ ...vm, identity: usersOf('app', 'backup') }]);

    const reports = await sweepWith(anApp(azure), makeAgain);

    const [{ outcome } = { outcome: undefined }] = reports;
    assert.equal(outcome?.outcome, 'failed');
    assert.match(outcome?.detail ?? '', /deleted and made again .* system-assigned identity off/);
    assert.match(outcome?.next ?? '', new RegExp(vm.id));
  });
});

function usersOf(...names: string[]) {
  const ids = names.map((name) => [otherIdentity(name), {}]);
  return { type: 'UserAssigned', userAssignedIdentities: Object.fromEntries(ids) };
}
