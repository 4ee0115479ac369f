import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createIdentity } from '../../src/azure/managedIdentities.ts';
import { patchVmIdentity, readVm } from '../../src/azure/virtualMachines.ts';
import { total } from '../../src/domain/outcome.ts';
import { parseIdentityId } from '../../src/domain/resourceId.ts';
import { sweep } from '../../src/remediation/sweep.ts';
import { anApp, anotherAzure, azureForEachTest, callsTo, VM_PATH, vmIn } from '../azure.ts';
import { aVmId, OTHER_SUBSCRIPTION, SUBSCRIPTION } from '../builders.ts';
import { until } from '../until.ts';

const azure = await azureForEachTest();

// Whoever is not held must have come through by then, however busy the machine.
const HELD_MS = '3000';
// By a faster clock that would be more than the app waits.
const machinesTime = { EMBEDDED_AZURE_CLOCK: '' };
const none = { type: 'SystemAssigned', userAssignedIdentities: {} } as never;
const refusedOnce = (method: 'GET' | 'PATCH' | 'PUT' | 'POST', path: string, more: object) =>
  azure.faults.add({ method, path, times: 1, status: 429, latencyMs: 0, headers: {}, ...more });

/** The VMs whose updates were let in, in that order. */
function updated(): (string | undefined)[] {
  return azure.journal
    .calls()
    .filter(({ method, status }) => method === 'PATCH' && status === 200)
    .map(({ path }) => path.split('/').at(-1));
}

describe('a refusal through the real clients', () => {
  const compute = (target: string) => ({
    code: 'OperationNotAllowed',
    message: 'm',
    details: [{ code: 'TooManyRequests', target, message: '{"operationGroup":"UpdateVM"}' }],
  });

  // The second is what the embedded Azure answers, the first what Azure's page prints.
  const forms: [string, (body: object) => object][] = [
    ['flat', (body) => body],
    ['in `error`', (body) => ({ error: body })],
  ];
  for (const [form, inForm] of forms)
    it(`of Compute, ${form}, holds the updates of that subscription and region, and nothing else`, async () => {
      await azure.seed([
        vmIn(SUBSCRIPTION, 'refused'),
        vmIn(SUBSCRIPTION, 'same-region'),
        vmIn(SUBSCRIPTION, 'other-region', { location: 'westus' }),
        vmIn(OTHER_SUBSCRIPTION, 'other-subscription'),
      ]);
      const { clients } = anApp(azure, machinesTime);
      const update = (name: string, subscription: string, location: string) =>
        patchVmIdentity(clients, aVmId(name, 'rg-app', subscription), location, none, undefined);
      refusedOnce('PATCH', '/refused$', {
        headers: { 'retry-after-ms': HELD_MS },
        body: inForm(compute('UpdateVMSubscriptionMaximum')),
      });

      const refused = update('refused', SUBSCRIPTION, 'eastus');
      await until('the refusal is known', () => clients.throttled.writes === 1);
      const same = update('same-region', SUBSCRIPTION, 'eastus');
      await readVm(clients, aVmId('same-region'));
      await update('other-region', SUBSCRIPTION, 'West US');
      await update('other-subscription', OTHER_SUBSCRIPTION, 'eastus');
      await Promise.all([refused, same]);

      assert.deepEqual(updated(), ['other-region', 'other-subscription', 'refused', 'same-region']);
    });

  it('of the identity service, when an identity is made, holds identities of that region', async () => {
    const make = (name: string, location: string) => {
      const id = parseIdentityId(
        `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${name}`,
      );
      return createIdentity(clients, id ?? assert.fail(), location, {});
    };
    await azure.seed([vmIn(SUBSCRIPTION, 'vm', { group: 'rg' })]);
    const { clients } = anApp(azure, machinesTime);
    refusedOnce('PUT', '/refused$', {
      headers: { 'retry-after-ms': HELD_MS },
      body: {
        error: { code: '429', message: `throttled because subscription ${SUBSCRIPTION} has issued too many` },
      },
    });

    const refused = make('refused', 'eastus');
    await until('the refusal is known', () => clients.throttled.writes === 1);
    const same = make('same-region', 'eastus');
    await make('other-region', 'westus');
    await Promise.all([refused, same]);

    const made = azure.journal.calls().filter(({ method, status }) => method === 'PUT' && status === 201);
    assert.deepEqual(
      made.map(({ path }) => path.split('/').at(-1)),
      ['other-region', 'refused', 'same-region'],
    );
  });

  it('is counted by kind, and what was refused is done all the same', async () => {
    await azure.seed([vmIn(SUBSCRIPTION, 'a'), vmIn(SUBSCRIPTION, 'b')]);
    refusedOnce('POST', 'ResourceGraph', { headers: { 'retry-after-ms': '20' } });
    refusedOnce('GET', '/virtualMachines/a$', { headers: { 'retry-after-ms': '20' } });
    refusedOnce('PATCH', '/virtualMachines/b$', {
      headers: { 'retry-after-ms': '20' },
      body: compute('UpdateVMResource'),
    });
    const app = anApp(azure);

    const { tally } = await sweep(app);

    assert.equal(total(tally, 'assigned'), 2);
    assert.deepEqual(app.clients.throttled, { reads: 1, writes: 1, resourceGraph: 1 });
    assert.equal(callsTo(azure, /PATCH/, VM_PATH), 3);
  });
});

describe('a sped-up embedded Azure', () => {
  it('is worked with at its own speed: pace, waits and the wait before confirming', async (t) => {
    const fast = await anotherAzure(t, azure, { speed: 200, operationScale: 1 });
    await fast.seed(Array.from({ length: 300 }, (_, n) => vmIn(SUBSCRIPTION, `vm-${n}`)));
    const app = anApp(fast, { CONFIRM_AFTER_SECONDS: '12' });

    const { tally, durationMs } = await sweep(app);

    assert.equal(total(tally, 'assigned'), 300);
    // 303 writes with group, identity and lock: 126 at once, the others at 7 a second, then 12 s to confirm the last.
    assert.ok(durationMs > ((303 - 127) / 7 + 12) * 1000, `${durationMs} ms`);
    const patches = fast.journal.calls().filter(({ method }) => method === 'PATCH');
    const tookMs = Date.parse(patches.at(-1)?.time ?? '') - Date.parse(patches[0]?.time ?? '');
    assert.ok(tookMs > ((300 - 127) / 7) * 1000, `${tookMs} ms of the embedded Azure`);
  });
});
