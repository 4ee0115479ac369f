import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type DeployedResource, deployed, infraText } from './template.ts';

const ROLE = 'Microsoft.Authorization/roleDefinitions';
const ASSIGNMENT = 'Microsoft.Authorization/roleAssignments';
const REMEDIATOR = '00000000-0000-4000-8000-00000000000a';
const IDENTITY =
  '/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/identities/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-all';

const actionsOf = (role: DeployedResource | undefined): string[] => role?.properties.permissions[0].actions;

/** The rows of the README's table: action, then whether each mode has it. */
const documented = [
  ...infraText('README.md').matchAll(/^\| `(Microsoft\.[\w/]+)` \| .+? \| (.+?) \| (.+?) \| (.+?) \|$/gm),
].map(([, action = '', builtIn, ownInSubscription, ownCentral]) => ({
  action,
  mode: { builtIn, ownInSubscription, ownCentral },
}));

function documentedActions(
  mode: 'builtIn' | 'ownInSubscription' | 'ownCentral',
  ...words: string[]
): string[] {
  return documented.filter((row) => words.includes(row.mode[mode] ?? '')).map(({ action }) => action);
}

describe('the role of the remediator', () => {
  for (const mode of ['builtIn', 'ownInSubscription', 'ownCentral'] as const) {
    it(`holds in mode ${mode} the actions that the README gives reasons for, and no other`, () => {
      const [role] = deployed(`authorize.${mode}`, ROLE);

      assert.deepEqual(actionsOf(role).toSorted(), documentedActions(mode, 'yes', 'if locked').toSorted());
    });
  }

  it('holds nothing about locks when the app does not lock', () => {
    const [role] = deployed('authorize-subscription.unlocked', ROLE);

    assert.deepEqual(actionsOf(role).toSorted(), documentedActions('builtIn', 'yes').toSorted());
  });

  it('never deletes, grants nothing to anybody, and has no wildcard and no right to data', () => {
    const roles = ['builtIn', 'ownInSubscription', 'ownCentral'].flatMap((mode) =>
      deployed(`authorize.${mode}`, ROLE),
    );

    assert.equal(roles.length, 4);
    for (const role of roles) {
      assert.deepEqual(Object.keys(role.properties.permissions[0]), ['actions']);
      for (const action of actionsOf(role)) assert.doesNotMatch(action, /\*|delete|role(Assign|Defin)/i);
    }
  });

  it('can be assigned in one management group, and is, to the remediator', () => {
    const scope = '/providers/Microsoft.Management/managementGroups/contoso';
    const [role] = deployed('authorize.builtIn', ROLE);
    const [assignment, ...others] = deployed('authorize.builtIn', ASSIGNMENT);

    assert.deepEqual(role?.properties.assignableScopes, [scope]);
    assert.deepEqual(others, []);
    assert.equal(assignment?.id, `${scope}/providers/${ASSIGNMENT}/${assignment?.name}`);
    assert.equal(assignment?.properties.roleDefinitionId, role?.id);
    assert.equal(assignment?.properties.principalId, REMEDIATOR);
    assert.equal(assignment?.properties.principalType, 'ServicePrincipal');
  });

  it('can be that of one subscription instead', () => {
    const scope = '/subscriptions/00000000-0000-4000-8000-000000000001';
    const [role] = deployed('authorize-subscription.unlocked', ROLE);
    const [assignment] = deployed('authorize-subscription.unlocked', ASSIGNMENT);

    assert.deepEqual(role?.properties.assignableScopes, [scope]);
    assert.equal(assignment?.id, `${scope}/providers/${ASSIGNMENT}/${assignment?.name}`);
    assert.equal(assignment?.properties.roleDefinitionId, role?.id);
  });

  it('is joined, with one identity for all, by the right to assign that identity and no other', () => {
    const [, role] = deployed('authorize.ownCentral', ROLE);
    const [, assignment] = deployed('authorize.ownCentral', ASSIGNMENT);

    assert.deepEqual(
      actionsOf(role).toSorted(),
      documentedActions('ownCentral', 'on the identity').toSorted(),
    );
    assert.equal(assignment?.id, `${IDENTITY}/providers/${ASSIGNMENT}/${assignment?.name}`);
    assert.equal(assignment?.properties.roleDefinitionId, role?.id);
    assert.equal(assignment?.properties.principalId, REMEDIATOR);
  });
});
