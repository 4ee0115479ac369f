import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decide } from '../../../src/domain/decide.ts';
import { defaultChange, imdsDefault, withGoal, without } from '../../../src/domain/imdsDefault.ts';
import { carries } from '../../../src/domain/rules.ts';
import { vmIdentity } from '../../../src/domain/vmIdentity.ts';
import { aPolicy, aVm, otherIdentity, regionalIdentity, someScopes } from '../../builders.ts';

const goal = regionalIdentity('eastus');
const [a, b] = ['a', 'b'].map(otherIdentity) as [string, string];
const having = (type: string, ...ids: string[]) =>
  vmIdentity({ type, userAssignedIdentities: Object.fromEntries(ids.map((id) => [id, {}])) });

// azure-facts, section 6, row by row.
describe('imdsDefault', () => {
  const rows: [string, string[], string | undefined][] = [
    ['SystemAssigned', [], 'system-assigned'],
    ['SystemAssigned, UserAssigned', [a], 'system-assigned'],
    ['UserAssigned', [a], a],
    ['UserAssigned', [a, b], undefined],
    ['None', [], undefined],
  ];
  for (const [type, ids, expected] of rows) {
    it(`of ${type} with ${ids.length}: ${expected?.split('/').at(-1) ?? 'none'}`, () => {
      assert.equal(imdsDefault(having(type, ...ids)), expected);
    });
  }
});

describe('defaultChange', () => {
  it('tells what removing the goal identity does', () => {
    const removed = (identity: ReturnType<typeof having>) => defaultChange(identity, without(identity, goal));

    assert.equal(removed(having('UserAssigned', goal)), 'lost');
    assert.equal(removed(having('UserAssigned', goal, a)), 'gained');
    assert.equal(removed(having('UserAssigned', goal, a, b)), 'kept');
    assert.equal(removed(having('SystemAssigned, UserAssigned', goal.toUpperCase())), 'kept');
  });

  it('is never a loss where decide says to assign: only VMs without any identity get a default', () => {
    const anyVm = fc.record({
      type: fc.constantFrom('None', 'SystemAssigned', 'UserAssigned', 'SystemAssigned, UserAssigned'),
      ids: fc.subarray([a, b, goal, regionalIdentity('eastus2')]),
    });
    fc.assert(
      fc.property(anyVm, fc.constantFrom('imds' as const, 'always' as const), (shape, rule) => {
        const vm = aVm(shape);
        const decision = decide(vm, aPolicy({ singleIdentityRule: rule }), someScopes());
        if (decision.action !== 'assign') return;

        const after = withGoal(vm.identity, goal);
        const change = defaultChange(vm.identity, after);

        assert.ok(carries(after, goal));
        const none = !vm.identity.system && (!vm.identity.user || vm.identity.userAssigned.length === 0);
        assert.equal(change, none ? 'gained' : 'kept');
      }),
    );
  });
});
