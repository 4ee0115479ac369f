import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AzureError, type Missing } from '../../../src/azure/errors.ts';
import type { IdentityMode } from '../../../src/domain/policy.ts';
import { stepFor } from '../../../src/remediation/nextSteps.ts';
import { aPolicy, otherIdentity, SUBSCRIPTION } from '../../builders.ts';

const OBJECT_ID = 'c0ffee00-0000-4000-8000-0000000000a1';
const scopes = [
  { kind: 'managementGroup', id: '/providers/Microsoft.Management/managementGroups/corp', name: 'corp' },
] as const;
const about = (identity: IdentityMode = aPolicy().identity) => ({
  scopes,
  policy: aPolicy({ identity }),
  clientId: undefined,
  objectId: undefined,
});
const step = (missing: Missing, kind: AzureError['kind'] = 'forbidden', one = about()) =>
  stepFor(one, new AzureError(kind, 'm', 403, missing), SUBSCRIPTION);
const right = { action: 'Microsoft.Compute/virtualMachines/write', scope: '/x', objectId: OBJECT_ID };

describe('stepFor', () => {
  it('names action, role, scope and whom to grant it, in both ways it may be missing', () => {
    const text = step({ right }) ?? '';

    const role = '"VM Identity Remediator (corp)"';
    assert.ok(
      text.includes(
        `az role assignment create --assignee ${OBJECT_ID} --role ${role} --scope "/subscriptions/${SUBSCRIPTION}"`,
      ),
    );
    assert.match(
      text,
      /az role definition list --name .*; add Microsoft\.Compute\/virtualMachines\/write to/,
    );
  });

  it('grants a central identity by the built-in role for it, on it alone', () => {
    const central = about({ kind: 'ownCentral', id: otherIdentity() });

    const text = step({ right: { ...right, scope: otherIdentity() } }, 'identity-forbidden', central);

    assert.ok(text?.endsWith(`--role "Managed Identity Operator" --scope "${otherIdentity()}"`));
  });

  it('registers the provider that Azure names', () => {
    assert.equal(
      step({ namespace: 'Microsoft.Compute' }, 'provider-not-registered'),
      `Register it: az provider register --namespace Microsoft.Compute --subscription ${SUBSCRIPTION}`,
    );
  });

  it('puts nothing into a command that does not look like what it should be', () => {
    const evil = '"; rm -rf ~; "';

    assert.equal(step({ right: { ...right, action: `A/b/read${evil}` } }), undefined);
    assert.equal(step({ namespace: `Microsoft.Compute${evil}` }), undefined);
    assert.doesNotMatch(step({ right: { ...right, scope: evil, objectId: evil } }) ?? '', /rm -rf/);
  });

  it('leaves it to the reason where the error tells nothing', () => {
    assert.equal(step({}), undefined);
  });
});
