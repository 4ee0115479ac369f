import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { answerQuery } from '../../emulator/graph/answerQuery.ts';
import type { GraphRow, GraphSource } from '../../emulator/graph/graphSource.ts';

const SUB = '11111111-1111-1111-1111-111111111111';
const row = (name: string, more: Partial<GraphRow> = {}): GraphRow => ({
  id: `/subscriptions/${SUB}/resourceGroups/Rg/providers/Microsoft.Compute/virtualMachines/${name}`,
  name,
  type: 'microsoft.compute/virtualmachines',
  tenantId: 't',
  kind: '',
  location: 'eastus',
  resourceGroup: 'rg',
  subscriptionId: SUB,
  managedBy: '',
  sku: null,
  plan: null,
  properties: {},
  tags: null,
  identity: null,
  zones: null,
  extendedLocation: null,
  ...more,
});
const rows = [
  row('a', {
    tags: { Env: 'Prod' },
    properties: { size: 4, disks: [{ gb: 30 }, { gb: 64 }] },
    identity: { type: 'SystemAssigned, UserAssigned', userAssignedIdentities: { '/X': {}, '/y': {} } },
  }),
  row('b', {
    location: 'westus',
    properties: { size: 2, on: true, at: '2026-01-02T03:04:05Z' },
    identity: { type: 'SystemAssigned' },
  }),
  row('c', { properties: { size: 10, disks: [] }, managedBy: 'x' }),
];
const source: GraphSource = {
  readableSubscriptions: () => new Set([SUB]),
  subscriptionsUnder: (name) => (name === 'root' ? [SUB] : undefined),
  rows: (table) =>
    table === 'resources'
      ? rows
      : table === 'resourcecontainers'
        ? [row('Rg', { type: 'g', managedBy: 'aks' }), row('other', { type: 'g' })]
        : undefined,
};

interface Body {
  data: Record<string, unknown>[];
  error?: { code: string; details: { code: string; message: string }[] };
  [key: string]: unknown;
}
function query(text: string, more: Record<string, unknown> = {}) {
  const { status, headers, body } = answerQuery(
    { apiVersion: '2024-04-01', body: { query: text, ...more }, now: new Date(0), correlationId: 'c' },
    source,
  );
  return { status, headers, body: body as Body };
}
const values = (text: string) => query(text).body.data.map((one) => Object.values(one));

// Each query with the values it gives, worked out by hand from the three rows above.
const table: [string, unknown[][]][] = [
  ["resources | where name == 'a' | project name", [['a']]],
  ["where name =~ 'A' | project name", [['a']]],
  ['RESOURCES | order by name desc | project name | take 2', [['c'], ['b']]],
  ["resources | where identity.type contains 'userassigned' | project name", [['a']]],
  ["resources | where identity.type !contains 'user' | project name | order by name asc", [['b'], ['c']]],
  ["resources | where tostring(identity.type) == 'SystemAssigned' | project name", [['b']]],
  ["resources | where identity.type == 'SystemAssigned' | project name", [['b']]],
  ['resources | where isnull(identity) | project name', [['c']]],
  [
    'resources | project name, keys = tostring(bag_keys(identity.userAssignedIdentities)) | where isnotempty(keys)',
    [['a', '["/X","/y"]']],
  ],
  ['resources | where array_length(bag_keys(identity.userAssignedIdentities)) == 2 | project name', [['a']]],
  [
    "resources | project i = indexof(name, 'b'), j = indexof('abcabc', 'c', 3) | order by i desc | take 1",
    [[0, 5]],
  ],
  ["resources | where tags['Env'] =~ 'prod' and isempty(tags.env) | project name", [['a']]],
  ['resources | project size = toint(properties.size) | order by size asc', [[2], [4], [10]]],
  ['resources | where properties.size > 3 | project name | order by name asc', [['a'], ['c']]],
  [
    "resources | extend x = strcat(name, '-', location) | where x startswith 'B-' | project x",
    [['b-westus']],
  ],
  [
    "resources | project x = iff(name == 'a', 1, 2), y = case(name == 'b', 'B', name == 'c', 'C', '?') | order by y asc",
    [
      [1, '?'],
      [2, 'B'],
      [2, 'C'],
    ],
  ],
  [
    'resources | summarize count() by location | order by location asc',
    [
      ['eastus', 2],
      ['westus', 1],
    ],
  ],
  [
    'resources | summarize total = sum(toint(properties.size)), n = dcount(location), most = max(toint(properties.size))',
    [[16, 2, 10]],
  ],
  [
    'resources | summarize small = countif(toint(properties.size) < 5), names = make_set(name)',
    [[2, ['a', 'b', 'c']]],
  ],
  ['resources | where name == "zzz" | summarize count()', [[0]]],
  ['resources | where name == "zzz" | summarize count() by location', []],
  ['resources | distinct location | order by location asc', [['eastus'], ['westus']]],
  ['resources | count', [[3]]],
  ['resources | top 1 by name desc | project name', [['c']]],
  [
    'resources | mv-expand disk = properties.disks | project name, gb = toint(disk.gb) | order by name asc, gb asc',
    [
      ['a', 30],
      ['a', 64],
      ['b', null],
      ['c', null],
    ],
  ],
  [
    'resources | join kind=leftouter (resourcecontainers | where isnotempty(managedBy) | project groupName = tolower(name), owner = managedBy) on $left.resourceGroup == $right.groupName | project name, owner | order by name asc',
    [
      ['a', 'aks'],
      ['b', 'aks'],
      ['c', 'aks'],
    ],
  ],
  ['resources | join kind=inner (resourcecontainers | project name) on name | count', [[0]]],
  ["resources | where name in~ ('A', 'B') and name !in ('b') | project name", [['a']]],
  ['resources | where not(isnotempty(managedBy)) | summarize n = count()', [[2]]],
  ["resources | project p = split(id, '/')[2] | distinct tostring(p)", [[SUB]]],
  ["resources | where id has 'virtualMachines' and not(id has 'virtualMachine') | count", [[3]]],
  [
    'resources | project-away tenantId | project-rename vm = name | project-keep vm | order by vm asc | take 1',
    [['a']],
  ],
  ['resources | where properties.at > datetime(2026-01-01) | project name', [['b']]],
  [
    'resources | extend t = todatetime(properties.at) | where t between (datetime(2026-01-01) .. datetime(2026-02-01)) | project t',
    [['2026-01-02T03:04:05.0000000Z']],
  ],
];

describe('Resource Graph answers', () => {
  for (const [text, expected] of table) {
    it(text, () => {
      const { status, body } = query(text, { options: { $top: 1000 } });

      assert.equal(status, 200, JSON.stringify(body.error));
      assert.deepEqual(values(text), expected);
    });
  }
});

// What Resource Graph itself refuses (azure-facts, section 4 "Dialect"), then what only this one does not know.
const refused: [string, RegExp][] = [
  ['let x = 1; resources | where name == "a"', /let/],
  ['union resources, resourcecontainers', /union/],
  ['resources | project etag', /'etag' does not exist/],
  ['resources | where systemData.createdBy == "x"', /'systemData' does not exist/],
  ['resources | where identity.type == properties.size', /Cannot compare values of types dynamic/],
  ['resources | where properties.size != 4', /Cannot compare/],
  ['resources | summarize count() by properties.size', /dynamic/],
  ['resources | join (resourcecontainers | project identity) on identity', /dynamic/],
  ['resources | project kind = name', /kind/],
  ["resources | project ['kind'] = name", /'kind' cannot be assigned/],
  ['resources | summarize count = count() by name', /'count' cannot be assigned/],
  ['resources | join kind=leftanti (resourcecontainers) on name', /leftanti.*not supported/],
  ['resources | mv-expand kind=outer properties', /outer/],
  ['resources | mv-expand properties.disks limit 500', /400/],
  ['resources | where isempty(kind) == true', /true or false/],
  ['nosuchtable | take 1', /nosuchtable/],
  ['resources | evaluate bag_unpack(tags)', /evaluate/],
  ['resources | project x = geo_point_to_geohash(1, 2)', /geo_point_to_geohash/],
  ['resources | where', /./],
  ['resources | take 1 take', /./],
];

describe('Resource Graph refuses with 400 and says why:', () => {
  for (const [text, expected] of refused) {
    it(text, () => {
      const { status, body } = query(text);

      assert.equal(status, 400);
      assert.equal(body.error?.code, 'BadRequest');
      assert.match(
        body.error?.details
          .map(({ message, code, ...rest }) => `${code} ${message} ${JSON.stringify(rest)}`)
          .join(' ') ?? '',
        expected,
      );
    });
  }
});

describe('the answer', () => {
  it('has its keys in order, and resultTruncated as text', () => {
    const { body } = query('project id', { options: { $top: 2, resultFormat: 'objectArray' } });

    assert.deepEqual(Object.keys(body), [
      'totalRecords',
      'count',
      'data',
      'facets',
      'resultTruncated',
      '$skipToken',
    ]);
    assert.deepEqual([body.totalRecords, body.count, body.resultTruncated], [3, 2, 'false']);
  });

  it('can be walked page by page, each row once, and the last page has no token', () => {
    const seen: unknown[] = [];
    let token: unknown;
    do {
      const { body } = query('project id, name | order by id asc', {
        options: { $top: 1, ...(token ? { $skipToken: token } : {}) },
      });
      seen.push(...body.data.map(({ name }) => name));
      token = body.$skipToken;
    } while (token);

    assert.deepEqual(seen, ['a', 'b', 'c']);
  });

  it('cannot be paged with a limit of its own, nor without a plain column', () => {
    assert.equal(query('project id | take 3', { options: { $top: 1 } }).body.resultTruncated, 'true');
    assert.equal(query('project tags', { options: { $top: 1 } }).body.$skipToken, undefined);
  });

  it('can be paged with top, which is an order as well', () => {
    const { body } = query('top 2 by name asc | project name', { options: { $top: 1 } });

    assert.deepEqual([body.data, body.resultTruncated], [[{ name: 'a' }], 'false']);
    const next = query('top 2 by name asc | project name', { options: { $skipToken: body.$skipToken } }).body;
    assert.deepEqual([next.data, next.$skipToken], [[{ name: 'b' }], undefined]);
  });

  it('comes as a table when asked, and before 2021', () => {
    const { body } = query('project id, tags, n = 1', { options: { resultFormat: 'table' } });
    const { columns } = body.data as unknown as { columns: { name: string; type: string }[] };

    assert.deepEqual(columns, [
      { name: 'id', type: 'string' },
      { name: 'tags', type: 'object' },
      { name: 'n', type: 'integer' },
    ]);
    const old = answerQuery(
      { apiVersion: '2019-04-01', body: { query: 'project id' }, now: new Date(0), correlationId: 'c' },
      source,
    );
    assert.ok('columns' in ((old.body as Body).data as unknown as object));
  });

  it('is refused for both kinds of scope, for scopes nobody can read, and for bad options', () => {
    const other = '22222222-2222-2222-2222-222222222222';

    assert.equal(query('project id', { subscriptions: [SUB], managementGroups: ['root'] }).status, 400);
    assert.equal(query('project id', { subscriptions: [other] }).status, 403);
    assert.equal(query('project id', { managementGroups: ['nope'] }).status, 403);
    assert.equal(query('project id', { subscriptions: [SUB, other] }).body.totalRecords, 3);
    assert.equal(query('project id', { options: { $top: 1001 } }).status, 400);
    assert.equal(query('project id', { options: { $skipToken: 'x' } }).status, 400);
  });
});
