import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { standingQuery } from '../../src/azure/kql.ts';
import { aPolicy, SUBSCRIPTION } from '../builders.ts';
import { columnsOf, graphTables } from '../kustoAnalysis.ts';
import { workspaceColumns } from '../workspace.ts';
import { onlyDeployed } from './template.ts';
import { deployedWorkbook, putIn, type WorkbookPart } from './workbook.ts';

const { version, items } = deployedWorkbook('main.minimal');
const parameters = items.flatMap(({ content }) => content.parameters ?? []);
const sample = {
  Rules: standingQuery({ policy: aPolicy(), excluded: [], groups: [] }, [SUBSCRIPTION], []),
  Subscription: `'/subscriptions/${SUBSCRIPTION}'`,
  Region: "'*'",
  PickedSubscription: SUBSCRIPTION,
  PickedRegion: 'eastus',
  PickedReason: 'goal-missing',
  PickedVm: 'id',
};
const [NEVER, WORKSPACE, GRAPH, MERGE] = ['Never', 0, 1, 7] as const;

const exported = ({ content }: WorkbookPart) => [
  ...(content.exportParameterName
    ? [{ field: content.exportFieldName, name: content.exportParameterName }]
    : []),
  ...(content.exportedParameters ?? []).map(({ fieldName, parameterName }) => ({
    field: fieldName,
    name: parameterName,
  })),
];
const conditions = ({ conditionalVisibility, conditionalVisibilities }: WorkbookPart) =>
  [...(conditionalVisibilities ?? []), ...(conditionalVisibility ? [conditionalVisibility] : [])].map(
    ({ parameterName }) => parameterName,
  );
const isMerge = ({ content }: WorkbookPart) => content.queryType === MERGE;
const merge = ({ content }: WorkbookPart) =>
  JSON.parse(content.query ?? '') as {
    merges: { leftTable: string; rightTable: string; leftColumn: string; rightColumn: string }[];
    projectRename: { originalName: string; mergedName?: string }[];
  };
/** The columns that a part shows, by Microsoft's own analysis of its query. */
function columns(part: WorkbookPart): string[] {
  if (isMerge(part)) return merge(part).projectRename.flatMap(({ mergedName }) => mergedName ?? []);
  const tables = part.content.queryType === GRAPH ? graphTables : workspaceColumns;
  return columnsOf(putIn(part.content.query ?? '', sample), tables);
}
const partNamed = (name: string) => items.find((part) => part.name === name) as WorkbookPart;

describe('the workbook', () => {
  it('is one, and asks the workspace and the subscriptions that are picked', () => {
    const [{ id: workspace }] = [onlyDeployed('main.minimal', 'Microsoft.OperationalInsights/workspaces')];

    assert.equal(version, 'Notebook/1.0');
    assert.equal(new Set(items.map(({ name }) => name)).size, items.length);
    for (const { content } of items.filter((part) => part.type === 3 && !isMerge(part))) {
      assert.deepEqual(
        content.crossComponentResources,
        content.queryType === WORKSPACE ? [workspace] : ['{Subscription}'],
      );
      assert.ok(content.query);
    }
    assert.deepEqual(
      parameters.map(({ name, query, crossComponentResources: of }) => [name, query !== undefined, of?.[0]]),
      [
        ['TimeRange', false, undefined],
        ['Subscription', false, undefined],
        ['Region', true, '{Subscription}'],
        ['Rules', true, workspace],
      ],
    );
  });

  it('uses a parameter only where there is one, picked from or exported further up', () => {
    const known = new Set(parameters.map(({ name }) => name));
    for (const part of items.filter(({ type }) => type !== 9)) {
      const used = [...(part.content.query ?? '').matchAll(/\{(\w+)\}/g)].map(([, name]) => name as string);
      const { timeContextFromParameter } = part.content;
      const needed = [
        ...used,
        ...conditions(part),
        ...(timeContextFromParameter ? [timeContextFromParameter] : []),
      ];

      assert.deepEqual(
        needed.filter((name) => name !== NEVER && !known.has(name)),
        [],
        part.name,
      );
      // A part that would ask with nothing picked is not shown, unless another one joins it.
      const picked = used.filter((name) => !parameters.some((one) => one.name === name && name !== 'Rules'));
      if (picked.length > 0) assert.ok(conditions(part).length > 0, part.name);
      for (const { name } of exported(part)) known.add(name);
    }
  });

  for (const part of items.filter(({ type }) => type === 3)) {
    it(`formats, sorts and hands on only columns that its query gives: ${part.name}`, () => {
      const given = columns(part);
      const { chartSettings, tileSettings, gridSettings } = part.content;
      const named = [
        ...exported(part).map(({ field }) => field as string),
        ...(chartSettings ? [chartSettings.xAxis, ...chartSettings.yAxis] : []),
        ...(gridSettings?.sortBy ?? []).map(({ itemKey }) => itemKey),
        ...(gridSettings?.labelSettings ?? []).map(({ columnId }) => columnId),
        ...(tileSettings
          ? [tileSettings.titleContent.columnMatch, tileSettings.leftContent.columnMatch]
          : []),
      ];
      const formatted = (gridSettings?.formatters ?? []).map(({ columnMatch }) => columnMatch);

      assert.ok(given.length > 0);
      assert.deepEqual(
        named.filter((name) => !given.includes(name)),
        [],
      );
      assert.deepEqual(
        formatted.filter((form) => !given.some((name) => new RegExp(form).test(name))),
        [],
      );
    });
  }

  it('joins Resource Graph with what the app last did, by the id of the VM', () => {
    const [joining] = items.filter(isMerge) as [WorkbookPart];
    const { merges, projectRename } = merge(joining);

    for (const { leftTable, rightTable, leftColumn, rightColumn } of merges) {
      assert.ok(columns(partNamed(leftTable)).includes(leftColumn));
      assert.ok(columns(partNamed(rightTable)).includes(rightColumn));
    }
    for (const { originalName } of projectRename) {
      const [, table = '', column = ''] = /^\[(\w+)\]\.(\w+)$/.exec(originalName) ?? [];
      assert.ok(columns(partNamed(table)).includes(column), originalName);
    }
    assert.deepEqual(columns(joining).slice(0, 5), ['VM', 'Reason', 'Last outcome', 'Why', 'Next step']);
  });

  it('leads from the tenant to a VM: subscription, region and reason, VM, its looks', () => {
    assert.deepEqual(
      items.flatMap((part) => exported(part).map(({ name }) => [part.name, name])),
      [
        ['subscriptions', 'PickedSubscription'],
        ['regionsAndReasons', 'PickedRegion'],
        ['regionsAndReasons', 'PickedReason'],
        ['vms', 'PickedVm'],
      ],
    );
  });
});
