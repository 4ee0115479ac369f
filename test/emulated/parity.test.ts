import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { generateFleet, subscriptionNumber } from '../../emulator/fleet/generate.ts';
import type { ArmIdentity, ArmResource } from '../../emulator/state/armResource.ts';
import { sweep } from '../../src/remediation/sweep.ts';
import { anApp, azureForEachTest } from '../azure.ts';

const FLEET = { vms: 5400, subscriptions: 3 };
const CENTRAL = `/subscriptions/${subscriptionNumber(2)}/resourceGroups/rg-identities/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-backup`;

/** How the policy, with its parameters, names the identity of a VM. Written apart from the app on purpose. */
const modes: Record<
  string,
  { settings: Record<string, string>; identityOf: (subscription: string, location: string) => string }
> = {
  'built-in': {
    settings: {},
    identityOf: (subscription, location) =>
      `/subscriptions/${subscription}/resourceGroups/built-in-identity-rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/built-in-identity-${location}`,
  },
  'brought, in each subscription': {
    settings: {
      BRING_YOUR_OWN_USER_ASSIGNED_MANAGED_IDENTITY: 'true',
      USER_ASSIGNED_IDENTITY_NAME: 'id-app',
      IDENTITY_RESOURCE_GROUP: 'rg-identities',
    },
    identityOf: (subscription) =>
      `/subscriptions/${subscription}/resourceGroups/rg-identities/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-app`,
  },
  'brought, central': {
    settings: {
      BRING_YOUR_OWN_USER_ASSIGNED_MANAGED_IDENTITY: 'true',
      RESTRICT_BRING_YOUR_OWN_TO_SUBSCRIPTION: 'false',
      USER_ASSIGNED_IDENTITY_RESOURCE_ID: CENTRAL,
    },
    identityOf: () => CENTRAL,
  },
};

/**
 * The policy in two lines: its existence condition (compliant when the type contains UserAssigned and the id is a key,
 * or the type is exactly UserAssigned with one key), else its template (the union of what was there and the goal).
 */
function afterPolicy(identity: ArmIdentity | undefined, goal: string): { type: string; ids: string[] } {
  const type = (identity?.type ?? '').replaceAll(' ', '').toLowerCase();
  const ids = Object.keys(identity?.userAssignedIdentities ?? {}).map((id) => id.toLowerCase());
  const compliant =
    (type.includes('userassigned') && ids.includes(goal.toLowerCase())) ||
    (type === 'userassigned' && ids.length === 1);
  if (compliant) return { type, ids: ids.sort() };
  const system = type.includes('systemassigned');
  return {
    type: system ? 'systemassigned,userassigned' : 'userassigned',
    ids: [...new Set([...ids, goal.toLowerCase()])].sort(),
  };
}

const azure = await azureForEachTest();

const vms = () => [...azure.store.list('microsoft.compute/virtualmachines')].map(({ resource }) => resource);
const state = (identity: ArmIdentity | undefined) => ({
  type: (identity?.type ?? '').replaceAll(' ', '').toLowerCase(),
  ids: Object.keys(identity?.userAssignedIdentities ?? {})
    .map((id) => id.toLowerCase())
    .sort(),
});

function isLeftAlone(vm: ArmResource): boolean {
  const group = azure.store.get(vm.id.split('/').slice(0, 5).join('/'))?.resource;
  const tagged = Object.entries(vm.tags ?? {}).some(
    ([name, value]) => name.toLowerCase() === 'skip' && value === 'Yes',
  );
  return tagged || group?.managedBy !== undefined || vm.properties?.provisioningState === 'Deleting';
}

describe('after one sweep of 5,400 VMs of every shape, each VM is as the built-in policy would have left it', () => {
  for (const [name, { settings, identityOf }] of Object.entries(modes)) {
    it(name, async () => {
      await azure.seed(generateFleet(FLEET));
      const before = new Map(vms().map((vm) => [vm.id, vm]));

      await sweep(anApp(azure, { ...settings, EXCLUSION_TAG: 'skip=Yes' }));

      assert.equal(before.size, FLEET.vms);
      let changed = 0;
      for (const vm of vms()) {
        const old = before.get(vm.id);
        assert.ok(old);
        const goal = identityOf(vm.id.split('/')[2] ?? '', vm.location ?? '');
        const expected = isLeftAlone(old) ? state(old.identity) : afterPolicy(old.identity, goal);
        assert.deepEqual(state(vm.identity), expected, vm.id);
        if (vm !== old) changed++;
        if (old.identity?.principalId)
          assert.equal(vm.identity?.principalId, old.identity.principalId, 'system identity was replaced');
      }
      assert.ok(changed > 1000, 'the fleet gave the sweep too little to do');
    });
  }
});
