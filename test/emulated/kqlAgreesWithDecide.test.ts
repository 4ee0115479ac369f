import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { generateFleet, subscriptionNumber } from '../../emulator/fleet/generate.ts';
import { countVms } from '../../src/azure/inventory.ts';
import { resolveScopes } from '../../src/azure/scopeResolution.ts';
import { GOAL_MISSING } from '../../src/azure/verdictsKql.ts';
import { type ListedVm, listVms, vmIds } from '../../src/azure/vmLists.ts';
import { decide } from '../../src/domain/decide.ts';
import { parseVmId } from '../../src/domain/resourceId.ts';
import { vmIdentity } from '../../src/domain/vmIdentity.ts';
import { anApp, azureForEachTest } from '../azure.ts';

const azure = await azureForEachTest();

const [first, second] = [subscriptionNumber(1), subscriptionNumber(2)];
const own = {
  BRING_YOUR_OWN_USER_ASSIGNED_MANAGED_IDENTITY: 'true',
  USER_ASSIGNED_IDENTITY_NAME: 'ID-App',
  IDENTITY_RESOURCE_GROUP: 'rg-Identities',
};
const central = {
  BRING_YOUR_OWN_USER_ASSIGNED_MANAGED_IDENTITY: 'true',
  RESTRICT_BRING_YOUR_OWN_TO_SUBSCRIPTION: 'false',
  USER_ASSIGNED_IDENTITY_RESOURCE_ID: `/subscriptions/${first}/resourceGroups/rg-identities/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-backup`,
};
const anySettings = fc
  .record({
    mode: fc.constantFrom({}, own, central),
    rule: fc.constantFrom('imds', 'always'),
    managed: fc.boolean(),
    tag: fc.constantFrom('', 'skip', 'SKIP=Yes', 'skip=yes', 'cost-center=o\'brien "42"', 'env'),
    scopes: fc.constantFrom(
      '',
      `/subscriptions/${first}`,
      `/subscriptions/${first},/subscriptions/${second}/resourceGroups/RG-app-0`,
      `/subscriptions/${first}/resourceGroups/rg-app-1,/subscriptions/${second}/resourceGroups/rg-app-0`,
    ),
    regions: fc.constantFrom('', 'EastUS', 'eastus2,westeurope,eastus', 'nowhere'),
    subscriptions: fc.constantFrom('', second.toUpperCase(), `${first},${second}`),
    excluded: fc.constantFrom(
      '',
      `/subscriptions/${second.toUpperCase()}`,
      `/subscriptions/${first}/resourceGroups/RG-APP-0`,
      `/subscriptions/${second}/resourceGroups/rg-app-0/providers/microsoft.compute/virtualmachines/VM-0000001`,
    ),
  })
  .map(({ mode, rule, managed, tag, scopes, excluded, regions, subscriptions }) => ({
    ...mode,
    SINGLE_IDENTITY_RULE: rule,
    INCLUDE_MANAGED_GROUPS: String(managed),
    EXCLUSION_TAG: tag,
    ONLY_REGIONS: regions,
    ONLY_SUBSCRIPTIONS: subscriptions,
    EXCLUDED_SCOPES: excluded,
    ...(scopes && { SCOPES: scopes }),
  }));

it('Resource Graph and decide agree on every VM of any fleet, under any settings', async () => {
  await fc.assert(
    fc.asyncProperty(anySettings, fc.nat(1000), async (settings, seed) => {
      azure.store.clear();
      await azure.seed(generateFleet({ vms: 400, seed }));
      const { clients, settings: read } = anApp(azure, settings);
      const coverage = await resolveScopes(clients, read.scopes, read.excludedScopes);

      const counts = await countVms(clients, coverage, read.policy, read.excludedScopes);
      const listed = new Set<string>();
      for (const { subscriptionId, location } of counts.filter(({ verdict }) => verdict === GOAL_MISSING)) {
        const wanted = { verdicts: [GOAL_MISSING], location };
        const pages = vmIds(clients, coverage, read, wanted, [subscriptionId]);
        for await (const page of pages)
          for (const { vm, groupSeen } of page) {
            assert.ok(groupSeen);
            listed.add(vm.id.toLowerCase());
          }
      }

      const verdicts = [...new Set(counts.map(({ verdict }) => verdict))];
      const subscriptions = [...new Set(counts.map((row) => row.subscriptionId))];
      const excluded = coverage.scopes.excluded.subscriptions;
      const reported = new Map<string, ListedVm>();
      const open = subscriptions.filter((id) => !excluded.has(id));
      const pages = listVms(clients, coverage, read, { verdicts }, open);
      for await (const page of pages) for (const vm of page) reported.set(vm.vm.id.toLowerCase(), vm);

      const expected = new Map<string, number>();
      for (const { resource } of azure.store.list('microsoft.compute/virtualmachines')) {
        const id = parseVmId(resource.id);
        assert.ok(id);
        const group = azure.store.get(resource.id.split('/').slice(0, 5).join('/'))?.resource;
        const decision = decide(
          {
            id,
            location: resource.location ?? '',
            tags: resource.tags ?? {},
            identity: vmIdentity(resource.identity),
            provisioningState: String(resource.properties?.provisioningState),
            groupManagedBy: group?.managedBy ?? '',
          },
          read.policy,
          coverage.scopes,
        );
        const verdict = decision.action === 'assign' ? GOAL_MISSING : decision.outcome.reason;
        if (verdict === 'out-of-scope') {
          assert.ok(!listed.has(resource.id.toLowerCase()));
          assert.ok(!reported.has(resource.id.toLowerCase()));
          continue;
        }
        const key = `${id.subscriptionId} ${resource.location} ${verdict}`;
        expected.set(key, (expected.get(key) ?? 0) + 1);
        assert.equal(listed.has(resource.id.toLowerCase()), verdict === GOAL_MISSING, resource.id);
        if (excluded.has(id.subscriptionId)) continue;
        const row = reported.get(resource.id.toLowerCase());
        assert.equal(row?.verdict, verdict, resource.id);
        assert.deepEqual(row?.identity, { ...vmIdentity(resource.identity), principals: {} });
      }
      const actual = new Map<string, number>();
      for (const row of counts) {
        const key = `${row.subscriptionId} ${row.location} ${row.verdict}`;
        actual.set(key, (actual.get(key) ?? 0) + row.total);
      }
      assert.deepEqual(new Map([...actual].sort()), new Map([...expected].sort()));
    }),
    { numRuns: 40 },
  );
});
