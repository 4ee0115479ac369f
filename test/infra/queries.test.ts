import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { countQuery, goalMissingQuery, scopesQuery } from '../../src/azure/kql.ts';
import { parseScope } from '../../src/domain/resourceId.ts';
import { aPolicy, SUBSCRIPTION } from '../builders.ts';
import { analyse } from '../kustoAnalysis.ts';
import { workspaceColumns } from '../workspace.ts';

const folder = join(import.meta.dirname, '../../infra/modules/kql');
const shipped = Object.fromEntries(
  globSync('*.kql', { cwd: folder }).map((file) => [file, readFileSync(join(folder, file), 'utf8')]),
);
const text = (name: string) => ({ name, type: 'string' as const });
const bag = (name: string) => ({ name, type: 'dynamic' as const });
const graphColumns = [
  ...[
    'id',
    'name',
    'type',
    'tenantId',
    'kind',
    'location',
    'resourceGroup',
    'subscriptionId',
    'managedBy',
  ].map(text),
  ...['sku', 'plan', 'properties', 'tags', 'identity', 'zones', 'extendedLocation'].map(bag),
];
const graphTables = { resources: graphColumns, resourcecontainers: graphColumns };

describe('every query shipped, by Microsoft’s own analysis with the tables given,', () => {
  for (const [file, query] of Object.entries(shipped)) {
    it(`is right: ${file}`, () => {
      assert.deepEqual(analyse(query, /^resources\b/.test(query) ? graphTables : workspaceColumns), []);
    });
  }

  const group = parseScope(`/subscriptions/${SUBSCRIPTION}/resourceGroups/rg`);
  const filter = {
    policy: aPolicy({ exclusionTag: { name: 'no', value: 'yes' } }),
    excluded: group ? [group] : [],
    groups: group ? [group] : [],
  };
  for (const [name, query] of Object.entries({
    count: countQuery(filter),
    'goal missing': goalMissingQuery(filter, 'eastus'),
    scopes: scopesQuery(filter.groups),
  })) {
    it(`is right: the inventory's ${name} query`, () => {
      assert.deepEqual(analyse(query, graphTables), []);
    });
  }

  it('would be found wrong, were it wrong', () => {
    assert.notDeepEqual(analyse('AppEvents | where Nonsense == 1', workspaceColumns), []);
  });
});
