import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deltaModel, policyModel, thisApp } from '../../bench/races/contenders.ts';
import { race } from '../../bench/races/run.ts';
import { wrongIn } from '../../bench/races.ts';
import type { App } from '../../src/app.ts';
import { FRESH_MS } from '../../src/azure/freshReadings.ts';
import { sweep } from '../../src/remediation/sweep.ts';
import type { VmReport } from '../../src/remediation/vm.ts';
import { anApp, azureForEachTest, callsTo, VM_PATH, vmIn } from '../azure.ts';
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

    // However slow the machine is, those who have to be first are.
    const policy = await race(policyModel, seed, { vms: 1 }, 10_000);
    const delta = await race(deltaModel, seed, { vms: 1 }, 10_000);

    assert.ok(policy.count.lostUserAssigned > 0 && policy.count.lostSystem > 0, JSON.stringify(policy.count));
    assert.ok(delta.count.lostSystem > 0, JSON.stringify(delta.count));
    assert.equal(delta.count.lostUserAssigned, 0);
  });
});

/** Azure puts the next write of a VM off, for so many ms of the app's clock. */
function putOffNextWrite(app: App, ms: number): void {
  const headers = { 'retry-after-ms': String(ms / app.clock.speed) };
  azure.faults.add({
    method: 'PATCH',
    path: 'virtualMachines',
    times: 1,
    status: 429,
    headers,
    latencyMs: 0,
  });
}

describe('a VM deleted and made again between reading and writing, with the same ETag', () => {
  const vm = vmIn(SUBSCRIPTION, 'vm');
  const madeAgain = { ...vm, properties: { vmId: 'f00dfeed-0000-4000-8000-000000000001' } };

  /** Sweeps; the VM is made again before its first write arrives, or once that was answered. */
  async function sweepWhileMadeAgain(app: App, when: 'before' | 'after'): Promise<VmReport[]> {
    const reports: VmReport[] = [];
    let done = false;
    const madeAgainOnce = async (now: boolean): Promise<void> => {
      if (!now || done) return;
      done = true;
      await makeAgain();
    };
    app.clients.compute(SUBSCRIPTION).pipeline.addPolicy(
      {
        name: 'rival',
        async sendRequest(request, next) {
          await madeAgainOnce(request.method === 'PATCH' && when === 'before');
          const response = await next(request);
          await madeAgainOnce(request.method === 'PATCH' && when === 'after');
          return response;
        },
      },
      { afterPhase: 'Retry' },
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

  it('keeps its identities when Azure put the write off: the VM is looked at once more', async () => {
    await azure.seed([{ ...vm, identity: usersOf('app', 'backup') }]);
    const app = anApp(azure);
    putOffNextWrite(app, 2 * FRESH_MS);

    const reports = await sweepWhileMadeAgain(app, 'after');

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

    const reports = await sweepWhileMadeAgain(anApp(azure), 'before');

    const [{ outcome } = { outcome: undefined }] = reports;
    assert.equal(outcome?.outcome, 'failed');
    assert.match(outcome?.detail ?? '', /deleted and made again .* system-assigned identity off/);
    assert.match(outcome?.next ?? '', new RegExp(vm.id));
  });
});

describe('a VM that Azure gives no ETag for', () => {
  for (const [wait, ms] of [
    ['shorter', FRESH_MS / 8],
    ['longer', 2 * FRESH_MS],
  ] as const) {
    it(`keeps the system identity it got while Azure put the write off, ${wait} than a reading is fresh`, async () => {
      const vm = vmIn(SUBSCRIPTION, 'vm');
      await azure.seed([vm]);
      const app = anApp(azure);
      putOffNextWrite(app, ms);
      app.clients.compute(SUBSCRIPTION).pipeline.addPolicy(
        {
          name: 'noETagAndRival',
          async sendRequest(request, next) {
            const response = await next(request);
            if (response.status === 429) switchSystemOn(vm.id);
            if (request.method !== 'GET') return response;
            const { etag: _, ...body } = JSON.parse(response.bodyAsText ?? '{}');
            response.headers.delete('etag');
            return { ...response, bodyAsText: JSON.stringify(body) };
          },
        },
        { afterPhase: 'Retry' },
      );

      const { tally } = await sweep(app);

      const { type, principalId } = azure.store.get(vm.id)?.resource.identity ?? {};
      assert.deepEqual([type, principalId], ['SystemAssigned, UserAssigned', 'theirs']);
      assert.deepEqual(tally.assigned, { 'goal-added': 1 });
      assert.equal(callsTo(azure, /PATCH/, VM_PATH), 2);
    });
  }

  function switchSystemOn(id: string): void {
    const { resource } = azure.store.get(id) ?? assert.fail();
    const identity = { type: 'SystemAssigned', principalId: 'theirs', tenantId: 'theirs' };
    azure.store.put({ ...resource, identity });
  }
});

function usersOf(...names: string[]) {
  const ids = names.map((name) => [otherIdentity(name), {}]);
  return { type: 'UserAssigned', userAssignedIdentities: Object.fromEntries(ids) };
}
