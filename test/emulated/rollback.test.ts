import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import type { ArmIdentity } from '../../emulator/state/armResource.ts';
import { total } from '../../src/domain/outcome.ts';
import { vmIdentity } from '../../src/domain/vmIdentity.ts';
import { planRollback, rollback } from '../../src/remediation/rollback.ts';
import { sweep } from '../../src/remediation/sweep.ts';
import type { VmReport } from '../../src/remediation/vm.ts';
import { anApp, azureForEachTest, callsTo, lockOn, VM_PATH, vmIn, WRITE } from '../azure.ts';
import { OTHER_SUBSCRIPTION, otherIdentity, regionalIdentity, SUBSCRIPTION } from '../builders.ts';
import { cliAgainst, jsonLines } from '../cli.ts';

const azure = await azureForEachTest();

// In lower case, as keys are compared below.
const goal = regionalIdentity('eastus').toLowerCase();
const [a, b] = ['a', 'b'].map((name) => otherIdentity(name).toLowerCase()) as [string, string];
const identities = [goal, a, b].map((id) => ({ id, location: 'eastus' }));
const having = (type: string, ...ids: string[]) => ({
  identity: { type, userAssignedIdentities: Object.fromEntries(ids.map((id) => [id, {}])) },
});
const identityOf = (id: string) => vmIdentity(azure.store.get(id)?.resource.identity);
const foldedKeys = (id: string) => identityOf(id).userAssigned.map((key) => key.toLowerCase());

async function run(settings: Record<string, string> = {}) {
  const app = anApp(azure, settings);
  const reports: VmReport[] = [];
  const summary = await rollback(app, await planRollback(app), { onVm: (report) => reports.push(report) });
  return { summary, byName: new Map(reports.map(({ vm, outcome }) => [vm.name, outcome])) };
}

describe('a rollback', () => {
  it('takes the goal identity and nothing else, whatever stays, with the type stepping down', async () => {
    const both = 'SystemAssigned, UserAssigned';
    await azure.seed([
      ...identities,
      vmIn(SUBSCRIPTION, 'only', having('UserAssigned', goal)),
      vmIn(SUBSCRIPTION, 'system', having(both, goal.toUpperCase())),
      vmIn(SUBSCRIPTION, 'others', having('UserAssigned', a, goal, b)),
      vmIn(SUBSCRIPTION, 'all', having(both, a, goal)),
      vmIn(SUBSCRIPTION, 'none'),
    ]);

    const { summary } = await run();

    const after = Object.fromEntries(
      ['only', 'system', 'others', 'all', 'none'].map((name) => {
        const { id } = vmIn(SUBSCRIPTION, name);
        const { type } = azure.store.get(id)?.resource.identity ?? {};
        return [name, [type ?? 'absent', foldedKeys(id)]];
      }),
    );
    assert.deepEqual(after, {
      only: ['absent', []],
      system: ['SystemAssigned', []],
      others: ['UserAssigned', [a, b]],
      all: [both, [a]],
      none: ['absent', []],
    });
    assert.deepEqual(summary.tally.removed, { 'goal-removed': 4 });
    assert.deepEqual(summary.tally.compliant, { 'goal-absent': 1 });
    assert.equal(callsTo(azure, WRITE, /./), 4);
  });

  it('undoes a sweep, and leaves identities, groups and locks as they are', async () => {
    await azure.seed([vmIn(SUBSCRIPTION, 'a'), vmIn(OTHER_SUBSCRIPTION, 'b', { location: 'westus' })]);
    await sweep(anApp(azure));
    azure.journal.clear();

    const { summary } = await run();

    assert.equal(total(summary.tally, 'removed'), 2);
    assert.equal(callsTo(azure, WRITE, /./), 2);
    assert.ok(azure.store.get(goal));
  });

  it('is resumable: run again, it writes nothing where nothing is left', async () => {
    await azure.seed([...identities, vmIn(SUBSCRIPTION, 'vm', having('UserAssigned', goal))]);
    await run();
    azure.journal.clear();

    const { summary } = await run();

    assert.equal(callsTo(azure, WRITE, /./), 0);
    assert.deepEqual(summary.tally.compliant, { 'goal-absent': 1 });
  });

  it('touches nothing out of scope, excluded, tagged, managed or not rolled out', async () => {
    const carrying = having('UserAssigned', goal);
    await azure.seed([
      ...identities,
      { id: `/subscriptions/${SUBSCRIPTION}/resourceGroups/MC_x`, location: 'eastus', managedBy: '/x' },
      vmIn(SUBSCRIPTION, 'mine', carrying),
      vmIn(SUBSCRIPTION, 'tagged', { ...carrying, tags: { skip: '' } }),
      vmIn(SUBSCRIPTION, 'managed', { ...carrying, group: 'MC_x' }),
      vmIn(SUBSCRIPTION, 'excluded', { ...carrying, group: 'rg-excluded' }),
      vmIn(SUBSCRIPTION, 'elsewhere', {
        ...having('UserAssigned', regionalIdentity('westus')),
        location: 'westus',
      }),
      vmIn(
        OTHER_SUBSCRIPTION,
        'other',
        having('UserAssigned', regionalIdentity('eastus', OTHER_SUBSCRIPTION)),
      ),
    ]);

    await run({
      SCOPES: `/subscriptions/${SUBSCRIPTION}`,
      EXCLUDED_SCOPES: `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg-excluded`,
      EXCLUSION_TAG: 'skip',
      ONLY_REGIONS: 'eastus',
    });

    assert.equal(callsTo(azure, /PATCH/, /\/mine$/), 1);
    assert.equal(callsTo(azure, WRITE, /./), 1);
  });

  it('acts whatever EFFECT is, since that should be off by then', async () => {
    await azure.seed([...identities, vmIn(SUBSCRIPTION, 'vm', having('UserAssigned', goal))]);

    const { summary } = await run({ EFFECT: 'Disabled' });

    assert.equal(total(summary.tally, 'removed'), 1);
  });

  it('writes nothing to a VM that Azure gives no ETag for, and says so', async () => {
    await azure.seed([...identities, vmIn(SUBSCRIPTION, 'vm', having('UserAssigned', goal))]);
    const { id, location, identity } = { ...vmIn(SUBSCRIPTION, 'vm'), ...having('UserAssigned', goal) };
    azure.faults.add({
      method: 'GET',
      path: '/vm$',
      times: 1,
      status: 200,
      headers: {},
      latencyMs: 0,
      body: { id, name: 'vm', location, identity, properties: { provisioningState: 'Succeeded' } },
    });

    const { byName } = await run();

    assert.equal(byName.get('vm')?.reason, 'no-etag');
    assert.equal(callsTo(azure, WRITE, /./), 0);
  });

  it('holds the limits of every writer', async () => {
    await azure.seed([
      ...identities,
      ...Array.from({ length: 9 }, (_, n) => vmIn(SUBSCRIPTION, `vm-${n}`, having('UserAssigned', goal))),
    ]);

    const { summary } = await run({ MAX_ASSIGNMENTS_PER_SWEEP: '4' });

    assert.equal(callsTo(azure, WRITE, /./), 4);
    assert.deepEqual(summary.tally.deferred, { 'sweep-limit': 5 });
  });

  it('reports a VM that a rival gives the identity back at once', async () => {
    await azure.seed([...identities, vmIn(SUBSCRIPTION, 'vm', having('UserAssigned', goal))]);
    const { id } = vmIn(SUBSCRIPTION, 'vm');
    const giveBack = async () => {
      while (foldedKeys(id).includes(goal)) await delay(1);
      const { resource } = azure.store.get(id) ?? assert.fail();
      azure.store.put({ ...resource, ...having('UserAssigned', goal) });
    };

    const [{ byName }] = await Promise.all([run({ CONFIRM_AFTER_SECONDS: '1' }), giveBack()]);

    assert.equal(byName.get('vm')?.reason, 'not-removed');
  });
});

describe('a rollback among rival writers', () => {
  type Act = 'add' | 'remove' | 'system on' | 'system off' | 'delete';

  // A rival's write is one step in the store, so that it loses nothing itself.
  function act(id: string, what: Act): void {
    const entry = azure.store.get(id);
    if (!entry) return;
    const { resource } = entry;
    if (what === 'delete') {
      azure.store.remove(entry);
      return;
    }
    const had = vmIdentity(resource.identity);
    const keys = Object.fromEntries(had.userAssigned.map((key) => [key, {}]));
    if (what === 'add') keys[b] = {};
    if (what === 'remove') delete keys[b];
    const system = what === 'system on' || (what !== 'system off' && had.system);
    azure.store.put({ ...resource, identity: armIdentity(system, keys) } as typeof resource);
  }

  function armIdentity(system: boolean, keys: Record<string, object>): ArmIdentity | undefined {
    const user = Object.keys(keys).length > 0;
    const type = [...(system ? ['SystemAssigned'] : []), ...(user ? ['UserAssigned'] : [])].join(', ');
    return type === '' ? undefined : ({ type, ...(user && { userAssignedIdentities: keys }) } as ArmIdentity);
  }

  it('never takes anything but the goal identity, and drops no system identity', async () => {
    const aShape = fc.record({ system: fc.boolean(), ids: fc.subarray([goal, a, b]) });
    const acts = fc.constantFrom<Act>(
      'add',
      'remove',
      'system on',
      'system off',
      'add',
      'system on',
      'delete',
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(aShape, { minLength: 1, maxLength: 12 }),
        fc.array(fc.record({ vm: fc.nat(11), what: acts }), { minLength: 30, maxLength: 60 }),
        async (shapes, rivals) => {
          azure.store.clear();
          azure.faults.clear();
          azure.journal.clear();
          const vms = shapes.map(({ system, ids }, n) => ({
            ...vmIn(SUBSCRIPTION, `vm-${n}`),
            identity: armIdentity(system, Object.fromEntries(ids.map((id) => [id, {}]))),
          }));
          await azure.seed([...identities, ...vms.map((vm) => JSON.parse(JSON.stringify(vm)))]);
          azure.faults.add({
            method: 'PATCH',
            path: 'virtualMachines',
            times: 9999,
            headers: {},
            latencyMs: 15,
          });
          // What each VM should have at the end, told by what it started with and what rivals did to it.
          const model = new Map(
            shapes.map(({ system, ids }, n) => [n, { system, ids: new Set(ids), gone: false }]),
          );

          let done = false;
          const rolling = run().finally(() => {
            done = true;
          });
          // In mid-flight: between our reads and our writes.
          while (!done && callsTo(azure, /GET/, VM_PATH) === 0) await delay(1);
          for (const { vm, what } of rivals) {
            const known = model.get(vm);
            if (!known || known.gone || done) continue;
            act(vms[vm]?.id ?? '', what);
            if (what === 'delete') known.gone = true;
            if (what === 'add') known.ids.add(b);
            if (what === 'remove') known.ids.delete(b);
            if (what.startsWith('system')) known.system = what === 'system on';
            await delay(1);
          }
          const { byName } = await rolling;

          for (const [n, { system, ids, gone }] of model) {
            const { id } = vms[n] ?? assert.fail();
            if (gone) continue;
            const outcome = byName.get(`vm-${n}`);
            const carried = foldedKeys(id).includes(goal);
            assert.equal(identityOf(id).system, system, `system identity of ${id}`);
            assert.deepEqual(
              new Set(foldedKeys(id).filter((key) => key !== goal)),
              new Set([...ids].filter((key) => key !== goal)),
              id,
            );
            if (outcome?.outcome === 'removed') assert.ok(!carried);
            else if (ids.has(goal)) assert.match(outcome?.outcome ?? '', /failed|deferred|excluded/);
          }
        },
      ),
      { numRuns: 25 },
    );
  });
});

describe('vm-identity rollback', () => {
  const seedTwo = () =>
    azure.seed([
      ...identities,
      vmIn(SUBSCRIPTION, 'vm-only', having('UserAssigned', goal)),
      vmIn(SUBSCRIPTION, 'vm-two', having('UserAssigned', goal, a)),
    ]);

  it('writes nothing without --yes, and shows what it would do and to whose default identity', async () => {
    await seedTwo();

    const text = await cliAgainst(azure, ['rollback']);
    const json = await cliAgainst(azure, ['rollback', '--json']);

    assert.equal(callsTo(azure, WRITE, /./), 0);
    assert.deepEqual([text.code, json.code], [0, 0]);
    assert.match(text.stdout, /vm-only +eastus +1 user-assigned +remove built-in-identity-eastus +lost/);
    assert.match(text.stdout, /First set EFFECT of the app[\s\S]*Nothing was written/);
    const [only, two, { plan }] = jsonLines(json.stdout);
    assert.deepEqual([only.defaultIdentity, two.defaultIdentity], ['lost', 'gained']);
    assert.deepEqual([plan.total, plan.losingDefault, plan.gainingDefault], [2, 1, 1]);
  });

  it('--yes does it, warns, and prints a line for each VM and a summary', async () => {
    await seedTwo();

    const { code, stdout, stderr } = await cliAgainst(azure, ['rollback', '--yes', '--json']);

    assert.equal(code, 0);
    assert.match(stderr, /First set EFFECT of the app/);
    const [first, second, { summary }] = jsonLines(stdout);
    assert.deepEqual(
      [first, second].map(({ reason }) => reason),
      ['goal-removed', 'goal-removed'],
    );
    assert.equal(summary.removed, 2);
  });

  it('exits 1 when a VM failed, with the next step', async () => {
    await seedTwo();
    await azure.seed([lockOn(vmIn(SUBSCRIPTION, 'vm-only'))]);

    const { code, stdout } = await cliAgainst(azure, ['rollback', '--yes']);

    assert.equal(code, 1);
    assert.match(stdout, /removed \(goal-removed\) +1[\s\S]*read-only-lock \(1 VM\)[\s\S]*Remove the lock/);
  });
});

it('a rollback costs one write and two reads for each VM', async () => {
  await azure.seed([
    ...identities,
    ...Array.from({ length: 30 }, (_, n) => vmIn(SUBSCRIPTION, `vm-${n}`, having('UserAssigned', goal, a))),
  ]);

  await run();

  assert.equal(callsTo(azure, /PATCH/, VM_PATH), 30);
  assert.equal(callsTo(azure, /GET/, VM_PATH), 60);
});
