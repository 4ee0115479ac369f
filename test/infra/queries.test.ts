import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { countQuery, goalMissingQuery, listQuery, scopesQuery, standingQuery } from '../../src/azure/kql.ts';
import { parseScope } from '../../src/domain/resourceId.ts';
import { aPolicy, SUBSCRIPTION } from '../builders.ts';
import { analyse, graphTables } from '../kustoAnalysis.ts';
import { workspaceColumns } from '../workspace.ts';
import { putIn } from './workbook.ts';

const folder = join(import.meta.dirname, '../../infra/modules/kql');
const shipped = Object.fromEntries(
  globSync('*.kql', { cwd: folder }).map((file) => [file, readFileSync(join(folder, file), 'utf8')]),
);
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
    'goal missing': goalMissingQuery(filter, 'eastus'),
    scopes: scopesQuery(filter.groups),
    list: listQuery(filter, ['goal-missing']),
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
