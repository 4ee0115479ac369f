import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decide, decideRollback } from '../../../src/domain/decide.ts';
import type { Policy } from '../../../src/domain/policy.ts';
import { reasons } from '../../../src/domain/reasons.ts';
import type { ResolvedScopes } from '../../../src/domain/scopes.ts';
import {
  aPolicy,
  aVm,
  aVmId,
  OTHER_SUBSCRIPTION,
  otherIdentity,
  regionalIdentity,
  SUBSCRIPTION,
  someScopes,
} from '../../builders.ts';

const goal = regionalIdentity('eastus');
const GROUP = `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg-app`;
const ALWAYS: Partial<Policy> = { singleIdentityRule: 'always' };

interface Row {
  vm: Parameters<typeof aVm>[0];
  policy?: Partial<Policy>;
  scopes?: ResolvedScopes;
  expect: string;
}

// One row and more for each reason: what is decided, with everything else as the builders make it.
const rows: Record<string, Row> = {
  'a VM without identity': { vm: {}, expect: 'assign' },
  'a VM with a system identity only': { vm: { type: 'SystemAssigned' }, expect: 'assign' },
  'a VM with two other identities': {
    vm: { type: 'UserAssigned', ids: [otherIdentity('a'), otherIdentity('b')] },
    expect: 'assign',
  },
  'a VM with system identity and one other: IMDS defaults to the system one': {
    vm: { type: 'SystemAssigned, UserAssigned', ids: [otherIdentity()] },
    expect: 'assign',
  },
  'the identity of a region whose name is a prefix': {
    vm: { type: 'SystemAssigned, UserAssigned', ids: [regionalIdentity('eastus')], location: 'eastus2' },
    expect: 'assign',
  },
  'the identity of a region whose name is longer': {
    vm: { type: 'SystemAssigned, UserAssigned', ids: [regionalIdentity('eastus2')] },
    expect: 'assign',
  },
  'the same name in another subscription': {
    vm: { type: 'SystemAssigned, UserAssigned', ids: [regionalIdentity('eastus', OTHER_SUBSCRIPTION)] },
    expect: 'assign',
  },
  'a type without user identities, whatever the list says': {
    vm: { type: 'SystemAssigned', ids: [goal] },
    expect: 'assign',
  },
  'the goal among others': {
    vm: { type: 'UserAssigned', ids: [otherIdentity(), goal] },
    expect: 'compliant goal-present',
  },
  'the goal in other letter case, beside a system identity': {
    vm: { type: 'SystemAssigned,UserAssigned', ids: [goal.toUpperCase()] },
    expect: 'compliant goal-present',
  },
  'exactly one other identity and no system identity': {
    vm: { type: 'UserAssigned', ids: [otherIdentity()] },
    expect: 'compliant single-identity',
  },
  'one other and a system identity, rule always': {
    vm: { type: 'SystemAssigned, UserAssigned', ids: [otherIdentity()] },
    policy: ALWAYS,
    expect: 'compliant single-identity',
  },
  'two others, rule always': {
    vm: { type: 'UserAssigned', ids: [otherIdentity('a'), otherIdentity('b')] },
    policy: ALWAYS,
    expect: 'assign',
  },
  'effect Disabled': { vm: {}, policy: { effect: 'Disabled' }, expect: 'excluded effect-disabled' },
  'effect AuditIfNotExists': {
    vm: {},
    policy: { effect: 'AuditIfNotExists' },
    expect: 'deferred audit-only',
  },
  'effect AuditIfNotExists, compliant': {
    vm: { type: 'UserAssigned', ids: [goal] },
    policy: { effect: 'AuditIfNotExists' },
    expect: 'compliant goal-present',
  },
  'a subscription that is no scope': {
    vm: { id: aVmId('vm', 'rg', OTHER_SUBSCRIPTION) },
    expect: 'excluded out-of-scope',
  },
  'a resource group that is a scope': {
    vm: {},
    scopes: someScopes({ included: { resourceGroups: [GROUP] } }),
    expect: 'assign',
  },
  'a resource group beside the one that is a scope': {
    vm: { id: aVmId('vm', 'rg-app2') },
    scopes: someScopes({ included: { resourceGroups: [GROUP] } }),
    expect: 'excluded out-of-scope',
  },
  'an excluded subscription': {
    vm: {},
    scopes: someScopes({ excluded: { subscriptions: [SUBSCRIPTION] } }),
    expect: 'excluded excluded-scope',
  },
  'an excluded resource group': {
    vm: {},
    scopes: someScopes({ excluded: { resourceGroups: [GROUP.toUpperCase()] } }),
    expect: 'excluded excluded-scope',
  },
  'an excluded VM': {
    vm: {},
    scopes: someScopes({ excluded: { virtualMachines: [aVmId().id] } }),
    expect: 'excluded excluded-scope',
  },
  'a subscription that the roll-out has not got to': {
    vm: {},
    policy: { onlySubscriptions: new Set([OTHER_SUBSCRIPTION]) },
    expect: 'excluded subscription-not-rolled-out',
  },
  'a region that the roll-out has not got to': {
    vm: { location: 'eastus2' },
    policy: { onlyRegions: new Set(['eastus']) },
    expect: 'excluded region-not-rolled-out',
  },
  'a subscription and a region that it has got to': {
    vm: { location: 'East US' },
    policy: { onlyRegions: new Set(['eastus']), onlySubscriptions: new Set([SUBSCRIPTION]) },
    expect: 'assign',
  },
  'the exclusion tag in other letter case, any value': {
    vm: { tags: { Skip: 'x' } },
    policy: { exclusionTag: { name: 'skip', value: undefined } },
    expect: 'excluded exclusion-tag',
  },
  'the exclusion tag with its value': {
    vm: { tags: { skip: 'Yes' } },
    policy: { exclusionTag: { name: 'SKIP', value: 'Yes' } },
    expect: 'excluded exclusion-tag',
  },
  'the exclusion tag with a value in other letter case': {
    vm: { tags: { skip: 'yes' } },
    policy: { exclusionTag: { name: 'skip', value: 'Yes' } },
    expect: 'assign',
  },
  'a group that a service manages': {
    vm: { groupManagedBy: '/subscriptions/s/resourceGroups/r/providers/p/t/n' },
    expect: 'excluded managed-group',
  },
  'a group that a service manages, included': {
    vm: { groupManagedBy: '/subscriptions/s/resourceGroups/r/providers/p/t/n' },
    policy: { includeManagedGroups: true },
    expect: 'assign',
  },
  'a VM being deleted': { vm: { provisioningState: 'Deleting' }, expect: 'excluded vm-deleting' },
  'a VM whose last operation failed': { vm: { provisioningState: 'Failed' }, expect: 'assign' },
  'the name in the VM’s own subscription, brought': {
    vm: { type: 'SystemAssigned, UserAssigned', ids: [otherIdentity('own')] },
    policy: { identity: { kind: 'ownInSubscription', resourceGroup: 'RG-identities', name: 'Own' } },
    expect: 'compliant goal-present',
  },
  'the central identity, brought': {
    vm: { type: 'SystemAssigned, UserAssigned', ids: [otherIdentity('own')] },
    policy: { identity: { kind: 'ownCentral', id: otherIdentity('central') } },
    expect: 'assign',
  },
};

function verdict(vm: Row['vm'], policy?: Partial<Policy>, scopes = someScopes()): string {
  const decision = decide(aVm(vm), aPolicy(policy), scopes);
  return decision.action === 'assign' ? 'assign' : `${decision.outcome.outcome} ${decision.outcome.reason}`;
}

describe('decide', () => {
  for (const [name, row] of Object.entries(rows)) {
    it(`${name}: ${row.expect}`, () => {
      assert.equal(verdict(row.vm, row.policy, row.scopes), row.expect);
    });
  }

  it('has a row for every reason to leave a VM alone', () => {
    const wanted = [
      ...Object.keys(reasons.compliant).map((reason) => `compliant ${reason}`),
      ...Object.keys(reasons.excluded).map((reason) => `excluded ${reason}`),
      'deferred audit-only',
    ].filter((outcome) => outcome !== 'excluded vm-gone' && outcome !== 'compliant goal-absent');

    const covered = new Set(Object.values(rows).map((row) => row.expect));

    assert.deepEqual(
      wanted.filter((outcome) => !covered.has(outcome)),
      [],
    );
  });

  it('gives the same verdict whatever the letter case of ids, names, locations and identity keys', () => {
    const cased = (text: string) =>
      fc
        .array(fc.boolean(), { minLength: text.length, maxLength: text.length })
        .map((upper) => [...text].map((c, i) => (upper[i] ? c.toUpperCase() : c.toLowerCase())).join(''));
    const ids = [goal, otherIdentity('a'), otherIdentity('b'), regionalIdentity('eastus2')];
    const someIds = fc.subarray(ids);
    fc.assert(
      fc.property(
        someIds.chain((chosen) => fc.tuple(fc.constant(chosen), fc.tuple(...chosen.map(cased)))),
        fc
          .constantFrom('None', 'SystemAssigned', 'UserAssigned', 'SystemAssigned, UserAssigned')
          .chain((type) => fc.tuple(fc.constant(type), cased(type))),
        cased('eastus'),
        cased('rg-app'),
        ([plain, mixed], [type, mixedType], location, group) => {
          const policy = aPolicy({ exclusionTag: { name: 'skip', value: undefined } });
          const expected = decide(aVm({ type, ids: plain }), policy, someScopes());

          const vm = aVm({ type: mixedType, ids: mixed, location, id: aVmId('VM-01', group) });
          const actual = decide(vm, policy, someScopes());

          assert.deepEqual({ ...actual, goal: '' }, { ...expected, goal: '' });
          assert.equal(actual.goal.toLowerCase(), expected.goal.toLowerCase());
        },
      ),
    );
  });
});

describe('decideRollback', () => {
  const rolledBack = (vm: Row['vm'], policy?: Partial<Policy>, scopes = someScopes()) => {
    const decision = decideRollback(aVm(vm), aPolicy(policy), scopes);
    return decision.action === 'remove' ? 'remove' : `${decision.outcome.outcome} ${decision.outcome.reason}`;
  };

  it('removes the goal identity wherever it is, even where it is the only one', () => {
    assert.equal(rolledBack({ type: 'UserAssigned', ids: [goal.toUpperCase()] }), 'remove');
    assert.equal(
      rolledBack({ type: 'SystemAssigned, UserAssigned', ids: [otherIdentity(), goal] }),
      'remove',
    );
  });

  it('has nothing to do where the goal identity is not', () => {
    assert.equal(rolledBack({}), 'compliant goal-absent');
    assert.equal(rolledBack({ type: 'UserAssigned', ids: [otherIdentity()] }), 'compliant goal-absent');
    assert.equal(
      rolledBack({ type: 'UserAssigned', ids: [regionalIdentity('eastus2')] }),
      'compliant goal-absent',
    );
  });

  it('does not mind the effect, which should be off by then', () => {
    const vm = { type: 'UserAssigned', ids: [goal] };

    assert.equal(rolledBack(vm, { effect: 'Disabled' }), 'remove');
    assert.equal(rolledBack(vm, { effect: 'AuditIfNotExists' }), 'remove');
  });

  it('leaves alone, for the same reason, every VM that assigning leaves alone as excluded', () => {
    const excluded = Object.entries(rows).filter(
      ([, { expect }]) => expect.startsWith('excluded') && expect !== 'excluded effect-disabled',
    );
    assert.ok(excluded.length >= 9);
    for (const [name, row] of excluded) {
      const vm = { ...row.vm, type: 'UserAssigned', ids: [goal] };
      assert.equal(rolledBack(vm, row.policy, row.scopes), row.expect, name);
    }
  });
});
