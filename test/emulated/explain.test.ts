import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { generateFleet } from '../../emulator/fleet/generate.ts';
import { parseVmId } from '../../src/domain/resourceId.ts';
import { explainVm } from '../../src/remediation/explainVm.ts';
import { sweep } from '../../src/remediation/sweep.ts';
import { anApp, anotherAzure, azureForEachTest, callsTo, vmIn, WRITE } from '../azure.ts';
import { OTHER_SUBSCRIPTION, SUBSCRIPTION } from '../builders.ts';
import { cliAgainst, jsonLines } from '../cli.ts';

const azure = await azureForEachTest();

const vm = vmIn(SUBSCRIPTION, 'vm', { tags: { Skip: 'yes' } });
const goal = `/subscriptions/${SUBSCRIPTION}/resourceGroups/built-in-identity-rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/built-in-identity-eastus`;
const explain = (settings: Record<string, string> = {}, id = vm.id) => {
  const parsed = parseVmId(id);
  assert.ok(parsed);
  return explainVm(anApp(azure, settings), parsed);
};

describe('explainVm', () => {
  it('gives the verdict of the sweep, for every VM of a fleet, and writes nothing', async () => {
    await azure.seed(generateFleet({ vms: 150, seed: 7 }));
    const ids = [...azure.store.list('microsoft.compute/virtualmachines')].map(({ resource }) => resource.id);
    const settings = {
      EXCLUSION_TAG: 'skip',
      ONLY_REGIONS: 'eastus,eastus2,westeurope',
      EFFECT: 'AuditIfNotExists',
    };
    const verdicts = new Map<string, number>();

    for (const id of ids) {
      const { verdict, graphIsCurrent } = await explain(settings, id);
      assert.ok(graphIsCurrent);
      const reason = verdict?.reason ?? 'assign';
      verdicts.set(reason, (verdicts.get(reason) ?? 0) + 1);
    }

    assert.equal(callsTo(azure, WRITE, /./), 0);
    const { tally } = await sweep(anApp(azure, settings));
    const counted = Object.entries({ ...tally.compliant, ...tally.excluded, ...tally.deferred });
    assert.deepEqual(new Map([...verdicts].sort()), new Map(counted.sort()));
    assert.ok(verdicts.size >= 5, 'the fleet has too few kinds of VMs to prove anything');
  });

  it('shows every rule with what it saw; the first that holds decides', async () => {
    await azure.seed([vm]);

    const { rules, verdict } = await explain({ EXCLUSION_TAG: 'skip=yes', EFFECT: 'AuditIfNotExists' });

    assert.equal(verdict?.reason, 'exclusion-tag');
    assert.deepEqual(
      rules.filter(({ holds }) => holds).map(({ reason }) => reason),
      ['exclusion-tag', 'audit-only'],
    );
    assert.match(
      rules.find(({ reason }) => reason === 'exclusion-tag')?.saw ?? '',
      /EXCLUSION_TAG is skip=yes, tags of the VM: Skip=yes/,
    );
  });

  it('tells whether the goal identity exists and is locked', async () => {
    await azure.seed([vm]);
    assert.deepEqual((await explain()).goal, { id: goal, exists: false, locked: false });

    await sweep(anApp(azure));

    const { exists, locked } = (await explain()).goal ?? {};
    assert.deepEqual([exists, locked], [true, true]);
  });

  it('foretells that a brought identity is missing', async () => {
    await azure.seed([vm]);

    const { verdict, nextSweep } = await explain({
      BRING_YOUR_OWN_USER_ASSIGNED_MANAGED_IDENTITY: 'true',
      USER_ASSIGNED_IDENTITY_NAME: 'own',
      IDENTITY_RESOURCE_GROUP: 'rg',
    });

    assert.equal(verdict?.reason, 'identity-missing');
    assert.match(nextSweep, /cannot assign/);
  });

  it('says of a VM out of scope that it is, and of one that is gone that it is', async () => {
    await azure.seed([vm, vmIn(OTHER_SUBSCRIPTION, 'other')]);

    const other = await explain({ SCOPES: `/subscriptions/${OTHER_SUBSCRIPTION}` });
    const gone = await explain({}, `${vm.id}-gone`);

    assert.equal(other.verdict?.reason, 'out-of-scope');
    assert.equal(gone.verdict?.reason, 'vm-gone');
    assert.equal(gone.rules.at(-1)?.holds, undefined);
  });

  for (const [reason, settings] of Object.entries<Record<string, string>>({
    'deferred (audit-only)': { EFFECT: 'AuditIfNotExists' },
    'excluded (effect-disabled)': { EFFECT: 'Disabled' },
    'excluded (out-of-scope)': { SCOPES: `/subscriptions/${OTHER_SUBSCRIPTION}` },
  })) {
    it(`does not blame Resource Graph, which says rightly that the VM lacks its identity: ${reason}`, async () => {
      await azure.seed([vm, vmIn(OTHER_SUBSCRIPTION, 'other')]);

      const { graph, nextSweep } = await explain(settings);

      assert.equal(graph?.verdict, 'goal-missing');
      assert.equal(nextSweep, `leaves it alone: ${reason}`);
    });
  }

  it('says how far Resource Graph is behind the VM', async (t) => {
    const stale = await anotherAzure(t, azure, { graphLagSeconds: 3600 });
    await stale.seed([vm]);
    await sweep(anApp(stale));
    const id = parseVmId(vm.id);
    assert.ok(id);

    const { verdict, graph, graphIsCurrent, nextSweep } = await explainVm(anApp(stale), id);

    assert.equal(verdict?.reason, 'goal-present');
    assert.equal(graph?.verdict, 'goal-missing');
    assert.equal(graphIsCurrent, false);
    assert.match(nextSweep, /reads it, since Resource Graph does not know that yet/);
  });
});

describe('vm-identity explain', () => {
  it('says it in words, and with --json in one line', async () => {
    await azure.seed([vm]);

    const text = await cliAgainst(azure, ['explain', vm.id], { EXCLUSION_TAG: 'skip' });
    const json = await cliAgainst(azure, ['explain', vm.id, '--json']);

    assert.equal(text.code, 0);
    assert.match(text.stdout, /→ exclusion-tag +yes +EXCLUSION_TAG is skip/);
    assert.match(text.stdout, /Verdict +excluded \(exclusion-tag\)/);
    const [line, ...more] = jsonLines(json.stdout);
    assert.deepEqual(
      [line.outcome, line.goal.id, line.graph.verdict, more],
      ['assign', goal, 'goal-missing', []],
    );
  });

  it('exits 1 where the next sweep cannot assign, and where the VM cannot be read', async () => {
    await azure.seed([vm]);
    const missing = await cliAgainst(azure, ['explain', vm.id], {
      BRING_YOUR_OWN_USER_ASSIGNED_MANAGED_IDENTITY: 'true',
      USER_ASSIGNED_IDENTITY_NAME: 'own',
      IDENTITY_RESOURCE_GROUP: 'rg',
    });
    azure.faults.add({
      ...{ method: 'GET', path: '/virtualMachines/', times: 9, headers: {}, latencyMs: 0 },
      ...{ status: 403, body: { error: { code: 'AuthorizationFailed', message: 'no' } } },
    });

    const unread = await cliAgainst(azure, ['explain', vm.id, '--json']);

    assert.equal(missing.code, 1);
    assert.match(missing.stdout, /Verdict +failed \(identity-missing\)/);
    assert.equal(unread.code, 1);
    const [{ outcome, reason }] = jsonLines(unread.stdout);
    assert.deepEqual([outcome, reason], ['failed', 'forbidden']);
  });

  it('cannot be made to forge lines by tags', async () => {
    await azure.seed([{ ...vm, tags: { skip: 'x\nVerdict          assigned' } }]);

    const { stdout } = await cliAgainst(azure, ['explain', vm.id]);

    assert.equal(stdout.split('\n').filter((line) => line.startsWith('Verdict')).length, 1);
  });

  it('exits 2 on an id that is no VM’s', async () => {
    const { code, stderr } = await cliAgainst(azure, ['explain', `${vm.id}/extensions/x`]);

    assert.equal(code, 2);
    assert.match(stderr, /Expected \/subscriptions/);
  });
});
