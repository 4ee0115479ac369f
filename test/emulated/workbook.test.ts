import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { countVms } from '../../src/azure/inventory.ts';
import type { Shared } from '../../src/remediation/shared.ts';
import { workVm } from '../../src/remediation/workVm.ts';
import { type State, stateOf } from '../../src/report/standing.ts';
import { lockOn, quiet, vmIn } from '../azure.ts';
import { OTHER_SUBSCRIPTION, otherIdentity, regionalIdentity, SUBSCRIPTION } from '../builders.ts';
import { workbookQuery } from '../infra/workbook.ts';
import { telemetryForEachTest } from '../telemetry.ts';
import { askWorkspace } from '../workspace.ts';

const everywhere = {
  Region: "'*'",
  Subscription: `'/subscriptions/${SUBSCRIPTION}','/subscriptions/${OTHER_SUBSCRIPTION}'`,
};

const { azure, telemetry, aShared, sweepThrough } = await telemetryForEachTest();

type Row = Record<string, unknown>;
/** What a part of the workbook shows that asks the workspace. */
const logs = (name: string, values: Record<string, string> = everywhere): Row[] =>
  askWorkspace(workbookQuery(name, values), azure.received.items(), new Date(Date.now() + 1000));
/** What a part shows that asks Resource Graph: by the rules that the last sweep told. */
async function graph(one: Shared, name: string, values: Record<string, string> = everywhere): Promise<Row[]> {
  const [told] = logs('Rules');
  const query = workbookQuery(name, { ...values, Rules: String(told?.Rules) });
  const subscriptions = [SUBSCRIPTION, OTHER_SUBSCRIPTION];
  const options = { resultFormat: 'objectArray' as const };
  return (await one.app.clients.resourceGraph.resources({ query, subscriptions, options })).data as Row[];
}
const lacking = (count: number, subscription = SUBSCRIPTION, more = {}) =>
  Array.from({ length: count }, (_, n) => vmIn(subscription, `vm-${n}`, more));
const carrying = (name: string, identity: string, more = {}) =>
  vmIn(SUBSCRIPTION, name, {
    identity: { type: 'UserAssigned', userAssignedIdentities: { [identity]: {} } },
    ...more,
  });
const seedMixed = () =>
  azure.seed([
    ...lacking(5),
    ...lacking(3, OTHER_SUBSCRIPTION, { location: 'westus', group: 'rg-west' }),
    { id: regionalIdentity('eastus'), location: 'eastus' },
    carrying('fine', regionalIdentity('eastus')),
    carrying('alone', otherIdentity()),
    vmIn(SUBSCRIPTION, 'tagged', { tags: { keep: "o'brien" } }),
    vmIn(OTHER_SUBSCRIPTION, 'sandboxed', { group: 'rg-sandbox' }),
    { id: `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg-aks`, location: 'eastus', managedBy: 'aks' },
    vmIn(SUBSCRIPTION, 'node', { group: 'rg-aks' }),
  ]);

describe('the live compliance of the workbook', () => {
  for (const [what, settings] of Object.entries({
    'default settings': {},
    'a tag, a group and a stricter rule': {
      EXCLUSION_TAG: "keep=o'brien",
      EXCLUDED_SCOPES: `/subscriptions/${OTHER_SUBSCRIPTION}/resourceGroups/rg-sandbox`,
      SINGLE_IDENTITY_RULE: 'always',
    },
    'a subscription left out': { EXCLUDED_SCOPES: `/subscriptions/${OTHER_SUBSCRIPTION}` },
    'one subscription and managed groups': {
      SCOPES: `/subscriptions/${SUBSCRIPTION}`,
      INCLUDE_MANAGED_GROUPS: 'true',
    },
    'one group': { SCOPES: `/subscriptions/${OTHER_SUBSCRIPTION}/resourceGroups/rg-west` },
    'an identity of one’s own for all': {
      BRING_YOUR_OWN_USER_ASSIGNED_MANAGED_IDENTITY: 'true',
      RESTRICT_BRING_YOUR_OWN_TO_SUBSCRIPTION: 'false',
      USER_ASSIGNED_IDENTITY_RESOURCE_ID: otherIdentity(),
    },
  })) {
    it(`is what the app itself counts, by subscription, region and reason, with ${what}`, async () => {
      await seedMixed();
      const one = aShared(settings);
      await sweepThrough(one, { work: false });

      const { policy, excludedScopes } = one.app.settings;
      const counted = await countVms(one.app.clients, await one.coverage(), policy, excludedScopes);
      const states = new Map<State, number>();
      for (const { verdict, total } of counted) {
        states.set(stateOf(verdict), (states.get(stateOf(verdict)) ?? 0) + total);
      }
      const shown = await graph(one, 'states');
      const down = [];
      for (const { SubscriptionId } of await graph(one, 'subscriptions')) {
        const picked = { ...everywhere, PickedSubscription: String(SubscriptionId) };
        for (const { Region, Reason, VMs } of await graph(one, 'regionsAndReasons', picked)) {
          down.push([SubscriptionId, Region, Reason, VMs].join());
        }
      }

      assert.deepEqual(shown.map(({ State, VMs }) => [State, VMs]).sort(), [...states].sort());
      assert.deepEqual(
        down.sort(),
        counted
          .map(({ subscriptionId, location, verdict, total }) =>
            [subscriptionId, location, verdict, total].join(),
          )
          .sort(),
      );
    });
  }

  it('has the percentage of the compliance report, and follows the region that is picked', async () => {
    await seedMixed();
    const one = aShared();
    await sweepThrough(one, { work: false });

    const [all] = await graph(one, 'share');
    const [west] = await graph(one, 'share', { ...everywhere, Region: "'westus'" });

    // 2 of 2 + 5 + 3 + 'tagged' + 'sandboxed'; the VM of AKS is excluded.
    assert.equal(all?.Share, 16.6);
    assert.equal(west?.Share, 0);
    assert.deepEqual(
      logs('trend').map(({ Share }) => Share),
      [16.6],
    );
  });

  it('lists the VMs of a reason with their goal, and is live: what was mended is gone', async () => {
    await azure.seed(lacking(2));
    const one = aShared();
    const picked = { PickedSubscription: SUBSCRIPTION, PickedRegion: 'eastus', PickedReason: 'goal-missing' };
    await sweepThrough(one, { work: false });

    const before = await graph(one, 'vmsNow', picked);
    await sweepThrough(one);
    const afterwards = await graph(one, 'vmsNow', picked);

    assert.deepEqual(
      before.map(({ VmId, Goal }) => [VmId, Goal]),
      lacking(2).map(({ id }) => [id.toLowerCase(), regionalIdentity('eastus').toLowerCase()]),
    );
    assert.deepEqual(afterwards, []);
  });
});

describe('what the workbook shows of the app’s work', () => {
  it('equals what Azure saw: VMs by outcome, calls, sweeps', async () => {
    await azure.seed([...lacking(4), ...lacking(1).map(lockOn)]);
    await sweepThrough(aShared());

    const calls = azure.journal.calls().length;
    const [sweep, ...others] = logs('sweeps');
    assert.deepEqual(others, []);
    assert.deepEqual([sweep?.VMs, sweep?.Lacking, sweep?.Assigned, sweep?.Failed], [4, 4, 3, 1]);
    assert.equal(Number(sweep?.Reads) + Number(sweep?.Writes) + Number(sweep?.Queries), calls);
    const byOutcome = logs('actions').map(({ Outcome, VMs }) => [Outcome, VMs]);
    assert.deepEqual(byOutcome.sort(), [
      ['assigned', 3],
      ['failed', 1],
    ]);
    assert.equal(
      logs('calls').reduce((sum, { Requests }) => sum + Number(Requests), 0),
      calls,
    );
  });

  it('says of what failed why, where and what to do, and follows what is picked', async () => {
    await azure.seed([...lacking(1), ...lacking(1).map(lockOn)]);
    await sweepThrough(aShared());

    const [failed] = logs('failedVms');
    assert.deepEqual(
      [failed?.Reason, failed?.VMs, failed?.Subscription],
      ['read-only-lock', 1, `/subscriptions/${SUBSCRIPTION}`],
    );
    assert.match(String(failed?.Next), /lock/);
    assert.deepEqual(logs('failedVms', { ...everywhere, Region: "'westus'" }), []);
    assert.deepEqual(
      logs('failedVms', { ...everywhere, Subscription: `'/subscriptions/${OTHER_SUBSCRIPTION}'` }),
      [],
    );
    const [look] = logs('history', { PickedVm: String(failed?.Example) });
    assert.deepEqual([look?.Outcome, look?.Reason, look?.Trigger], ['failed', 'read-only-lock', 'sweep']);
  });

  it('tells how long new VMs waited for their identity', async () => {
    await azure.seed(lacking(1));
    const one = aShared({ EMBEDDED_AZURE_CLOCK: '' });
    const writtenAt = new Date(Date.now() - 20_000).toISOString();

    await workVm(one, { version: 1, id: lacking(1)[0]?.id ?? '', writtenAt }, quiet, { lastTry: false });
    await telemetry.flush();

    const [east] = logs('timeToAssign');
    assert.deepEqual([east?.Location, east?.VMs], ['eastus', 1]);
    assert.ok(Number(east?.Mean) >= 20);
  });
});
