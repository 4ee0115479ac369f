import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { remediatorRole } from '../../../src/domain/azCommands.ts';
import { parseScope, type Scope } from '../../../src/domain/resourceId.ts';
import { OTHER_SUBSCRIPTION, SUBSCRIPTION } from '../../builders.ts';

describe('the name of the remediator’s role', () => {
  const managementGroup = (name: string) => `/providers/Microsoft.Management/managementGroups/${name}`;
  const cases: [string, string[], string][] = [
    ['the one management group', [managementGroup('contoso')], 'contoso'],
    ['the subscription, where no group is a scope', [`/subscriptions/${OTHER_SUBSCRIPTION}`], SUBSCRIPTION],
    [
      'the subscription that is a scope itself, beside a management group',
      [managementGroup('contoso'), `/subscriptions/${SUBSCRIPTION.toUpperCase()}`],
      SUBSCRIPTION,
    ],
    [
      'the subscription of a resource group that is a scope',
      [managementGroup('contoso'), `/subscriptions/${SUBSCRIPTION}/resourceGroups/app`],
      SUBSCRIPTION,
    ],
    [
      'no group in particular, where several may hold the subscription',
      [managementGroup('a'), managementGroup('b')],
      '{its management group}',
    ],
  ];
  for (const [what, scopes, name] of cases) {
    it(`names ${what}`, () => {
      const parsed = scopes.map((text) => parseScope(text) as Scope);

      assert.equal(remediatorRole(parsed, SUBSCRIPTION), `VM Identity Remediator (${name})`);
    });
  }
});
