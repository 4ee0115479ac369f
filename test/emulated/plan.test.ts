import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { generateFleet } from '../../emulator/fleet/generate.ts';
import { resolveScopes } from '../../src/azure/scopeResolution.ts';
import { imdsDefault } from '../../src/domain/imdsDefault.ts';
import { total } from '../../src/domain/outcome.ts';
import { vmIdentity } from '../../src/domain/vmIdentity.ts';
import { planSweep } from '../../src/remediation/plan.ts';
import { planWrites } from '../../src/remediation/planWrites.ts';
import { sweep } from '../../src/remediation/sweep.ts';
import { anApp, azureForEachTest, callsTo, vmIn, WRITE } from '../azure.ts';
import { OTHER_SUBSCRIPTION, regionalIdentity, SUBSCRIPTION } from '../builders.ts';
import { cliAgainst, jsonLines } from '../cli.ts';

const azure = await azureForEachTest();

const cli = (args: string[], env = {}) => cliAgainst(azure, args, env);
const threeHundred = Array.from({ length: 300 }, (_, n) => vmIn(SUBSCRIPTION, `vm-${n}`));
const identityIn = (subscription: string, name: string, group = 'built-in-identity-rg') => ({
  id: `/subscriptions/${subscription}/resourceGroups/${group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${name}`,
  location: 'eastus',
});

describe('planWrites', () => {
  it('writes nothing, reads no VM, and foretells every write of the sweep after it, for any fleet', async () => {
    const settings = fc.constantFrom<Record<string, string>>(
      {},
      { LOCK_IDENTITIES: 'false' },
      { SINGLE_IDENTITY_RULE: 'always' },
      { ONLY_REGIONS: 'eastus' },
    );
    await fc.assert(
      fc.asyncProperty(fc.nat(1000), settings, async (seed, env) => {
        azure.store.clear();
        await azure.seed(generateFleet({ vms: 120, seed }));
        azure.journal.clear();

        const plan = await planWrites(anApp(azure, env));

        assert.equal(callsTo(azure, WRITE, /./), 0);
        assert.equal(callsTo(azure, /./, /virtualMachines/i), 0);
        azure.journal.clear();
        const without = new Set(
          [...azure.store.list('microsoft.compute/virtualmachines')]
            .filter(({ resource }) => imdsDefault(vmIdentity(resource.identity)) === undefined)
            .map(({ resource }) => resource.id.toLowerCase()),
        );
        const { tally } = await sweep(anApp(azure, env));
        const gained = [...without].filter((id) => {
          const { resource } = azure.store.get(id) ?? assert.fail();
          return imdsDefault(vmIdentity(resource.identity)) !== undefined;
        });
        assert.equal(gained.length, plan.gainingDefault);
        assert.equal(total(tally, 'assigned'), plan.writes.vms);
        assert.equal(callsTo(azure, WRITE, /./), plan.writes.total);
      }),
      { numRuns: 12 },
    );
  });

  it('knows what exists and is locked, in whatever letter case', async () => {
    const present = identityIn(SUBSCRIPTION, 'Built-In-Identity-EastUS', 'Built-In-Identity-RG');
    await azure.seed([
      vmIn(SUBSCRIPTION, 'a'),
      vmIn(OTHER_SUBSCRIPTION, 'b'),
      present,
      {
        id: `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.Authorization/locks/all`,
        properties: { level: 'CanNotDelete' },
      },
    ]);

    const { identities } = await planWrites(anApp(azure));

    assert.deepEqual(
      identities.map(({ work, exists, locked, steps }) => [work[0]?.subscriptionId, exists, locked, steps]),
      [
        [SUBSCRIPTION, true, true, []],
        [OTHER_SUBSCRIPTION, false, false, ['create group', 'create identity', 'lock identity']],
      ],
    );
  });

  it('plans no write for VMs whose brought identity is missing', async () => {
    await azure.seed([
      vmIn(SUBSCRIPTION, 'a'),
      vmIn(OTHER_SUBSCRIPTION, 'b'),
      identityIn(SUBSCRIPTION, 'own', 'rg-own'),
    ]);

    const { identities, writes } = await planWrites(
      anApp(azure, {
        BRING_YOUR_OWN_USER_ASSIGNED_MANAGED_IDENTITY: 'true',
        USER_ASSIGNED_IDENTITY_NAME: 'own',
        IDENTITY_RESOURCE_GROUP: 'rg-own',
      }),
    );

    assert.deepEqual(writes, { vms: 1, groups: 0, identities: 0, locks: 1, total: 2 });
    assert.deepEqual(identities.map(({ steps }) => steps).sort(), [['bring identity'], ['lock identity']]);
  });

  it('looks up a central identity where it is, whatever the scopes', async () => {
    const central = identityIn(OTHER_SUBSCRIPTION, 'central', 'rg-own');
    await azure.seed([vmIn(SUBSCRIPTION, 'a'), vmIn(SUBSCRIPTION, 'b', { location: 'westus' }), central]);

    const { identities, writes } = await planWrites(
      anApp(azure, {
        SCOPES: `/subscriptions/${SUBSCRIPTION}`,
        BRING_YOUR_OWN_USER_ASSIGNED_MANAGED_IDENTITY: 'true',
        RESTRICT_BRING_YOUR_OWN_TO_SUBSCRIPTION: 'false',
        USER_ASSIGNED_IDENTITY_RESOURCE_ID: central.id,
      }),
    );

    assert.deepEqual(writes, { vms: 2, groups: 0, identities: 0, locks: 0, total: 2 });
    assert.deepEqual(
      identities.map(({ exists, work }) => [exists, work.length]),
      [[true, 2]],
    );
  });

  it('counts everything once where one management group of SCOPES is in another, whichever is named first', async () => {
    const [parent, child] = ['parent', 'child'].map(
      (name) => `/providers/Microsoft.Management/managementGroups/${name}`,
    );
    const memberOf = (group: string | undefined, subscription: string) => ({
      id: `${group}/subscriptions/${subscription}`,
      type: 'Microsoft.Management/managementGroups/subscriptions',
    });
    const gone = identityIn(SUBSCRIPTION, 'gone', 'rg').id;
    await azure.seed([
      { id: parent },
      { id: child, properties: { details: { parent: { id: parent } } } },
      memberOf(child, SUBSCRIPTION),
      memberOf(parent, OTHER_SUBSCRIPTION),
      vmIn(SUBSCRIPTION, 'a', {
        identity: { type: 'SystemAssigned, UserAssigned', userAssignedIdentities: { [gone]: {} } },
      }),
      vmIn(OTHER_SUBSCRIPTION, 'b'),
    ]);

    for (const SCOPES of [`${child},${parent}`, `${parent},${child}`]) {
      const { coverage, writes, dangling } = await planWrites(anApp(azure, { SCOPES }));

      assert.deepEqual(coverage.requests, [{ managementGroup: 'parent' }]);
      assert.deepEqual([writes.vms, dangling.map(({ vms }) => vms)], [2, [1]]);
    }
  });

  it('knows how long it takes at Azure’s pace, and in how many sweeps', async () => {
    await azure.seed(threeHundred);

    const { makespan, sweeps } = await planWrites(anApp(azure, { MAX_ASSIGNMENTS_PER_SWEEP: '100' }));

    // Of 250 reads at once and 25 a second 70 % are ours: 600 reads of the VMs take (600 - 175) / 17.5 s. The 303 writes
    // take less, (303 - 140) / 7 s, and the 300 assignments (300 - 210) / 10.5 s.
    assert.equal(makespan.seconds, 425 / 17.5);
    assert.equal(makespan.heldBackBy?.name, 'Resource Manager reads');
    assert.equal(sweeps, 3);
  });

  it('goes on where the locks cannot be read', async () => {
    await azure.seed([vmIn(SUBSCRIPTION, 'a'), identityIn(SUBSCRIPTION, 'built-in-identity-eastus')]);
    azure.faults.add({
      method: 'GET',
      path: '/locks$',
      times: 9,
      status: 403,
      headers: {},
      latencyMs: 0,
      body: { error: { code: 'AuthorizationFailed', message: 'no' } },
    });

    const { identities } = await planWrites(anApp(azure));

    assert.deepEqual(
      identities.map(({ locked, steps }) => [locked, steps]),
      [[undefined, []]],
    );
  });
});

describe('vm-identity plan', () => {
  const seedThree = () =>
    azure.seed([
      identityIn(SUBSCRIPTION, 'app', 'rg'),
      vmIn(SUBSCRIPTION, 'vm-none'),
      vmIn(SUBSCRIPTION, 'vm-system', { identity: { type: 'SystemAssigned' } }),
      vmIn(SUBSCRIPTION, 'vm-single', {
        identity: {
          type: 'UserAssigned',
          userAssignedIdentities: { [identityIn(SUBSCRIPTION, 'app', 'rg').id]: {} },
        },
      }),
    ]);

  it('--json prints a line for each VM that would be written, and the plan', async () => {
    await seedThree();

    const { code, stdout } = await cli(['plan', '--json']);

    const [none, system, last, ...more] = jsonLines(stdout);
    assert.equal(code, 0);
    assert.deepEqual(more, []);
    assert.deepEqual(
      [none, system].map(({ id, defaultIdentity }) => [id.split('/').at(-1), defaultIdentity]),
      [
        ['vm-none', 'gained'],
        ['vm-system', 'kept'],
      ],
    );
    assert.deepEqual(last.plan.writes, { vms: 2, groups: 1, identities: 1, locks: 1, total: 5 });
    assert.deepEqual(last.plan.leftAlone.compliant, { 'single-identity': 1 });
    assert.equal(last.plan.gainingDefault, 1);
    assert.equal(callsTo(azure, WRITE, /./), 0);
  });

  it('shows people tables, at most --limit VMs, and whose default identity changes', async () => {
    await seedThree();

    const { code, stdout } = await cli(['plan', '--limit', '1'], { EFFECT: 'Disabled' });

    assert.equal(code, 0);
    assert.match(
      stdout,
      /vm-none +eastus +no identity +add built-in-identity-eastus +gained\n {2}… and 1 more/,
    );
    assert.doesNotMatch(stdout, /vm-system/);
    assert.match(stdout, /becomes the default: 1 VM\./);
    assert.match(stdout, /take the default away \(single-identity\): 1 VM\./);
    assert.match(stdout, /create group, create identity, lock identity, assign/);
    assert.match(stdout, /Writes: 5, .*At Azure's pace within a minute/);
    assert.match(stdout, /EFFECT is Disabled: nothing of this is done/);
  });

  it('says how long it takes at Azure’s pace, what holds it back, and how many sweeps it takes', async () => {
    await azure.seed(threeHundred);
    const settings = { MAX_ASSIGNMENTS_PER_SWEEP: '100' };

    const text = await cli(['plan'], settings);
    const json = await cli(['plan', '--json', '--limit', '1'], settings);

    assert.match(
      text.stdout,
      /At Azure's pace at least 25 s, held back by Resource Manager reads \(250 at once, then 25\.0\/s, of which 70 % are ours\)\./,
    );
    assert.match(text.stdout, /MAX_ASSIGNMENTS_PER_SWEEP is 100, so that it takes 3 sweeps\./);
    const { plan } = jsonLines(json.stdout).at(-1);
    assert.deepEqual([plan.seconds, plan.heldBackBy, plan.sweeps], [25, 'Resource Manager reads', 3]);
  });

  it('exits 1 and says what to do about identities that VMs carry and that are gone', async () => {
    const gone = identityIn(SUBSCRIPTION, 'gone', 'rg').id;
    await azure.seed([
      vmIn(SUBSCRIPTION, 'vm', {
        identity: { type: 'SystemAssigned, UserAssigned', userAssignedIdentities: { [gone]: {} } },
      }),
    ]);

    const { code, stdout } = await cli(['plan']);

    assert.equal(code, 1);
    assert.match(stdout, /identity-dangling \(1 VM\): .*\/gone[\s\S]*az vm identity remove/);
  });

  it('exits 1 where the identity that you bring is missing, as the sweep does', async () => {
    const own = {
      BRING_YOUR_OWN_USER_ASSIGNED_MANAGED_IDENTITY: 'true',
      USER_ASSIGNED_IDENTITY_NAME: 'own',
      IDENTITY_RESOURCE_GROUP: 'rg-own',
    };
    await azure.seed([vmIn(SUBSCRIPTION, 'vm')]);

    const { code, stdout } = await cli(['plan'], own);

    assert.equal(code, 1);
    assert.match(stdout, /own +missing .*create it first/);
    assert.equal((await cli(['sweep', '--json'], own)).code, 1);
  });

  it('exits 1 and says why where it could not be asked which goal identities are gone', async () => {
    const goal = regionalIdentity('eastus');
    await azure.seed([
      { id: goal, location: 'eastus' },
      vmIn(SUBSCRIPTION, 'vm', {
        identity: { type: 'UserAssigned', userAssignedIdentities: { [goal]: {} } },
      }),
    ]);
    const app = anApp(azure);
    const { scopes, excludedScopes } = app.settings;
    await planSweep(app, await resolveScopes(app.clients, scopes, excludedScopes));
    // That was the last query. Faults come in order: all before it pass, and it is refused.
    const before = callsTo(azure, /POST/, /ResourceGraph/) - 1;
    const query = { method: 'POST', path: 'ResourceGraph', headers: {} } as const;
    const body = { error: { code: 'AuthorizationFailed', message: 'no' } };
    const refuse = () => {
      azure.faults.add({ ...query, times: before, latencyMs: 1 });
      azure.faults.add({ ...query, times: 1, latencyMs: 0, status: 403, body });
    };

    refuse();
    const { code, stdout } = await cli(['plan']);
    refuse();
    const json = await cli(['plan', '--json']);

    assert.equal(code, 1);
    assert.match(stdout, /renewals-unread: resources\n.*AuthorizationFailed[\s\S]*not recognised/);
    assert.equal(json.code, 1);
    assert.deepEqual(
      jsonLines(json.stdout)[0].plan.unread.map(({ reason }: { reason: string }) => reason),
      ['renewals-unread'],
    );
  });

  it('says when there is nothing to write', async () => {
    await azure.seed([{ id: `/subscriptions/${SUBSCRIPTION}`, properties: {} }]);

    const { code, stdout } = await cli(['plan']);

    assert.equal(code, 0);
    assert.match(stdout, /Nothing to write/);
  });

  it('exits 2 on a limit that is no number', async () => {
    assert.equal((await cli(['plan', '--limit', 'all'])).code, 2);
  });
});
