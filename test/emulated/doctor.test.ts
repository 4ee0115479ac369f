import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { remediator, TENANT_ID } from '../../emulator/arm/principals.ts';
import { READ_EVENTS } from '../../src/azure/systemTopics.ts';
import { identityId } from '../../src/domain/resourceId.ts';
import { azureForEachTest, callsTo, vmIn, WRITE } from '../azure.ts';
import { OTHER_SUBSCRIPTION, SUBSCRIPTION } from '../builders.ts';
import { cliAgainst, jsonLines } from '../cli.ts';
import { customRole, grant, roleOfList } from '../role.ts';

const READER = 'acdd72a7-3385-48ef-bd42-f606fba81ae7';
// With what a person may have, and the remediator has not: events are read by doctor only.
const ROLE = [...roleOfList({ mode: 'builtIn', lockIdentities: true }).actions, ...READ_EVENTS];
const root = `/subscriptions/${SUBSCRIPTION}`;
const other = `/subscriptions/${OTHER_SUBSCRIPTION}`;
const FUNCTION =
  '/subscriptions/5ca1ab1e-0001-4000-8000-000000000001/resourceGroups/rg-app/providers/Microsoft.Web/sites/func/functions/vmWritten';
const topicOf = (scope: string) =>
  `${scope}/resourceGroups/rg-events/providers/Microsoft.EventGrid/systemTopics/vm-writes`;
const topicIn = (scope: string) => ({
  id: topicOf(scope),
  location: 'global',
  properties: { source: scope, topicType: 'Microsoft.Resources.Subscriptions' },
});
const routeIn = (scope: string, more: { resourceId?: string; provisioningState?: string } = {}) => ({
  id: `${topicOf(scope)}/eventSubscriptions/vm-identity-remediator`,
  properties: {
    provisioningState: more.provisioningState ?? 'Succeeded',
    destination: { endpointType: 'AzureFunction', properties: { resourceId: more.resourceId ?? FUNCTION } },
  },
});
const named = (id: string, displayName: string) => ({ id, properties: { displayName } });

const azure = await azureForEachTest();
beforeEach(() =>
  azure.seed([
    named(root, 'Shop'),
    named(other, 'Legacy'),
    vmIn(SUBSCRIPTION, 'a'),
    vmIn(OTHER_SUBSCRIPTION, 'b', { location: 'westeurope' }),
    ...[root, other].flatMap((scope) => [topicIn(scope), routeIn(scope)]),
  ]),
);

const doctor = (env: Record<string, string | undefined> = {}, ...args: string[]) =>
  cliAgainst(azure, ['doctor', ...args], env);
async function checks(env: Record<string, string | undefined> = {}) {
  const { code, stdout, stderr } = await doctor(env, '--json');
  const lines = jsonLines(stdout);
  const summary = lines.pop();
  return { code, stderr, lines, summary, bad: lines.filter(({ state }) => state !== 'ok') };
}

describe('vm-identity doctor', () => {
  it('looks at settings, sign-in and scopes first, then at every subscription, and exits 0 when all is well', async () => {
    const { code, stdout, stderr } = await doctor();

    assert.equal(code, 0, stdout);
    const words = stdout
      .split('\n')
      .slice(1, -1)
      .map((line) => line.trim().split(/ {2,}/));
    assert.deepEqual(
      words.slice(0, 3).map(([, check, state]) => [check, state]),
      [
        ['settings', 'ok'],
        ['sign-in', 'ok'],
        ['scopes', 'ok'],
      ],
    );
    assert.ok(stdout.includes(remediator.objectId));
    for (const name of ['Shop', 'Legacy']) {
      assert.deepEqual(
        words.filter(([subscription]) => subscription === name).map(([, check]) => check),
        ['rights', 'Microsoft.Compute', 'Microsoft.ManagedIdentity', 'regions', 'events'],
      );
    }
    assert.match(stderr, /Looking at every subscription/);
    assert.equal(callsTo(azure, WRITE, /./), 0);
  });

  it('puts the fix beneath each gap, and exits 1', async () => {
    await azure.seed([
      ...grant(root, customRole(ROLE)),
      ...grant(other, READER),
      { id: `${other}/providers/Microsoft.ManagedIdentity`, registrationState: 'NotRegistered' },
    ]);

    const { code, stdout } = await doctor();

    assert.equal(code, 1);
    const after = (start: RegExp) => {
      const lines = stdout.split('\n');
      return lines[lines.findIndex((line) => start.test(line)) + 1];
    };
    assert.match(
      after(/Legacy +rights +missing +The remediator lacks /) ?? '',
      / → Assign the role: az role assignment create/,
    );
    assert.match(
      after(/Legacy +Microsoft\.ManagedIdentity +missing/) ?? '',
      / → Register it: az provider register/,
    );
    assert.match(stdout, /Shop +rights +ok/);
  });

  it('--json prints one line for each check and a closing summary, and nothing else', async () => {
    await azure.seed([...grant(root, customRole(ROLE)), ...grant(other, READER)]);

    const { code, lines, summary, bad, stderr } = await checks();

    assert.equal(code, 1);
    assert.equal(stderr, '');
    assert.deepEqual(summary, { summary: { ok: lines.length - 1, missing: 1, unknown: 0 } });
    assert.deepEqual(
      bad.map(({ subject, check, state }) => [subject, check, state]),
      [[OTHER_SUBSCRIPTION, 'rights', 'missing']],
    );
    for (const line of lines)
      assert.deepEqual(Object.keys(line), ['subject', 'check', 'state', 'detail', 'next']);
  });

  it('costs a handful of calls a subscription', async () => {
    await checks();

    const calls = azure.journal.calls().filter(({ path }) => path.includes(SUBSCRIPTION)).length;
    assert.ok(calls <= 4, `${calls} calls`);
  });

  it('says what it cannot find out, and by which right it could', async () => {
    const blind = ROLE.filter((action) => !/permissions|providers/.test(action));
    await azure.seed(grant(root, customRole(blind)));

    const { code, bad } = await checks({ SCOPES: root });

    assert.equal(code, 1);
    assert.deepEqual(
      bad.map(({ check, state }) => [check, state]),
      [
        ['rights', 'unknown'],
        ['Microsoft.Compute', 'unknown'],
        ['Microsoft.ManagedIdentity', 'unknown'],
      ],
    );
    assert.match(bad[0].next, /Microsoft\.Authorization\/permissions\/read/);
    assert.match(bad[1].next, /Microsoft\.Resources\/subscriptions\/providers\/read/);
  });

  it('tells whether events bring new VMs to the function, and what to deploy where they do not', async () => {
    const events = async () => (await checks({ SCOPES: root })).lines.find(({ check }) => check === 'events');
    const found = [await events()];
    for (const route of [
      { resourceId: FUNCTION.replace('vmWritten', 'other') },
      { provisioningState: 'Failed' },
    ]) {
      await azure.seed([routeIn(root, route)]);
      found.push(await events());
    }
    azure.store.clear();
    await azure.seed([named(root, 'Shop'), vmIn(SUBSCRIPTION, 'a'), topicIn(root)]);
    found.push(await events());
    azure.store.clear();
    await azure.seed([named(root, 'Shop'), vmIn(SUBSCRIPTION, 'a')]);
    found.push(await events());
    const mayNotRead = ROLE.filter((action) => !action.includes('EventGrid'));
    await azure.seed([...grant(root, customRole(mayNotRead)), topicIn(root), routeIn(root)]);
    found.push(await events());

    assert.deepEqual(
      found.map(({ state }) => state),
      ['ok', 'missing', 'missing', 'missing', 'missing', 'unknown'],
    );
    assert.deepEqual(
      found.map(({ detail }) => detail.replace(/ \(.*/, '')),
      [
        `to ${FUNCTION}`,
        'The event subscription vm-identity-remediator does not send to the function vmWritten.',
        'The event subscription vm-identity-remediator is Failed.',
        'The system topic vm-writes has no event subscription vm-identity-remediator.',
        'No system topic tells of its VMs.',
        'Whether a system topic tells of its VMs may not be read',
      ],
    );
    for (const { next } of found.slice(1, 5)) assert.match(next, /^Deploy step 3 of infra\/README\.md/);
  });

  it('does not call missing what may be granted below the subscription', async () => {
    await azure.seed([...grant(root, READER), ...grant(`${root}/resourceGroups/rg-app`, customRole(ROLE))]);

    const { bad } = await checks({ SCOPES: root });

    assert.deepEqual(
      bad.map(({ check, state }) => [check, state]),
      [['rights', 'unknown']],
    );
    assert.match(bad[0].detail, /Roles assigned below it may have them/);
  });

  it('names regions in which identities cannot be made, unless they are there', async () => {
    const resourceTypes = [{ resourceType: 'userAssignedIdentities', locations: ['East US 2'] }];
    await azure.seed([
      { id: `${root}/providers/Microsoft.ManagedIdentity`, resourceTypes },
      { id: `${other}/providers/Microsoft.ManagedIdentity`, resourceTypes },
      {
        id: identityId(SUBSCRIPTION, 'built-in-identity-rg', 'built-in-identity-eastus'),
        location: 'eastus2',
      },
    ]);

    const { bad } = await checks();

    assert.deepEqual(
      bad.map(({ subject, check }) => [subject, check]),
      [[OTHER_SUBSCRIPTION, 'regions']],
    );
    assert.match(bad[0].next, /az identity create --name "built-in-identity-westeurope"/);
  });

  it('misses an identity of your own in each subscription, and a central one once', async () => {
    const own = { BRING_YOUR_OWN_USER_ASSIGNED_MANAGED_IDENTITY: 'true' };
    await azure.seed([{ id: identityId(SUBSCRIPTION, 'rg-ids', 'id-own'), location: 'eastus' }]);

    const inSubscription = await checks({
      ...own,
      USER_ASSIGNED_IDENTITY_NAME: 'id-own',
      IDENTITY_RESOURCE_GROUP: 'rg-ids',
    });
    const central = await checks({
      ...own,
      RESTRICT_BRING_YOUR_OWN_TO_SUBSCRIPTION: 'false',
      USER_ASSIGNED_IDENTITY_RESOURCE_ID: identityId(SUBSCRIPTION, 'rg-ids', 'id-all'),
    });

    assert.deepEqual(
      inSubscription.bad.map(({ subject, check }) => [subject, check]),
      [[OTHER_SUBSCRIPTION, 'identity']],
    );
    assert.match(inSubscription.bad[0].next, /az identity create --name "id-own"/);
    assert.equal(central.bad.length, 1);
    assert.match(central.bad[0].detail, /id-all does not exist/);
  });

  it('reports a scope that cannot be read beside those that can', async () => {
    const { code, bad } = await checks({
      SCOPES: `${root},/subscriptions/99999999-0000-4000-8000-000000000000`,
    });

    assert.equal(code, 1);
    assert.deepEqual(
      bad.map(({ check }) => check),
      ['scope'],
    );
  });

  it('leaves out subscriptions that are excluded', async () => {
    const { lines } = await checks({ EXCLUDED_SCOPES: other });

    assert.ok(lines.every(({ subject }) => subject !== OTHER_SUBSCRIPTION));
  });
});

describe('what keeps the doctor from looking exits 2 with the check that failed:', () => {
  const cases: [string, Record<string, string | undefined>, string, RegExp][] = [
    ['a bad setting', { EFFECT: 'Modify' }, 'settings', /EFFECT is "Modify"/],
    ['a client id nobody has', { AZURE_CLIENT_ID: SUBSCRIPTION }, 'sign-in', /Check AZURE_CLIENT_ID/],
    [
      'a scope that is not there',
      { SCOPES: '/providers/Microsoft.Management/managementGroups/nope' },
      'scopes',
      /managementGroups\/nope does not exist/,
    ],
    [
      'an endpoint where nobody listens',
      { ARM_ENDPOINT: 'https://127.0.0.1:9' },
      'scopes',
      /Check ARM_ENDPOINT/,
    ],
  ];
  for (const [name, env, check, expected] of cases) {
    it(name, async () => {
      const { code, bad } = await checks({
        SCOPES: `/providers/Microsoft.Management/managementGroups/${TENANT_ID}`,
        ...env,
      });

      assert.equal(code, 2);
      assert.equal(bad.length, 1);
      assert.equal(bad[0].check, check);
      assert.match(`${bad[0].detail} ${bad[0].next}`, expected);
    });
  }
});

it('shows on stderr how far it is when it takes longer', async () => {
  azure.faults.add({
    method: 'GET',
    path: `${OTHER_SUBSCRIPTION}.*/permissions$`,
    times: 1,
    headers: {},
    latencyMs: 1800,
  });

  const { code, stderr } = await doctor();

  assert.equal(code, 0);
  assert.match(stderr, /2 of 2 subscriptions done/);
});
