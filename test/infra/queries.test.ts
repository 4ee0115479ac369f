import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  changedOftenQuery,
  changesQuery,
  groupsQuery,
  identitiesQuery,
  unknownIdentitiesQuery,
} from '../../src/azure/identityKql.ts';
import {
  countQuery,
  countWantedQuery,
  oneVmQuery,
  renewalCountQuery,
  renewalIdsQuery,
  renewalsQuery,
  scopesQuery,
  standingQuery,
  vmIdsQuery,
  vmsQuery,
} from '../../src/azure/kql.ts';
import { parseScope } from '../../src/domain/resourceId.ts';
import { aPolicy, aVmId, SUBSCRIPTION } from '../builders.ts';
import { analyse, graphTables } from '../kustoAnalysis.ts';
import { workspaceColumns } from '../workspace.ts';
import { putIn } from './workbook.ts';

const folder = join(import.meta.dirname, '../../infra/modules/kql');
const shipped = Object.fromEntries(
  globSync('*.kql', { cwd: folder }).map((file) => [file, readFileSync(join(folder, file), 'utf8')]),
);
const SOME_VM = aVmId('vm').id;
const group = parseScope(`/subscriptions/${SUBSCRIPTION}/resourceGroups/rg`);
const filter = {
  policy: aPolicy({ exclusionTag: { name: 'no', value: 'yes' } }),
  excluded: group ? [group] : [],
  groups: group ? [group] : [],
};
const standing = standingQuery(filter, [SUBSCRIPTION], [SUBSCRIPTION]);
// As the portal puts them in.
const parameters = {
  Rules: standing,
  Subscription: `'/subscriptions/${SUBSCRIPTION}','/subscriptions/${SUBSCRIPTION}'`,
  Region: "'eastus','westus'",
  PickedSubscription: SUBSCRIPTION,
  PickedRegion: 'eastus',
  PickedReason: 'goal-missing',
  PickedVm: '/subscriptions/x',
};

describe('every query shipped, by Microsoft’s own analysis with the tables given,', () => {
  for (const [file, query] of Object.entries(shipped)) {
    it(`is right: ${file}`, () => {
      const ofGraph = /^(resources\b|\{Rules\})/.test(query);

      assert.deepEqual(analyse(putIn(query, parameters), ofGraph ? graphTables : workspaceColumns), []);
    });
  }

  for (const [name, query] of Object.entries({
    count: countQuery(filter),
    scopes: scopesQuery(filter.groups),
    'VM ids': vmIdsQuery(filter, { verdicts: ['goal-missing'], location: 'eastus' }),
    VMs: vmsQuery(filter, { verdicts: ['goal-missing', 'exclusion-tag'], onlyUserAssigned: 1 }),
    'wanted count': countWantedQuery(filter, { verdicts: ['goal-missing'], onlyUserAssigned: 0 }),
    'one VM': oneVmQuery(filter, SOME_VM),
    'renewal count': renewalCountQuery(filter, 'eastus'),
    'renewal ids': renewalIdsQuery(filter, 'eastus', 'desc'),
    renewals: renewalsQuery(filter, 'goal-missing'),
    identities: identitiesQuery('built-in-identity-rg', ['built-in-identity-eastus']),
    'unknown identities': unknownIdentitiesQuery(filter.groups),
    groups: groupsQuery('built-in-identity-rg'),
    'changed often': changedOftenQuery('built-in-identity-', 3),
    changes: changesQuery('built-in-identity-', [SOME_VM]),
    standing,
  })) {
    it(`is right: the inventory's ${name} query`, () => {
      assert.deepEqual(analyse(query, graphTables), []);
    });
  }

  it('would be found wrong, were it wrong', () => {
    assert.notDeepEqual(analyse('AppEvents | where Nonsense == 1', workspaceColumns), []);
  });
});
