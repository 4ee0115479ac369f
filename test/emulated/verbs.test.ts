import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { subscriptionNumber } from '../../emulator/fleet/generate.ts';
import type { Tally } from '../../src/domain/outcome.ts';
import type { RegionMessage } from '../../src/queues.ts';
import { type Shared, shared } from '../../src/remediation/shared.ts';
import { startSweep } from '../../src/remediation/startSweep.ts';
import { workRegion } from '../../src/remediation/workRegion.ts';
import { workVm } from '../../src/remediation/workVm.ts';
import { aLog, anApp, azureForEachTest, callsTo, type Line, lockOn, VM_PATH, vmIn, WRITE } from '../azure.ts';
import { OTHER_SUBSCRIPTION, SUBSCRIPTION } from '../builders.ts';

const azure = await azureForEachTest();

const aShared = (settings: Record<string, string> = {}): Shared => shared(anApp(azure, settings));
const errors = (log: { lines: Line[] }) => log.lines.filter(({ level }) => level === 'error');

const aRegion = (more: Partial<RegionMessage> = {}): RegionMessage => ({
  version: 1,
  location: 'eastus',
  until: '2099-01-01T00:00:00.000Z',
  sweepId: '5ca1ab1e-0001-4000-8000-000000000001',
  ...more,
});
const once = { redelivered: false };
const vmsIn = (location: string, count: number) =>
  Array.from({ length: count }, (_, n) => vmIn(SUBSCRIPTION, `vm-${location}-${n}`, { location }));
const refusal = (path: string, times: number, status: number, code: string) => ({
  method: 'PATCH' as const,
  path,
  times,
  status,
  headers: {},
  latencyMs: 0,
  body: { error: { code, message: 'no' } },
});

describe('startSweep', () => {
  it('sends one message for each region that has work, most work first, and writes nothing', async () => {
    await azure.seed([...vmsIn('eastus', 2), ...vmsIn('westeurope', 5)]);

    const messages = await startSweep(aShared(), aLog());

    assert.deepEqual(
      messages.map(({ location, limit }) => [location, limit]),
      [
        ['westeurope', undefined],
        ['eastus', undefined],
      ],
    );
    assert.equal(callsTo(azure, /./, /virtualMachines/i), 0);
    assert.equal(callsTo(azure, WRITE, /./), 0);
    const until = new Date(messages[0]?.until ?? '');
    assert.ok(until.getTime() > Date.now() && until.getUTCMinutes() === 0 && until.getUTCSeconds() === 0);
  });

  it('shares MAX_ASSIGNMENTS_PER_SWEEP out between regions', async () => {
    await azure.seed([...vmsIn('eastus', 4), ...vmsIn('westeurope', 5), ...vmsIn('westus', 3)]);

    const messages = await startSweep(aShared({ MAX_ASSIGNMENTS_PER_SWEEP: '7' }), aLog());

    // Whichever comes first gets what it can use, so that no region is left out in every sweep.
    assert.equal(
      messages.reduce((sum, { limit = 0 }) => sum + limit, 0),
      7,
    );
    for (const { location, limit = 0 } of messages) {
      assert.ok(limit >= 1 && limit <= ({ eastus: 4, westeurope: 5, westus: 3 }[location] ?? 0));
    }
  });

  it('only counts with AuditIfNotExists', async () => {
    await azure.seed(vmsIn('eastus', 3));
    const log = aLog();

    assert.deepEqual(await startSweep(aShared({ EFFECT: 'AuditIfNotExists' }), log), []);

    const tally = log.lines.at(-1)?.properties.tally as Tally | undefined;
    assert.deepEqual(tally?.deferred, { 'audit-only': 3 });
  });

  it('asks nothing when Disabled', async () => {
    assert.deepEqual(await startSweep(aShared({ EFFECT: 'Disabled' }), aLog()), []);
    assert.equal(azure.journal.calls().length, 0);
  });

  it('warns of a scope that cannot be read, and goes on with the others', async () => {
    await azure.seed(vmsIn('eastus', 1));
    const log = aLog();
    const SCOPES = `/subscriptions/${SUBSCRIPTION},/subscriptions/${OTHER_SUBSCRIPTION}`;

    assert.equal((await startSweep(aShared({ SCOPES }), log)).length, 1);

    assert.equal(
      log.lines.find(({ level }) => level === 'warn')?.properties.scope,
      `/subscriptions/${OTHER_SUBSCRIPTION}`,
    );
  });
});

describe('workRegion', () => {
  it('remediates its region and no other, and the chain ends', async () => {
    await azure.seed([...vmsIn('eastus', 40), ...vmsIn('westeurope', 3)]);

    assert.equal(await workRegion(aShared(), aRegion(), aLog(), once), undefined);

    assert.equal(callsTo(azure, /PATCH/, /vm-eastus-/), 40);
    assert.equal(callsTo(azure, /PATCH/, /vm-westeurope-/), 0);
  });

  it('does nothing once its until has passed, and warns where nothing was done before', async () => {
    await azure.seed(vmsIn('eastus', 3));
    const until = new Date(Date.now() - 1000).toISOString();
    const first = aLog();
    const later = aLog();

    assert.equal(await workRegion(aShared(), aRegion({ until }), first, once), undefined);
    assert.equal(await workRegion(aShared(), aRegion({ until, looked: 3 }), later, once), undefined);

    assert.equal(azure.journal.calls().length, 0);
    assert.deepEqual([first.bad().length, later.bad().length], [1, 0]);
  });

  for (const EFFECT of ['AuditIfNotExists', 'Disabled']) {
    it(`writes nothing when EFFECT has become ${EFFECT} since it was sent`, async () => {
      await azure.seed(vmsIn('eastus', 3));

      assert.equal(await workRegion(aShared({ EFFECT }), aRegion(), aLog(), once), undefined);

      assert.equal(azure.journal.calls().length, 0);
    });
  }

  it('sends itself on with the same until when its time is spent, and a later run ends the work', async () => {
    await azure.seed(vmsIn('eastus', 60));
    azure.faults.add({ method: 'PATCH', path: '', times: 1000, headers: {}, latencyMs: 200 });
    const one = aShared();
    const message = aRegion();

    let runs = 0;
    let next: RegionMessage | undefined = message;
    for (; next && runs < 100; runs++) {
      next = await workRegion(one, next, aLog(), { redelivered: false, budgetMs: 200 * 100 });
      assert.ok(next === undefined || next.until === message.until);
    }

    assert.ok(runs > 1, 'one run did it all: the budget was never spent');
    assert.equal(callsTo(azure, /PATCH/, VM_PATH), 60);
  });

  it('ends when its time is spent, though more subscriptions wait than there are places', {
    timeout: 60_000,
  }, async () => {
    const subscriptions = Array.from({ length: 18 }, (_, n) => subscriptionNumber(n + 1));
    await azure.seed(subscriptions.flatMap((id) => [vmIn(id, 'a'), vmIn(id, 'b')]));
    // With a threshold, 16 VMs are begun at once. The time is spent as soon as one of them is written.
    const app = anApp(azure, { FAILURE_THRESHOLD_PERCENT: '90', LOCK_IDENTITIES: 'false' });
    const budgetMs = 24 * 3_600_000;
    const spent = () => (callsTo(azure, /PATCH/, VM_PATH) > 0 ? budgetMs : 0);
    const hurried = { ...app, clock: { ...app.clock, now: () => app.clock.now() + spent() } };

    const rest = await workRegion(shared(hurried), aRegion(), aLog(), { ...once, budgetMs });

    const begun = callsTo(azure, /PATCH/, VM_PATH);
    assert.ok(begun > 0 && begun <= 16, `${begun} VMs written`);
    assert.ok(rest, 'nothing was left');
  });

  it('begins no VM after its until: what was in hand then is one batch at most', async () => {
    await azure.seed(vmsIn('eastus', 100));
    azure.faults.add({ method: 'PATCH', path: '', times: 1000, headers: {}, latencyMs: 250 });
    // At the machine's own time, in which the journal tells.
    const one = aShared({ EMBEDDED_AZURE_CLOCK: '' });
    const endsAt = Date.now() + 1500;

    const next = await workRegion(one, aRegion({ until: new Date(endsAt).toISOString() }), aLog(), once);

    const ends = azure.journal
      .calls()
      .filter(({ method, path }) => method === 'PATCH' && VM_PATH.test(path))
      .map(({ time }) => Date.parse(time));
    assert.equal(next, undefined);
    assert.ok(ends.length > 0 && ends.length < 100, `${ends.length} VMs written`);
    assert.ok(ends.filter((time) => time > endsAt).length <= 16);
  });

  it('holds the limit of a sweep over the runs of a chain', async () => {
    await azure.seed(vmsIn('eastus', 60));
    azure.faults.add({ method: 'PATCH', path: '', times: 1000, headers: {}, latencyMs: 200 });
    const one = aShared();

    let next: RegionMessage | undefined = aRegion({ limit: 45 });
    while (next) next = await workRegion(one, next, aLog(), { redelivered: false, budgetMs: 200 * 100 });

    assert.equal(callsTo(azure, /PATCH/, VM_PATH), 45);
  });

  it('does not begin anew on a message with a limit whose run broke off', async () => {
    await azure.seed(vmsIn('eastus', 5));
    const log = aLog();

    await workRegion(aShared(), aRegion({ limit: 3 }), log, { redelivered: true });

    assert.equal(callsTo(azure, WRITE, /./), 0);
    assert.equal(log.lines.at(-1)?.level, 'warn');
  });

  it('logs VMs that failed as errors, one for each cause, with the next step, and does not fail itself', async () => {
    const locked = vmIn(SUBSCRIPTION, 'locked');
    await azure.seed([
      ...vmsIn('eastus', 3),
      locked,
      lockOn(locked),
      vmIn(OTHER_SUBSCRIPTION, 'a'),
      vmIn(OTHER_SUBSCRIPTION, 'b'),
      {
        id: `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.Authorization/roleAssignments/own`,
        properties: {
          principalId: 'c0ffee00-0000-4000-8000-0000000000a1',
          roleDefinitionId: '/roleDefinitions/8e3af657-a8ff-443c-a75c-2fe8c4bcb635',
        },
      },
      {
        id: `/subscriptions/${OTHER_SUBSCRIPTION}/providers/Microsoft.Authorization/roleAssignments/read`,
        properties: {
          principalId: 'c0ffee00-0000-4000-8000-0000000000a1',
          roleDefinitionId: '/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7',
        },
      },
    ]);
    const log = aLog();

    assert.equal(await workRegion(aShared(), aRegion(), log, once), undefined);

    assert.deepEqual(
      errors(log).map(({ message, properties }) => [message, properties.reason, properties.vms]),
      [
        ['VMs failed', 'forbidden', 2],
        ['VMs failed', 'read-only-lock', 1],
      ],
    );
    assert.match(String(errors(log)[1]?.properties.next), /Remove the lock/);
  });

  it('fails, to be tried again, when Resource Graph cannot be read for now', async () => {
    await azure.seed(vmsIn('eastus', 3));
    azure.faults.add({
      method: 'POST',
      path: 'ResourceGraph',
      times: 99,
      status: 400,
      headers: {},
      latencyMs: 0,
      body: { error: { code: 'RetryableError', message: 'busy' } },
    });

    await assert.rejects(workRegion(aShared(), aRegion(), aLog(), once), /busy/);
  });
});

describe('workVm', () => {
  const work = (id: string, one = aShared(), log = aLog(), lastTry = false) =>
    workVm(one, { version: 1, id }, log, { lastTry }).then(() => log);

  it('remediates a VM of which only the id is known: two reads of it, one write', async () => {
    const vm = vmIn(SUBSCRIPTION, 'vm', { location: 'westeurope' });
    await azure.seed([vm]);
    // At the machine's own time, as a reading that is some seconds old would be made again.
    const one = aShared({ EMBEDDED_AZURE_CLOCK: '' });

    const log = await work(vm.id.replace('resourceGroups', 'RESOURCEGROUPS'), one);

    assert.equal(log.lines[0]?.properties.outcome, 'assigned');
    assert.equal(callsTo(azure, /PATCH/, VM_PATH), 1);
    assert.equal(callsTo(azure, /GET/, VM_PATH), 2);
  });

  it('costs one read when there is nothing to do', async () => {
    const vm = vmIn(SUBSCRIPTION, 'vm');
    await azure.seed([vm]);
    await work(vm.id);
    azure.journal.clear();

    await work(vm.id);

    assert.equal(callsTo(azure, /./, VM_PATH), 1);
    assert.equal(callsTo(azure, WRITE, /./), 0);
  });

  it('reads nothing of a VM out of scope', async () => {
    const vm = vmIn(OTHER_SUBSCRIPTION, 'vm');
    await azure.seed([vm, vmIn(SUBSCRIPTION, 'mine')]);

    const log = await work(vm.id, aShared({ SCOPES: `/subscriptions/${SUBSCRIPTION}` }));

    assert.equal(log.lines[0]?.properties.reason, 'out-of-scope');
    assert.equal(callsTo(azure, /./, new RegExp(OTHER_SUBSCRIPTION)), 0);
  });

  it('leaves a VM alone whose group AKS manages, which only the group tells', async () => {
    const vm = vmIn(SUBSCRIPTION, 'node', { group: 'MC_x' });
    await azure.seed([
      {
        id: `/subscriptions/${SUBSCRIPTION}/resourceGroups/MC_x`,
        location: 'eastus',
        managedBy: '/subscriptions/x',
      },
      vm,
    ]);

    assert.equal((await work(vm.id)).lines[0]?.properties.reason, 'managed-group');
    assert.equal(callsTo(azure, WRITE, /./), 0);

    const log = await work(vm.id, aShared({ INCLUDE_MANAGED_GROUPS: 'true' }));
    assert.equal(log.lines[0]?.properties.outcome, 'assigned');
  });

  it('five times the same VM at once, and a sweep of its region: one PATCH', async () => {
    const vm = vmIn(SUBSCRIPTION, 'vm');
    await azure.seed([vm]);
    const one = aShared();

    await Promise.all([
      ...Array.from({ length: 5 }, () => work(vm.id, one)),
      workRegion(one, aRegion(), aLog(), once),
    ]);

    assert.equal(callsTo(azure, /PATCH/, VM_PATH), 1);
  });

  for (const EFFECT of ['AuditIfNotExists', 'Disabled']) {
    it(`writes nothing with EFFECT ${EFFECT}`, async () => {
      const vm = vmIn(SUBSCRIPTION, 'vm');
      await azure.seed([vm]);

      const log = await work(vm.id, aShared({ EFFECT }));

      assert.match(String(log.lines[0]?.properties.reason), /audit-only|effect-disabled/);
      assert.equal(callsTo(azure, WRITE, /./), 0);
    });
  }

  it('logs a failure that will stay as an error with the next step, and is done', async () => {
    const vm = vmIn(SUBSCRIPTION, 'vm');
    await azure.seed([vm, lockOn(vm)]);

    const log = await work(vm.id);

    assert.equal(errors(log)[0]?.properties.reason, 'read-only-lock');
    assert.match(String(errors(log)[0]?.properties.next), /Remove the lock/);
  });

  it('throws where trying again can help, and on the last try says so before the message is put aside', async () => {
    const vm = vmIn(SUBSCRIPTION, 'vm');
    await azure.seed([vm]);
    azure.faults.add(refusal('/vm$', 99, 409, 'Conflict'));
    const one = aShared();
    const first = aLog();
    const last = aLog();

    await assert.rejects(work(vm.id, one, first), /conflict/);
    await assert.rejects(work(vm.id, one, last, true), /conflict/);

    assert.equal(errors(first).length, 0);
    assert.equal(errors(last)[0]?.properties.reason, 'conflict');
  });

  it('says so and is done when none of the scopes can be read, which no trying again will mend', async () => {
    const log = await work(
      vmIn(SUBSCRIPTION, 'vm').id,
      aShared({ SCOPES: `/subscriptions/${OTHER_SUBSCRIPTION}` }),
    );

    assert.match(String(errors(log)[0]?.properties.detail), /None of the SCOPES can be worked on/);
  });

  it('drops a message whose id is no VM’s', async () => {
    const log = await work(
      `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.Compute/disks/d`,
    );

    assert.equal(log.lines[0]?.level, 'warn');
    assert.equal(azure.journal.calls().length, 0);
  });
});
