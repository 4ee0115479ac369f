import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { generateFleet } from '../../emulator/fleet/generate.ts';
import type { ArmIdentity } from '../../emulator/state/armResource.ts';
import { resolveScopes } from '../../src/azure/scopeResolution.ts';
import { GOAL_MISSING } from '../../src/azure/verdictsKql.ts';
import { vmIds } from '../../src/azure/vmLists.ts';
import { total } from '../../src/domain/outcome.ts';
import { sweep } from '../../src/remediation/sweep.ts';
import type { VmReport } from '../../src/remediation/vm.ts';
import { anApp, anotherAzure, azureForEachTest, callsTo, VM_PATH, vmIn, WRITE } from '../azure.ts';
import { OTHER_SUBSCRIPTION, SUBSCRIPTION } from '../builders.ts';
import { until } from '../until.ts';

const azure = await azureForEachTest();

async function run(settings: Record<string, string> = {}) {
  const reports: VmReport[] = [];
  const summary = await sweep(anApp(azure, settings), { onVm: (report) => reports.push(report) });
  return { summary, reports, byName: new Map(reports.map((report) => [report.vm.name, report.outcome])) };
}

const identityOf = (id: string): ArmIdentity | undefined => azure.store.get(id)?.resource.identity;
const keysOf = (identity: ArmIdentity | undefined) =>
  Object.keys(identity?.userAssignedIdentities ?? {}).map((key) => key.toLowerCase());

describe('a sweep', () => {
  it('costs 507 writes and at most 1,000 VM reads for 500 VMs in 3 regions of 1 subscription', async () => {
    const locations = ['eastus', 'eastus2', 'westeurope'];
    await azure.seed(
      Array.from({ length: 500 }, (_, n) => vmIn(SUBSCRIPTION, `vm-${n}`, { location: locations[n % 3] })),
    );

    const { summary } = await run();

    assert.equal(total(summary.tally, 'assigned'), 500);
    assert.equal(callsTo(azure, /PATCH/, VM_PATH), 500);
    assert.equal(callsTo(azure, /PUT/, /\/resourcegroups\/[^/]+$/i), 1);
    assert.equal(callsTo(azure, /PUT/, /\/userAssignedIdentities\/[^/]+$/i), 3);
    assert.equal(callsTo(azure, /PUT/, /\/locks\/[^/]+$/i), 3);
    assert.equal(callsTo(azure, WRITE, /./), 507);
    assert.ok(callsTo(azure, /GET/, VM_PATH) <= 1000);
    assert.deepEqual(summary.calls.writes, 507);
  });

  it('writes nothing and reads no VM the second time', async () => {
    await azure.seed(generateFleet({ vms: 600 }));
    await run();
    azure.journal.clear();

    const { summary } = await run();

    assert.equal(callsTo(azure, WRITE, /./), 0);
    assert.equal(callsTo(azure, /GET/, /virtualMachines/i), 0);
    assert.equal(total(summary.tally, 'assigned'), 0);
    const [queries, others] = [/ResourceGraph/, /^(?!.*ResourceGraph)/].map((path) =>
      callsTo(azure, /./, path),
    );
    assert.ok((queries ?? 0) <= 4, 'more than a handful of queries');
    assert.equal(
      others,
      callsTo(azure, /GET/, /^\/subscriptions\/[^/]+\/providers\/Microsoft.Authorization\/locks$/),
    );
    assert.ok((others ?? 0) <= 3, 'more than one list of locks for each subscription');
  });

  it('makes group, identity and lock as the policy does, with tags and a note', async () => {
    await azure.seed([vmIn(SUBSCRIPTION, 'vm', { location: 'westeurope' })]);

    await run({ IDENTITY_TAGS: 'owner=platform' });

    const group = `/subscriptions/${SUBSCRIPTION}/resourceGroups/built-in-identity-rg`;
    const identity = `${group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/built-in-identity-westeurope`;
    const lock = `${identity}/providers/Microsoft.Authorization/locks/CanNotDeleteLock-built-in-identity-westeurope`;
    assert.deepEqual(azure.store.get(group)?.resource.tags, { owner: 'platform' });
    assert.equal(azure.store.get(group)?.resource.location, 'eastus');
    assert.deepEqual(azure.store.get(identity)?.resource.tags, { owner: 'platform' });
    assert.equal(azure.store.get(identity)?.resource.location, 'westeurope');
    assert.equal(azure.store.get(lock)?.resource.properties?.level, 'CanNotDelete');
    assert.match(String(azure.store.get(lock)?.resource.properties?.notes), /vm-identity-remediator/);
  });

  it('adopts what exists untouched, whoever made it and in whatever letter case', async () => {
    const group = `/subscriptions/${SUBSCRIPTION}/resourceGroups/Built-In-Identity-RG`;
    const identity = `${group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/Built-In-Identity-eastus`;
    await azure.seed([
      { id: group, location: 'westus', tags: { made: 'by policy' } },
      { id: identity, location: 'westus', tags: { made: 'by policy' } },
      { id: `${group}/providers/Microsoft.Authorization/locks/whole`, properties: { level: 'ReadOnly' } },
      vmIn(SUBSCRIPTION, 'vm'),
    ]);

    const { byName } = await run({ IDENTITY_TAGS: 'owner=platform' });

    assert.equal(byName.get('vm')?.outcome, 'assigned');
    assert.equal(callsTo(azure, WRITE, /./), 1);
    assert.deepEqual(azure.store.get(identity)?.resource.tags, { made: 'by policy' });
  });

  it('does not take a lock on something below the identity for a lock of the identity', async () => {
    const identity = `/subscriptions/${SUBSCRIPTION}/resourceGroups/built-in-identity-rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/built-in-identity-eastus`;
    const child = `${identity}/federatedIdentityCredentials/ci`;
    await azure.seed([
      { id: identity, location: 'eastus' },
      { id: `${child}/providers/Microsoft.Authorization/locks/child`, properties: { level: 'CanNotDelete' } },
      vmIn(SUBSCRIPTION, 'vm'),
    ]);

    await run();

    assert.equal(callsTo(azure, /PUT/, /\/locks\//i), 1);
  });

  it('makes no lock when LOCK_IDENTITIES is false', async () => {
    await azure.seed([vmIn(SUBSCRIPTION, 'vm')]);

    await run({ LOCK_IDENTITIES: 'false' });

    assert.equal(callsTo(azure, /./, /\/locks/i), 0);
  });

  it('waits for a new identity to be visible with one VM, while the others hold back', async (t) => {
    const slow = await anotherAzure(t, azure, { identityVisibleAfterSeconds: 3, speed: 10 });
    await slow.seed(Array.from({ length: 20 }, (_, n) => vmIn(SUBSCRIPTION, `vm-${n}`)));

    const summary = await sweep(anApp(slow));

    assert.equal(total(summary.tally, 'assigned'), 20);
    assert.ok(callsTo(slow, /PATCH/, VM_PATH) <= 23, 'every VM was refused, not just the first');
  });

  it('AuditIfNotExists reports every VM that lacks its identity and writes nothing', async () => {
    await azure.seed([vmIn(SUBSCRIPTION, 'vm'), vmIn(SUBSCRIPTION, 'vm2')]);

    const { reports } = await run({ EFFECT: 'AuditIfNotExists' });

    assert.deepEqual(
      reports.map(({ outcome }) => outcome.reason),
      ['audit-only', 'audit-only'],
    );
    assert.equal(callsTo(azure, WRITE, /./), 0);
  });

  it('Disabled does not even look', async () => {
    await azure.seed([vmIn(SUBSCRIPTION, 'vm')]);

    const { summary } = await run({ EFFECT: 'Disabled' });

    assert.equal(azure.journal.calls().length, 0);
    assert.deepEqual(summary.problems, []);
  });

  it('stops at MAX_ASSIGNMENTS_PER_SWEEP and says so of the others', async () => {
    await azure.seed(Array.from({ length: 12 }, (_, n) => vmIn(SUBSCRIPTION, `vm-${n}`)));

    const { summary } = await run({ MAX_ASSIGNMENTS_PER_SWEEP: '5' });

    assert.deepEqual(summary.tally.assigned, { 'goal-added': 5 });
    assert.deepEqual(summary.tally.deferred, { 'sweep-limit': 7 });
  });

  it('works on resource groups alone and leaves their neighbours untouched', async () => {
    await azure.seed([vmIn(SUBSCRIPTION, 'inside'), vmIn(SUBSCRIPTION, 'outside', { group: 'rg-other' })]);

    const { byName } = await run({ SCOPES: `/subscriptions/${SUBSCRIPTION}/resourceGroups/RG-APP` });

    assert.deepEqual([...byName.keys()], ['inside']);
    assert.equal(callsTo(azure, /./, /outside/), 0);
  });

  it('finds the VMs of more subscriptions than one request may name', async () => {
    const ids = Array.from(
      { length: 650 },
      (_, n) => `20000000-0000-4000-8000-${String(n).padStart(12, '0')}`,
    );
    await azure.seed(ids.map((id) => vmIn(id, 'vm', { tags: { n: id } })));

    const { summary } = await run({
      EFFECT: 'AuditIfNotExists',
      SCOPES: ids.map((id) => `/subscriptions/${id}`).join(','),
    });

    assert.deepEqual(summary.tally.deferred, { 'audit-only': 650 });
  });
});

describe('one bad thing does not stop the rest:', () => {
  const seedTwo = (...more: unknown[]) =>
    azure.seed([vmIn(SUBSCRIPTION, 'good'), vmIn(OTHER_SUBSCRIPTION, 'bad'), ...more]);

  it('a subscription the remediator may only read', async () => {
    const role = (scope: string, guid: string) => ({
      id: `${scope}/providers/Microsoft.Authorization/roleAssignments/${guid.slice(0, 8)}`,
      properties: {
        principalId: 'c0ffee00-0000-4000-8000-0000000000a1',
        roleDefinitionId: `/roleDefinitions/${guid}`,
      },
    });
    await seedTwo(
      role(`/subscriptions/${SUBSCRIPTION}`, '8e3af657-a8ff-443c-a75c-2fe8c4bcb635'),
      role(`/subscriptions/${OTHER_SUBSCRIPTION}`, 'acdd72a7-3385-48ef-bd42-f606fba81ae7'),
    );

    const { byName, summary } = await run();

    assert.equal(byName.get('good')?.outcome, 'assigned');
    assert.equal(byName.get('bad')?.reason, 'forbidden');
    assert.equal(summary.problems.length, 1);
    assert.match(summary.problems[0]?.detail ?? '', /resourceGroups\/write/);
  });

  it('a VM that was deleted since Resource Graph listed it', async () => {
    await seedTwo();
    azure.faults.add({
      method: 'GET',
      path: '/bad$',
      times: 1,
      status: 404,
      headers: {},
      latencyMs: 0,
      body: { error: { code: 'ResourceNotFound', message: 'gone' } },
    });

    const { byName } = await run();

    assert.deepEqual([byName.get('good')?.outcome, byName.get('bad')?.reason], ['assigned', 'vm-gone']);
  });

  const refusals: [string, number, string, string, string][] = [
    ['a deny assignment', 403, 'DenyAssignmentAuthorizationFailed', 'failed', 'deny-assignment'],
    ['a deny policy', 403, 'RequestDisallowedByPolicy', 'failed', 'deny-policy'],
    ['a disabled subscription', 409, 'ReadOnlyDisabledSubscription', 'failed', 'subscription-disabled'],
    ['a lock', 409, 'ScopeLocked', 'failed', 'read-only-lock'],
  ];
  for (const [name, status, code, outcome, reason] of refusals) {
    it(`${name}, refused by PATCH: ${outcome} ${reason}`, async () => {
      await seedTwo();
      azure.faults.add({
        method: 'PATCH',
        path: '/bad$',
        times: 1,
        status,
        headers: {},
        latencyMs: 0,
        body: { error: { code, message: 'no' } },
      });

      const { byName } = await run();

      assert.deepEqual(
        [byName.get('good')?.outcome, byName.get('bad')?.outcome, byName.get('bad')?.reason],
        ['assigned', outcome, reason],
      );
    });
  }

  it('a subscription that is disabled', async () => {
    await azure.seed([
      { id: `/subscriptions/${OTHER_SUBSCRIPTION}`, properties: { state: 'Disabled' } },
      vmIn(OTHER_SUBSCRIPTION, 'bad'),
      vmIn(SUBSCRIPTION, 'good'),
    ]);

    const { byName } = await run();

    assert.deepEqual(
      [byName.get('good')?.outcome, byName.get('bad')?.reason],
      ['assigned', 'subscription-disabled'],
    );
  });

  it('a VM being deleted while it is written', async () => {
    await seedTwo();
    azure.faults.add({
      method: 'PATCH',
      path: '/bad$',
      times: 1,
      status: 409,
      headers: {},
      latencyMs: 0,
      body: { error: { code: 'OperationNotAllowed', message: "VM 'bad' is marked for deletion." } },
    });

    const { byName } = await run();

    assert.equal(byName.get('bad')?.reason, 'vm-deleting');
  });

  it('a missing identity of your own: one problem for the subscription, no VM read', async () => {
    await azure.seed([
      vmIn(SUBSCRIPTION, 'a'),
      vmIn(SUBSCRIPTION, 'b'),
      vmIn(SUBSCRIPTION, 'c', { location: 'westus' }),
    ]);

    const { byName, summary } = await run({
      BRING_YOUR_OWN_USER_ASSIGNED_MANAGED_IDENTITY: 'true',
      USER_ASSIGNED_IDENTITY_NAME: 'own',
      IDENTITY_RESOURCE_GROUP: 'rg',
    });

    assert.deepEqual(
      new Set([...byName.values()].map(({ reason }) => reason)),
      new Set(['identity-missing']),
    );
    assert.equal(summary.problems.length, 1);
    assert.equal(summary.problems[0]?.vms, 3);
    assert.equal(callsTo(azure, /./, VM_PATH), 0);
    assert.equal(callsTo(azure, WRITE, /./), 0);
  });

  it('a lock that may not be made: VMs are assigned, and the identity is reported', async () => {
    await azure.seed([vmIn(SUBSCRIPTION, 'vm')]);
    azure.faults.add({
      method: 'PUT',
      path: '/locks/',
      times: 9,
      status: 403,
      headers: {},
      latencyMs: 0,
      body: { error: { code: 'AuthorizationFailed', message: 'no' } },
    });

    const { byName, summary } = await run();

    assert.equal(byName.get('vm')?.outcome, 'assigned');
    assert.deepEqual(
      summary.problems.map(({ reason }) => reason),
      ['identity-unlocked'],
    );
    assert.match(summary.problems[0]?.next ?? '', /^Grant Microsoft.Authorization\/locks\/write /);
  });

  it('a lock that cannot be made for now: nobody is told to grant what is granted', async () => {
    await azure.seed([vmIn(SUBSCRIPTION, 'vm')]);
    azure.faults.add({ method: 'PUT', path: '/locks/', times: 99, status: 503, headers: {}, latencyMs: 0 });

    const { byName, summary } = await run();

    assert.equal(byName.get('vm')?.outcome, 'assigned');
    assert.deepEqual(
      summary.problems.map(({ reason, next }) => [reason, next]),
      [['identity-unlocked', 'The next sweep tries again. Or set LOCK_IDENTITIES=false.']],
    );
  });

  it('one scope of two that does not exist', async () => {
    await azure.seed([vmIn(SUBSCRIPTION, 'vm')]);

    const { byName, summary } = await run({
      SCOPES: `/subscriptions/${SUBSCRIPTION},/subscriptions/${OTHER_SUBSCRIPTION}`,
    });

    assert.equal(byName.get('vm')?.outcome, 'assigned');
    assert.deepEqual(
      summary.problems.map(({ subject, reason }) => [subject, reason]),
      [[`/subscriptions/${OTHER_SUBSCRIPTION}`, 'scope-unreadable']],
    );
  });
});

describe('other writers of the same VM', () => {
  const id = vmIn(SUBSCRIPTION, 'vm').id;
  const rival = `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/rival`;

  it('a system identity switched on between our read and our write survives', async () => {
    await azure.seed([vmIn(SUBSCRIPTION, 'vm')]);
    // Our PATCH waits; meanwhile somebody writes the VM.
    azure.faults.add({
      method: 'PATCH',
      path: '/vm$',
      times: 1,
      status: undefined,
      headers: {},
      latencyMs: 300,
    });
    const running = run();
    await until('the VM was read', () => callsTo(azure, /GET/, VM_PATH) >= 1);
    const { resource } = azure.store.get(id) ?? assert.fail();
    azure.store.put({ ...resource, identity: { type: 'SystemAssigned', principalId: 'p', tenantId: 't' } });

    const { byName, reports } = await running;

    assert.equal(byName.get('vm')?.outcome, 'assigned');
    assert.equal(reports[0]?.attempts, 2);
    assert.equal(identityOf(id)?.type, 'SystemAssigned, UserAssigned');
    assert.equal(identityOf(id)?.principalId, 'p');
  });

  it('an identity added between our read and our write survives', async () => {
    await azure.seed([
      vmIn(SUBSCRIPTION, 'vm', { identity: { type: 'SystemAssigned' } }),
      { id: rival, location: 'eastus' },
    ]);
    azure.faults.add({
      method: 'PATCH',
      path: '/vm$',
      times: 1,
      status: undefined,
      headers: {},
      latencyMs: 300,
    });
    const running = run();
    await until('the VM was read', () => callsTo(azure, /GET/, VM_PATH) >= 1);
    const { resource } = azure.store.get(id) ?? assert.fail();
    azure.store.put({
      ...resource,
      identity: { type: 'SystemAssigned, UserAssigned', userAssignedIdentities: { [rival]: {} } },
    });

    await running;

    assert.ok(keysOf(identityOf(id)).includes(rival.toLowerCase()));
    assert.equal(keysOf(identityOf(id)).length, 2);
  });

  it('a connection that breaks after the write was applied writes once', async () => {
    await azure.seed([vmIn(SUBSCRIPTION, 'vm')]);
    azure.faults.add({ method: 'PATCH', path: '/vm$', times: 1, headers: {}, latencyMs: 0, reset: 'after' });

    const { byName } = await run();

    assert.match(byName.get('vm')?.outcome ?? '', /assigned|compliant/);
    assert.equal(
      azure.journal.calls().filter(({ method, status }) => method === 'PATCH' && status === 200).length,
      1,
    );
  });

  it('a VM that is changed each time ends with an honest outcome, bounded', async () => {
    await azure.seed([vmIn(SUBSCRIPTION, 'vm')]);
    azure.faults.add({
      method: 'PATCH',
      path: '/vm$',
      times: 99,
      status: 412,
      headers: {},
      latencyMs: 0,
      body: { error: { code: 'PreconditionFailed', message: 'moved' } },
    });

    const { byName } = await run();

    assert.equal(byName.get('vm')?.reason, 'conflict');
    assert.ok(callsTo(azure, /PATCH/, VM_PATH) <= 6);
  });
});

describe('a subscription of several pages', () => {
  it('is swept whole, though VMs that were written leave the answer while it is paged through', async () => {
    await azure.seed(Array.from({ length: 2500 }, (_, n) => vmIn(SUBSCRIPTION, `vm-${n}`)));

    const { summary, reports } = await run();

    assert.equal(total(summary.tally, 'assigned'), 2500);
    assert.equal(new Set(reports.map(({ vm }) => vm.id)).size, reports.length);
  });

  it('is listed from either end, so that VMs that fail each time do not stand before the others always', async () => {
    await azure.seed(Array.from({ length: 1500 }, (_, n) => vmIn(SUBSCRIPTION, `vm-${1000 + n}`)));
    const { clients, settings } = anApp(azure);
    const coverage = await resolveScopes(clients, settings.scopes, []);
    const wanted = { verdicts: [GOAL_MISSING] };
    const listed = async (random: number) => {
      const pages = vmIds(clients, coverage, settings, wanted, [SUBSCRIPTION], 0, () => random);
      const found = (await Array.fromAsync(pages)).flat().map(({ vm }) => vm.name);
      return [found[0], found.at(-1), new Set(found).size];
    };

    assert.deepEqual(await listed(0.49), ['vm-1000', 'vm-2499', 1500]);
    assert.deepEqual(await listed(0.5), ['vm-2499', 'vm-1000', 1500]);
  });
});
