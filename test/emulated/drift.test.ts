import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { resolveScopes } from '../../src/azure/scopeResolution.ts';
import { parseVmId } from '../../src/domain/resourceId.ts';
import type { Log } from '../../src/log.ts';
import { explainVm } from '../../src/remediation/explainVm.ts';
import type { GoalIdentities } from '../../src/remediation/goalIdentities.ts';
import { relockIdentities } from '../../src/remediation/identityLocks.ts';
import { listForReport } from '../../src/remediation/listForReport.ts';
import { planSweep } from '../../src/remediation/plan.ts';
import { planWrites } from '../../src/remediation/planWrites.ts';
import { problemCollector } from '../../src/remediation/problems.ts';
import { shared } from '../../src/remediation/shared.ts';
import { startSweep } from '../../src/remediation/startSweep.ts';
import { sweep } from '../../src/remediation/sweep.ts';
import { workRegion } from '../../src/remediation/workRegion.ts';
import { anApp, azureForEachTest, callsTo, quiet, VM_PATH, vmIn, WRITE } from '../azure.ts';
import { OTHER_SUBSCRIPTION, otherIdentity, regionalIdentity, SUBSCRIPTION } from '../builders.ts';

const azure = await azureForEachTest();

const goal = regionalIdentity('eastus');
const lock = `${goal}/providers/Microsoft.Authorization/locks/CanNotDeleteLock-built-in-identity-eastus`;
const vms = [
  vmIn(SUBSCRIPTION, 'vm-a'),
  vmIn(SUBSCRIPTION, 'vm-b', { identity: { type: 'SystemAssigned' } }),
  vmIn(SUBSCRIPTION, 'vm-c', {
    identity: { type: 'SystemAssigned, UserAssigned', userAssignedIdentities: { [otherIdentity()]: {} } },
  }),
];

beforeEach(async () => {
  await azure.seed([{ id: otherIdentity(), location: 'eastus' }, ...vms]);
  await sweep(anApp(azure));
  azure.journal.clear();
});

function remove(...ids: string[]): void {
  for (const id of ids) azure.store.remove(azure.store.get(id) ?? assert.fail(id));
}

async function recreate(): Promise<void> {
  remove(lock, goal);
  const properties = {
    principalId: '77777777-0000-4000-8000-000000000001',
    clientId: '77777777-0000-4000-8000-000000000002',
  };
  await azure.seed([{ id: goal, location: 'eastus', properties }]);
}

const principalsOf = () =>
  vms.map(({ id }) => {
    const map = azure.store.get(id)?.resource.identity?.userAssignedIdentities ?? {};
    const key = Object.keys(map).find((one) => one.toLowerCase() === goal.toLowerCase());
    return (map[key ?? ''] as { principalId?: string } | undefined)?.principalId;
  });
const goalPrincipal = () => azure.store.get(goal)?.resource.properties?.principalId;

describe('a regional identity that was deleted', () => {
  it('is made again and locked, and every VM gets the new one, in one sweep', async () => {
    remove(lock, goal);

    const { tally, problems } = await sweep(anApp(azure));

    assert.deepEqual(tally.assigned, { 'goal-renewed': 3 });
    assert.deepEqual(tally.compliant, {});
    assert.deepEqual(problems, []);
    assert.ok(azure.store.get(lock));
    assert.deepEqual(new Set(principalsOf()), new Set([goalPrincipal()]));
    const { identity } = azure.store.get(vms[2]?.id ?? '')?.resource ?? {};
    assert.equal(identity?.type, 'SystemAssigned, UserAssigned');
    assert.equal(Object.keys(identity?.userAssignedIdentities ?? {}).length, 2, 'nobody else’s was lost');
  });

  it('and made again by others is noticed by its principal, and every VM gets the new one', async () => {
    await recreate();

    const { tally } = await sweep(anApp(azure));

    assert.deepEqual(tally.assigned, { 'goal-renewed': 3 });
    assert.deepEqual(new Set(principalsOf()), new Set([goalPrincipal()]));
    azure.journal.clear();
    const again = await sweep(anApp(azure));
    assert.deepEqual(again.tally.compliant, { 'goal-present': 3 });
    assert.equal(callsTo(azure, WRITE, /./) + callsTo(azure, /./, VM_PATH), 0);
  });

  it('is noticed by the timer, too, and the region does the rest', async () => {
    await recreate();
    const one = shared(anApp(azure));

    const messages = await startSweep(one, quiet);
    for (const message of messages) await workRegion(one, message, quiet, { redelivered: false });

    assert.deepEqual(
      messages.map(({ location }) => location),
      ['eastus'],
    );
    assert.deepEqual(new Set(principalsOf()), new Set([goalPrincipal()]));
  });

  it('is planned for the VMs that may be given the new one, not for those of an excluded subscription', async () => {
    const there = regionalIdentity('eastus', OTHER_SUBSCRIPTION);
    await azure.seed([
      vmIn(OTHER_SUBSCRIPTION, 'vm-d', {
        identity: { type: 'UserAssigned', userAssignedIdentities: { [there]: {} } },
      }),
    ]);
    remove(lock, goal);

    const plan = await planWrites(anApp(azure, { EXCLUDED_SCOPES: `/subscriptions/${OTHER_SUBSCRIPTION}` }));

    assert.deepEqual([plan.renewals, plan.writes.vms], [3, 3]);
  });

  it('has its VMs listed once, as lacking their identity, also where those that carry theirs are listed', async () => {
    await azure.seed([vmIn(SUBSCRIPTION, 'vm-west', { location: 'westus' })]);
    await sweep(anApp(azure));
    await recreate();
    const app = anApp(azure);
    const coverage = await resolveScopes(app.clients, app.settings.scopes, []);
    const plan = await planSweep(app, coverage);

    const { listed, unlisted } = await listForReport(app, { coverage, plan, all: true });

    assert.deepEqual(
      listed.map(({ vm, verdict }) => `${vm.name} ${verdict}`),
      ['vm-a goal-missing', 'vm-b goal-missing', 'vm-c goal-missing', 'vm-west goal-present'],
    );
    assert.deepEqual(unlisted, []);
  });

  it('is only reported with AuditIfNotExists', async () => {
    remove(lock, goal);

    const { tally } = await sweep(anApp(azure, { EFFECT: 'AuditIfNotExists' }));

    assert.deepEqual(tally.deferred, { 'audit-only': 3 });
    assert.equal(callsTo(azure, WRITE, /./), 0);
  });

  it('is explained', async () => {
    await recreate();
    const id = parseVmId(vms[0]?.id ?? '');
    assert.ok(id);

    const { verdict, rules } = await explainVm(anApp(azure), id);

    assert.equal(verdict, undefined);
    assert.match(rules.find(({ reason }) => reason === 'goal-present')?.saw ?? '', /it was deleted since/);
    assert.equal(rules.find(({ reason }) => reason === 'single-identity')?.holds, false);
  });

  it('brought by the customer, is a problem of its own, and no VM is written', async () => {
    const own = {
      BRING_YOUR_OWN_USER_ASSIGNED_MANAGED_IDENTITY: 'true',
      USER_ASSIGNED_IDENTITY_NAME: 'built-in-identity-eastus',
      IDENTITY_RESOURCE_GROUP: 'built-in-identity-rg',
    };
    remove(lock, goal);

    const { tally, problems } = await sweep(anApp(azure, own));

    assert.deepEqual(tally.failed, { 'identity-missing': 3 });
    assert.equal(problems.length, 1);
    assert.equal(callsTo(azure, WRITE, /./), 0);
  });

  it('where assigning the new one does not help, is reported, and the others are soon left alone', async () => {
    const more = Array.from({ length: 60 }, (_, n) => vmIn(SUBSCRIPTION, `vm-more-${n}`));
    await azure.seed(more);
    await sweep(anApp(azure));
    await recreate();
    azure.journal.clear();
    const { resource } = azure.store.get(vms[0]?.id ?? '') ?? assert.fail();
    azure.faults.add({
      method: 'PATCH',
      path: 'virtualMachines',
      times: 99,
      status: 200,
      headers: {},
      latencyMs: 0,
      // Of another VM than most that get it: without `vmId`, so that it can pass for theirs.
      body: { ...resource, properties: {} },
    });

    const { tally, problems } = await sweep(anApp(azure));

    assert.deepEqual(tally.failed, { 'identity-dead': 63 });
    assert.ok(callsTo(azure, /PATCH/, VM_PATH) < 63);
    assert.deepEqual(
      problems.map(({ subject, reason }) => [subject.toLowerCase(), reason]),
      [[goal.toLowerCase(), 'identity-dead']],
    );
    assert.match(problems[0]?.next ?? '', /az vm identity remove/);
  });
});

describe('a lock that was removed', () => {
  it('is put back by the next sweep, and reported', async () => {
    remove(lock);

    const { relocked, tally } = await sweep(anApp(azure));

    assert.ok(azure.store.get(lock));
    assert.deepEqual(relocked, [goal.toLowerCase()]);
    assert.deepEqual(tally.compliant, { 'goal-present': 3 });
    assert.equal(callsTo(azure, WRITE, /./), 1);
    azure.journal.clear();
    assert.deepEqual((await sweep(anApp(azure))).relocked, []);
    assert.equal(callsTo(azure, WRITE, /./), 0);
  });

  it('is put back by the timer', async () => {
    remove(lock);
    const said: string[] = [];
    const log: Log = { ...quiet, warn: (message) => said.push(message) };

    assert.deepEqual(await startSweep(shared(anApp(azure)), log), []);

    assert.ok(azure.store.get(lock));
    assert.match(said.join(), /locked again/);
  });

  it('is put back in the end, however many are missing that cannot be put back', async () => {
    const counts = Array.from({ length: 600 }, (_, n) => ({
      subscriptionId: SUBSCRIPTION,
      location: `region${n}`,
      verdict: 'goal-present',
      total: 1,
    }));
    const app = anApp(azure);
    const tried = new Set<string>();
    const hopeless: GoalIdentities = {
      lookBefore: async () => undefined,
      async ensure(goal) {
        tried.add(goal);
        return { state: 'failed', reason: 'forbidden', detail: '' };
      },
    };
    const relock = () => relockIdentities(app, counts, hopeless, problemCollector());

    assert.deepEqual(await relock(), []);
    assert.equal(tried.size, 500);
    for (let sweeps = 0; sweeps < 20; sweeps++) await relock();
    assert.equal(tried.size, 600);
  });

  it('is not missed where the group or the subscription is locked', async () => {
    remove(lock);
    await azure.seed([
      {
        id: `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.Authorization/locks/all`,
        properties: { level: 'CanNotDelete' },
      },
    ]);

    assert.deepEqual((await sweep(anApp(azure))).relocked, []);
    assert.equal(callsTo(azure, WRITE, /./), 0);
  });

  it('is only reported with AuditIfNotExists, and not looked for with LOCK_IDENTITIES=false', async () => {
    remove(lock);

    const audit = await sweep(anApp(azure, { EFFECT: 'AuditIfNotExists' }));
    azure.journal.clear();
    const off = await sweep(anApp(azure, { LOCK_IDENTITIES: 'false' }));

    assert.deepEqual(
      audit.problems.map(({ subject, reason }) => [subject, reason]),
      [[goal.toLowerCase(), 'identity-unlocked']],
    );
    assert.deepEqual(off.problems, []);
    assert.equal(callsTo(azure, /./, /\/locks/), 0);
    assert.equal(azure.store.get(lock), undefined);
  });

  it('stops no sweep where locks cannot be read', async () => {
    await azure.seed([vmIn(SUBSCRIPTION, 'vm-new')]);
    azure.faults.add({
      method: 'GET',
      path: `^/subscriptions/${SUBSCRIPTION}/providers/Microsoft.Authorization/locks$`,
      times: 9,
      status: 403,
      headers: {},
      latencyMs: 0,
      body: { error: { code: 'AuthorizationFailed', message: 'no' } },
    });

    const { tally, problems } = await sweep(anApp(azure));

    assert.deepEqual(tally.assigned, { 'goal-added': 1 });
    assert.deepEqual(
      problems.map(({ reason }) => reason),
      ['locks-unread'],
    );
  });
});

describe('an identity of somebody else’s that VMs carry and that is gone', () => {
  const gone = otherIdentity('gone');
  const carrier = vmIn(SUBSCRIPTION, 'vm-carrier', {
    identity: {
      type: 'UserAssigned',
      userAssignedIdentities: { [gone.toUpperCase()]: {}, [otherIdentity()]: {} },
    },
  });

  it('does not keep our own assignment from succeeding, and stays where it is', async () => {
    await azure.seed([carrier]);

    const { tally } = await sweep(anApp(azure));

    assert.deepEqual(tally.assigned, { 'goal-added': 1 });
    const keys = Object.keys(azure.store.get(carrier.id)?.resource.identity?.userAssignedIdentities ?? {});
    assert.deepEqual(
      keys.map((key) => key.toLowerCase()).sort(),
      [gone, otherIdentity(), goal].map((key) => key.toLowerCase()).sort(),
    );
  });

  it('is reported by plan, with how many VMs carry it and what to do', async () => {
    await azure.seed([carrier, { ...carrier, id: `${carrier.id}-2` }]);

    const { dangling } = await planWrites(anApp(azure));

    assert.deepEqual(
      dangling.map(({ subject, vms }) => [subject.toLowerCase(), vms]),
      [[gone.toLowerCase(), 2]],
    );
    assert.match(dangling[0]?.next ?? '', /az vm identity remove --ids .*vm-carrier.* --identities .*gone/i);
    assert.equal(callsTo(azure, WRITE, /./), 0);
  });

  it('is not reported where it exists, but Resource Graph does not look there', async () => {
    const elsewhere = otherIdentity('elsewhere').replace(SUBSCRIPTION, OTHER_SUBSCRIPTION);
    await azure.seed([
      { id: elsewhere, location: 'eastus' },
      vmIn(SUBSCRIPTION, 'vm-carrier', {
        identity: { type: 'UserAssigned', userAssignedIdentities: { [elsewhere]: {} } },
      }),
    ]);

    const { dangling } = await planWrites(anApp(azure, { SCOPES: `/subscriptions/${SUBSCRIPTION}` }));

    assert.deepEqual(dangling, []);
  });

  it('is told by explain', async () => {
    await azure.seed([carrier]);
    const id = parseVmId(carrier.id);
    assert.ok(id);

    assert.deepEqual((await explainVm(anApp(azure), id)).dangling, [gone.toLowerCase()]);
  });
});
