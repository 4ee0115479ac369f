import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type IdentityPatch, identityPatch, identityRemoval } from '../../../src/domain/identityPatch.ts';
import { carries } from '../../../src/domain/rules.ts';
import { type VmIdentity, vmIdentity } from '../../../src/domain/vmIdentity.ts';
import { otherIdentity, regionalIdentity } from '../../builders.ts';

const goal = regionalIdentity('eastus');
const names = ['a', 'b', 'c'].map(otherIdentity);

const anyIdentity: fc.Arbitrary<VmIdentity> = fc
  .record({ system: fc.boolean(), ids: fc.subarray([...names, goal, regionalIdentity('eastus2')]) })
  .map(({ system, ids }) => ({ system, user: ids.length > 0, userAssigned: ids }));

/** What a PATCH means to Azure: the map merges, `type` is a whole value (wire-behaviour, 1.1). */
function apply(before: VmIdentity, { identity }: IdentityPatch): VmIdentity {
  const { system, user } = vmIdentity(identity);
  if (!user) return { system, user, userAssigned: [] };
  const ids = new Map(before.userAssigned.map((id) => [id.toLowerCase(), id]));
  for (const [id, value] of Object.entries(identity.userAssignedIdentities ?? {})) {
    if (value === null) ids.delete(id.toLowerCase());
    else ids.set(id.toLowerCase(), id);
  }
  return { system, user, userAssigned: [...ids.values()] };
}

describe('identityPatch', () => {
  it('never takes an identity away, user-assigned or system, and always adds the goal', () => {
    fc.assert(
      fc.property(anyIdentity, (before) => {
        const after = apply(before, identityPatch(before, goal));

        assert.equal(after.system, before.system);
        for (const id of before.userAssigned) assert.ok(carries(after, id), `${id} was lost`);
        assert.ok(carries(after, goal));
        assert.ok(after.userAssigned.length <= before.userAssigned.length + 1);
      }),
    );
  });

  it('names the goal and no other identity, so a dangling one elsewhere on the VM cannot make it fail', () => {
    const before = vmIdentity({ type: 'UserAssigned', userAssignedIdentities: { [names[0] as string]: {} } });

    const { identity } = identityPatch(before, goal);

    assert.deepEqual(identity, { type: 'UserAssigned', userAssignedIdentities: { [goal]: {} } });
  });
});

describe('identityRemoval', () => {
  it('takes away the goal and nothing else', () => {
    fc.assert(
      fc.property(anyIdentity, (before) => {
        const removal = identityRemoval(before, goal);
        if (!carries(before, goal)) return assert.equal(removal, undefined);
        const after = apply(before, removal as IdentityPatch);

        assert.equal(after.system, before.system);
        assert.deepEqual(
          after.userAssigned,
          before.userAssigned.filter((id) => id !== goal),
        );
      }),
    );
  });

  it('finds the goal in whatever letter case the VM has it', () => {
    const before = { system: true, user: true, userAssigned: [names[0] as string, goal.toUpperCase()] };

    const removal = identityRemoval(before, goal);

    assert.deepEqual(removal?.identity.userAssignedIdentities, { [goal.toUpperCase()]: null });
  });
});
