import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { remediator } from '../../emulator/arm/principals.ts';
import type { Fault } from '../../emulator/control/faults.ts';
import { resolveScopes } from '../../src/azure/scopeResolution.ts';
import { identityId } from '../../src/domain/resourceId.ts';
import { contestHistory } from '../../src/remediation/contests.ts';
import { exclusive } from '../../src/remediation/exclusive.ts';
import { goalIdentities } from '../../src/remediation/goalIdentities.ts';
import { shared } from '../../src/remediation/shared.ts';
import { startSweep } from '../../src/remediation/startSweep.ts';
import { sweep } from '../../src/remediation/sweep.ts';
import { remediateVm, type VmReport } from '../../src/remediation/vm.ts';
import { workRegion } from '../../src/remediation/workRegion.ts';
import { workVm } from '../../src/remediation/workVm.ts';
import { aLog, anApp, azureForEachTest, callsTo, VM_PATH, vmIn, WRITE } from '../azure.ts';
import { aVmId, OTHER_SUBSCRIPTION, regionalIdentity, SUBSCRIPTION } from '../builders.ts';
import { customRole, grant, roleOfList } from '../role.ts';

const READER = 'acdd72a7-3385-48ef-bd42-f606fba81ae7';
const OWNER = '8e3af657-a8ff-443c-a75c-2fe8c4bcb635';
const ROLE = roleOfList({ mode: 'builtIn', lockIdentities: true }).actions;
const root = `/subscriptions/${SUBSCRIPTION}`;
const other = `/subscriptions/${OTHER_SUBSCRIPTION}`;
const PREFLIGHT =
  /\/Microsoft\.Authorization\/(permissions|roleAssignments)$|\/providers\/Microsoft\.(Compute|ManagedIdentity)$/;
const own = {
  BRING_YOUR_OWN_USER_ASSIGNED_MANAGED_IDENTITY: 'true',
  USER_ASSIGNED_IDENTITY_NAME: 'id-own',
  IDENTITY_RESOURCE_GROUP: 'rg-ids',
};
const CENTRAL = identityId(OTHER_SUBSCRIPTION, 'rg-central', 'id-all');
const central = {
  SCOPES: root,
  BRING_YOUR_OWN_USER_ASSIGNED_MANAGED_IDENTITY: 'true',
  RESTRICT_BRING_YOUR_OWN_TO_SUBSCRIPTION: 'false',
  USER_ASSIGNED_IDENTITY_RESOURCE_ID: CENTRAL,
};

const azure = await azureForEachTest();

async function run(settings: Record<string, string> = {}) {
  const reports: VmReport[] = [];
  const summary = await sweep(anApp(azure, settings), { onVm: (report) => reports.push(report) });
  return { ...summary, reasons: new Map(reports.map(({ vm, outcome }) => [vm.name, outcome.reason])) };
}

const vmsIn = (subscription: string, count: number, locations = ['eastus', 'westeurope']) =>
  Array.from({ length: count }, (_, n) =>
    vmIn(subscription, `vm-${n}`, { location: locations[n % locations.length], group: `rg-${n % 4}` }),
  );
const lacking = (...suffixes: string[]) =>
  ROLE.filter((action) => !suffixes.some((one) => action.endsWith(one)));
const preflightCalls = (where = '') =>
  azure.journal.calls().filter(({ path }) => PREFLIGHT.test(path) && path.includes(where)).length;
const fault = (more: Partial<Fault>): Fault => ({
  method: '*',
  path: '',
  times: 999,
  headers: {},
  latencyMs: 0,
  body: { error: { code: 'Whatever', message: 'no' } },
  ...more,
});
const provider = (namespace: string, more: object) => ({ id: `${root}/providers/${namespace}`, ...more });

describe('preflight', () => {
  it('costs three calls a subscription with work, whatever its VMs and regions, and none when nothing is to do', async () => {
    await azure.seed([
      ...vmsIn(SUBSCRIPTION, 40, ['eastus', 'westeurope', 'westus']),
      ...vmsIn(OTHER_SUBSCRIPTION, 40),
      ...[root, other].flatMap((scope) => grant(scope, customRole(ROLE))),
    ]);

    assert.deepEqual((await run()).problems, []);

    assert.deepEqual([preflightCalls(SUBSCRIPTION), preflightCalls(OTHER_SUBSCRIPTION)], [3, 3]);
    azure.journal.clear();
    await run();
    assert.equal(preflightCalls(), 0);
  });

  for (const [mode, settings] of Object.entries({ builtIn: {}, own, central })) {
    it(`${mode}: finds that a subscription may only be read, and no VM of it is tried`, async () => {
      await azure.seed([
        ...vmsIn(SUBSCRIPTION, 30),
        ...[identityId(SUBSCRIPTION, 'rg-ids', 'id-own'), CENTRAL].map((id) => ({ id, location: 'eastus' })),
        ...grant(root, READER),
        ...grant(CENTRAL, OWNER),
      ]);

      const { problems, tally } = await run({ SCOPES: root, ...settings });

      assert.deepEqual(tally.failed, { forbidden: 30 });
      assert.deepEqual(
        problems.map(({ subject, vms }) => [subject, vms]),
        [[root, 30]],
      );
      assert.match(
        problems[0]?.detail ?? '',
        /Microsoft\.Compute\/virtualMachines\/write.* over scope '\/subscriptions\/1/,
      );
      assert.equal(callsTo(azure, /./, VM_PATH), 0);
      assert.equal(callsTo(azure, WRITE, /./), 0);
      assert.ok(preflightCalls() <= 4, `${preflightCalls()} calls`);
    });
  }

  it('says the command that mends it: run, the next sweep goes well', async () => {
    await azure.seed([...vmsIn(SUBSCRIPTION, 3), ...grant(root, READER)]);
    const { problems } = await run({ SCOPES: root });
    const [, assignee, role, scope = ''] =
      /^Assign the role: az role assignment create --assignee (\S+) --role "([^"]+)" --scope "([^"]+)"/.exec(
        problems[0]?.next ?? '',
      ) ?? [];

    await azure.seed(grant(scope, customRole(ROLE), assignee));

    assert.equal(role, `VM Identity Remediator (${SUBSCRIPTION})`);
    assert.deepEqual((await run({ SCOPES: root })).tally.assigned, { 'goal-added': 3 });
  });

  it('names everything the role lacks at once, and what to add to it', async () => {
    await azure.seed([
      ...vmsIn(SUBSCRIPTION, 3),
      ...grant(root, customRole(lacking('/assign/action', '/locks/write', '/resourceGroups/write'))),
    ]);

    const { problems } = await run({ SCOPES: root });

    assert.equal(problems.length, 1);
    assert.match(
      problems[0]?.next ?? '',
      /^Add what the role lacks: az role definition list .*; add Microsoft\.ManagedIdentity\/userAssignedIdentities\/assign\/action, Microsoft\.Resources\/subscriptions\/resourceGroups\/write, Microsoft\.Authorization\/locks\/write to its actions; az role definition update/,
    );
    assert.equal(callsTo(azure, WRITE, /./), 0, 'something was made that nobody may assign');
  });
});

describe('what works all the same is never held up:', () => {
  const everything = [{ id: regionalIdentity('eastus'), location: 'eastus' }];
  const onIdentity = customRole(
    roleOfList({ mode: 'builtIn', lockIdentities: true }).actions,
    undefined,
    'identity',
  );

  it('rights on one group: its VMs are assigned, the others tell themselves', async () => {
    await azure.seed([
      ...everything,
      vmIn(SUBSCRIPTION, 'in', { group: 'rg-granted' }),
      vmIn(SUBSCRIPTION, 'out', { group: 'rg-bare' }),
      ...grant(root, READER),
      ...grant(`${root}/resourceGroups/built-in-identity-rg`, onIdentity),
      ...grant(`${root}/resourceGroups/rg-granted`, customRole(ROLE)),
    ]);

    const { reasons } = await run({ SCOPES: root });

    assert.deepEqual([reasons.get('in'), reasons.get('out')], ['goal-added', 'forbidden']);
  });

  it('rights on one VM and on the identity alone', async () => {
    const granted = vmIn(SUBSCRIPTION, 'in');
    await azure.seed([
      ...everything,
      granted,
      vmIn(SUBSCRIPTION, 'out'),
      ...grant(root, READER),
      ...grant(regionalIdentity('eastus'), onIdentity),
      ...grant(granted.id, customRole(ROLE)),
    ]);

    const { reasons } = await run({ SCOPES: root });

    assert.deepEqual([reasons.get('in'), reasons.get('out')], ['goal-added', 'forbidden']);
  });

  it('rights to assign that are on the identity, not on its group', async () => {
    await azure.seed([
      ...everything,
      ...vmsIn(SUBSCRIPTION, 4, ['eastus']),
      ...grant(root, customRole(lacking('/assign/action'))),
      ...grant(regionalIdentity('eastus'), onIdentity),
    ]);

    assert.deepEqual((await run({ SCOPES: root })).tally.assigned, { 'goal-added': 4 });
  });

  for (const [what, more] of Object.entries({
    'answers 400': { status: 400 },
    'answers 403': { status: 403 },
    'answers 404': { status: 404 },
    'does not even have the right by which it was read': { status: 200, body: { value: [] } },
  })) {
    it(`the permissions list ${what}`, async () => {
      await azure.seed([...vmsIn(SUBSCRIPTION, 4), ...grant(root, customRole(ROLE))]);
      azure.faults.add(fault({ path: '/permissions$', ...more }));

      assert.deepEqual((await run({ SCOPES: root })).tally.assigned, { 'goal-added': 4 });
    });
  }

  it('the role assignments cannot be listed: VMs are tried', async () => {
    await azure.seed([
      ...everything,
      ...vmsIn(SUBSCRIPTION, 4, ['eastus']),
      ...grant(root, customRole(lacking('/virtualMachines/write'))),
    ]);

    const { tally, problems } = await run({ SCOPES: root });

    assert.deepEqual(tally.failed, { forbidden: 4 });
    assert.equal(callsTo(azure, /PATCH/, VM_PATH), 4);
    assert.match(
      problems[0]?.next ?? '',
      /Microsoft\.Compute\/virtualMachines\/write.*az role definition update/,
    );
  });

  it('a deny assignment, of which the permissions list knows nothing, concerns its own VMs only', async () => {
    const deny = {
      id: `${root}/resourceGroups/rg-0/providers/Microsoft.Authorization/denyAssignments/d`,
      properties: {
        permissions: [{ actions: ['Microsoft.Compute/virtualMachines/write'] }],
        principals: [{ id: '00000000-0000-0000-0000-000000000000' }],
      },
    };
    await azure.seed([...vmsIn(SUBSCRIPTION, 4), deny, ...grant(root, customRole(ROLE))]);

    const { tally } = await run({ SCOPES: root });

    assert.deepEqual([tally.assigned, tally.failed], [{ 'goal-added': 3 }, { 'deny-assignment': 1 }]);
  });

  it('a provider that is being registered, or cannot be read', async () => {
    await azure.seed([...vmsIn(SUBSCRIPTION, 2)]);
    azure.faults.add(fault({ path: '/providers/Microsoft.ManagedIdentity$', status: 403, times: 1 }));
    azure.faults.add(
      fault({
        path: '/providers/Microsoft.Compute$',
        status: 200,
        body: { registrationState: 'Registering' },
      }),
    );

    assert.deepEqual((await run({ SCOPES: root })).tally.assigned, { 'goal-added': 2 });
  });

  it('an unregistered Microsoft.ManagedIdentity where identities are brought from elsewhere', async () => {
    await azure.seed([
      ...vmsIn(SUBSCRIPTION, 2),
      { id: CENTRAL, location: 'eastus' },
      provider('Microsoft.ManagedIdentity', { registrationState: 'NotRegistered' }),
    ]);

    assert.deepEqual((await run(central)).tally.assigned, { 'goal-added': 2 });
  });

  it('a region without identities, where the identity is there all the same', async () => {
    const resourceTypes = [{ resourceType: 'userAssignedIdentities', locations: ['West Europe'] }];
    await azure.seed([
      ...vmsIn(SUBSCRIPTION, 2, ['eastus']),
      { id: regionalIdentity('eastus'), location: 'westeurope' },
      provider('Microsoft.ManagedIdentity', { resourceTypes }),
    ]);

    assert.deepEqual((await run({ SCOPES: root })).tally.assigned, { 'goal-added': 2 });
  });
});

describe('what else is told before the first write:', () => {
  for (const namespace of ['Microsoft.ManagedIdentity', 'Microsoft.Compute']) {
    it(`${namespace} is not registered`, async () => {
      await azure.seed([
        ...vmsIn(SUBSCRIPTION, 6),
        provider(namespace, { registrationState: 'NotRegistered' }),
      ]);

      const { tally, problems } = await run({ SCOPES: root });

      assert.deepEqual(tally.failed, { 'provider-not-registered': 6 });
      assert.deepEqual(
        problems.map(({ subject, next }) => [subject, next]),
        [[root, `Register: az provider register --namespace ${namespace} --subscription ${SUBSCRIPTION}`]],
      );
      assert.equal(callsTo(azure, WRITE, /./) + callsTo(azure, /./, VM_PATH), 0);
    });
  }

  it('rights and a provider are missing: one problem, both commands', async () => {
    await azure.seed([
      ...vmsIn(SUBSCRIPTION, 6),
      ...grant(root, READER),
      provider('Microsoft.ManagedIdentity', { registrationState: 'NotRegistered' }),
    ]);

    const { problems } = await run({ SCOPES: root });

    assert.equal(problems.length, 1);
    assert.match(problems[0]?.next ?? '', /az role assignment create .*az provider register/);
  });

  it('a region makes no identities: its VMs fail with the command that helps, those of other regions are done', async () => {
    const resourceTypes = [{ resourceType: 'UserAssignedIdentities', locations: ['West Europe', 'East US'] }];
    await azure.seed([
      ...vmsIn(SUBSCRIPTION, 6, ['westeurope', 'eastus2']),
      provider('Microsoft.ManagedIdentity', { resourceTypes }),
    ]);

    const { tally, problems } = await run({ SCOPES: root });

    assert.deepEqual([tally.assigned, tally.failed], [{ 'goal-added': 3 }, { 'identity-region': 3 }]);
    assert.match(
      problems[0]?.next ?? '',
      new RegExp(
        `az identity create --name "built-in-identity-eastus2" --resource-group "built-in-identity-rg" --location eastus --subscription ${SUBSCRIPTION}$`,
      ),
    );
    assert.equal(callsTo(azure, /PUT/, /identity-eastus2/), 0);
  });

  it('an identity of your own is missing: one problem with the command, no VM is read', async () => {
    await azure.seed(vmsIn(SUBSCRIPTION, 6));

    const { problems } = await run({ SCOPES: root, ...own });

    assert.equal(problems.length, 1);
    assert.match(problems[0]?.next ?? '', /az identity create --name "id-own" --resource-group "rg-ids"/);
    assert.equal(callsTo(azure, /./, VM_PATH), 0);
  });

  it('a central identity may not be assigned: no VM is written', async () => {
    await azure.seed([
      ...vmsIn(SUBSCRIPTION, 40),
      { id: CENTRAL, location: 'eastus' },
      ...grant(root, customRole(ROLE)),
      ...grant(CENTRAL, READER),
    ]);

    const { tally, problems } = await run(central);

    assert.deepEqual(tally.failed, { 'identity-forbidden': 40 });
    assert.match(problems[0]?.detail ?? '', /assign\/action over scope '.*id-all'/);
    assert.match(problems[0]?.next ?? '', /--role "Managed Identity Operator" --scope ".*\/id-all"/);
    assert.equal(callsTo(azure, /./, VM_PATH), 0);
  });

  it('… and where only the refusal tells, the VMs that follow are not tried', async () => {
    await azure.seed([
      ...vmsIn(SUBSCRIPTION, 400, ['eastus']),
      { id: CENTRAL, location: 'eastus' },
      ...grant(root, customRole(ROLE)),
    ]);

    const { tally } = await run(central);

    assert.deepEqual(tally.failed, { 'identity-forbidden': 400 });
    assert.ok(callsTo(azure, /PATCH/, VM_PATH) < 100, `${callsTo(azure, /PATCH/, VM_PATH)} were tried`);
  });

  it('… in one subscription, which says nothing of the others', async () => {
    const [refused, good] = [SUBSCRIPTION, OTHER_SUBSCRIPTION].map((id) => aVmId('vm', 'rg-app', id));
    assert.ok(refused && good);
    await azure.seed([
      ...[refused, good].map(({ id }) => ({ id, location: 'eastus' })),
      { id: CENTRAL, location: 'eastus' },
    ]);
    const message = 'The current tenant is not authorized to access linked subscription.';
    azure.faults.add(
      fault({
        method: 'PATCH',
        path: refused.id,
        status: 403,
        body: { error: { code: 'LinkedAuthorizationFailed', message } },
      }),
    );
    const app = anApp(azure, { ...central, SCOPES: `${root},${other}` });
    const coverage = await resolveScopes(app.clients, app.settings.scopes, []);
    const context = {
      ...{ app, scopes: coverage.scopes, identities: goalIdentities(app), exclusive: exclusive() },
      contests: contestHistory(app, coverage),
    };

    const reasons: string[] = [];
    for (const vm of [refused, good]) {
      const found = { vm, location: 'eastus', groupManagedBy: async () => '' };
      reasons.push((await remediateVm(context, found)).outcome.reason);
    }

    assert.deepEqual(reasons, ['identity-forbidden', 'goal-added']);
  });

  it('a region logs it once, with the next step', async () => {
    await azure.seed([...vmsIn(SUBSCRIPTION, 30, ['eastus']), ...grant(root, READER)]);
    const log = aLog();
    const until = '2099-01-01T00:00:00.000Z';
    const sweepId = '5ca1ab1e-0001-4000-8000-000000000001';

    await workRegion(
      shared(anApp(azure, { SCOPES: root })),
      { version: 1, location: 'eastus', until, sweepId },
      log,
      { redelivered: false },
    );

    assert.deepEqual(
      log.bad().map(({ properties }) => [properties.reason, properties.vms]),
      [['forbidden', 30]],
    );
    assert.match(String(log.bad()[0]?.properties.next), /az role assignment create/);
    assert.equal(callsTo(azure, /./, VM_PATH), 0);
  });

  it('an event hears of it, too: one error with the next step, no write, and no more calls for the next event', async () => {
    await azure.seed([...vmsIn(SUBSCRIPTION, 2, ['eastus']), ...grant(root, READER)]);
    const [first, second] = vmsIn(SUBSCRIPTION, 2, ['eastus']);
    const one = shared(anApp(azure, { SCOPES: root }));
    const log = aLog();

    await workVm(one, { version: 1, id: first?.id ?? '' }, log, { lastTry: false });
    const calls = preflightCalls();
    await workVm(one, { version: 1, id: second?.id ?? '' }, log, { lastTry: false });

    assert.equal(callsTo(azure, WRITE, /./), 0);
    assert.equal(preflightCalls(), calls);
    assert.deepEqual(
      log.bad().map(({ properties }) => properties.reason),
      ['forbidden', 'forbidden'],
    );
    assert.match(String(log.bad()[0]?.properties.next), /az role assignment create/);
  });
});

describe('what is hidden for want of a right', () => {
  it('does not pass for a group that nobody manages', async () => {
    const node = vmIn(SUBSCRIPTION, 'node', { group: 'MC_aks' });
    await azure.seed([
      node,
      vmIn(SUBSCRIPTION, 'plain'),
      { id: `${root}/resourceGroups/MC_aks`, location: 'eastus', managedBy: '/subscriptions/x' },
      ...everythingBut('/resourceGroups/read', '/permissions/read'),
      ...grant(`${root}/resourceGroups/rg-app`, READER),
    ]);

    const { reasons } = await run({ SCOPES: root });

    assert.equal(reasons.get('node'), 'forbidden');
    assert.equal(callsTo(azure, /PATCH/, /\/node$/), 0);
    assert.equal(callsTo(azure, /GET/, /resourceGroups\/MC_aks$/i), 1);
  });

  it('is named where only the group of the identities tells', async () => {
    await azure.seed([
      ...vmsIn(SUBSCRIPTION, 2),
      ...everythingBut('/resourceGroups/read', '/permissions/read'),
    ]);

    const { problems } = await run({ SCOPES: root, INCLUDE_MANAGED_GROUPS: 'true' });

    assert.match(
      problems[0]?.detail ?? '',
      /'Microsoft\.Resources\/subscriptions\/resourceGroups\/read' over scope/,
    );
    assert.match(problems[0]?.next ?? '', /az role assignment create/);
  });

  it('does not pass for a tenant without VMs', async () => {
    await azure.seed([...vmsIn(SUBSCRIPTION, 2), ...everythingBut('/virtualMachines/read')]);

    const { problems, tally } = await run({ SCOPES: root });

    assert.deepEqual(tally.assigned, {});
    assert.deepEqual(
      problems.map(({ subject, reason }) => [subject, reason]),
      [[root, 'forbidden']],
    );
    assert.match(problems[0]?.detail ?? '', /lacks Microsoft\.Compute\/virtualMachines\/read over/);
  });

  it('is told by the timer, too', async () => {
    await azure.seed([...vmsIn(SUBSCRIPTION, 2), ...everythingBut('/virtualMachines/read')]);
    const log = aLog();

    assert.deepEqual(await startSweep(shared(anApp(azure, { SCOPES: root })), log), []);

    assert.match(String(log.bad()[0]?.properties.detail), /virtualMachines\/read/);
  });

  it('a tenant without VMs is no problem', async () => {
    await azure.seed([{ id: root }, ...grant(root, customRole(ROLE))]);

    assert.deepEqual((await run({ SCOPES: root })).problems, []);
  });

  it('does not pass for an empty management group: neither one in SCOPES nor one that is excluded', async () => {
    const corp = '/providers/Microsoft.Management/managementGroups/corp';
    await azure.seed([
      { id: corp },
      {
        id: `${corp}/subscriptions/${SUBSCRIPTION}`,
        type: 'Microsoft.Management/managementGroups/subscriptions',
      },
      ...vmsIn(SUBSCRIPTION, 2),
      ...everythingBut('/subscriptions/read'),
    ]);

    await assert.rejects(run({ SCOPES: corp }), /managementGroups\/corp holds no subscription, or none that/);
    await assert.rejects(
      run({ SCOPES: `${root}/resourceGroups/rg-0`, EXCLUDED_SCOPES: corp }),
      /EXCLUDED_SCOPES has .*corp.* could not be kept out/,
    );
    assert.equal(callsTo(azure, WRITE, /./), 0);
  });

  it('a scope that cannot be read says how to grant it, to whom', async () => {
    await azure.seed([...vmsIn(SUBSCRIPTION, 2), { id: other }, ...grant(root, customRole(ROLE))]);
    const { clients, settings } = anApp(azure, { SCOPES: `${root},${other}` });

    const { problems } = await resolveScopes(clients, settings.scopes, []);

    assert.match(
      problems[0]?.next ?? '',
      new RegExp(
        `Microsoft.Resources/subscriptions/read.*--assignee ${remediator.objectId} .*--scope "${other}"`,
      ),
    );
  });

  function everythingBut(...suffixes: string[]): unknown[] {
    return grant(root, customRole(lacking(...suffixes)));
  }
});
