import { runQuery } from '../emulator/graph/kql/query.ts';
import type { Column } from '../emulator/graph/kql/values.ts';
import type { Envelope } from '../emulator/ingestion/received.ts';

const TIME: Column = { name: 'TimeGenerated', type: 'datetime' };
const ITEM: readonly Column[] = [
  TIME,
  { name: 'OperationId', type: 'string' },
  { name: 'AppRoleName', type: 'string' },
  { name: 'Properties', type: 'dynamic' },
];

/** The columns of the tables of a workspace that our queries may use (learn.microsoft.com, azure-monitor/reference/tables). */
export const workspaceColumns = {
  AppEvents: [...ITEM, { name: 'Name', type: 'string' }, { name: 'Measurements', type: 'dynamic' }],
  AppTraces: [...ITEM, { name: 'Message', type: 'string' }, { name: 'SeverityLevel', type: 'long' }],
  AppMetrics: [
    ...ITEM,
    { name: 'Name', type: 'string' },
    { name: 'Sum', type: 'real' },
    { name: 'Min', type: 'real' },
    { name: 'Max', type: 'real' },
    { name: 'ItemCount', type: 'long' },
  ],
  AppExceptions: [
    ...ITEM,
    { name: 'ExceptionType', type: 'string' },
    { name: 'OuterMessage', type: 'string' },
  ],
  AppRequests: [...ITEM, { name: 'Name', type: 'string' }, { name: 'Success', type: 'bool' }],
} as const satisfies Record<string, readonly Column[]>;

/** Asks a query of a workspace that holds these items; rows by column name. Throws QueryError. */
export function askWorkspace(
  query: string,
  items: readonly Envelope[],
  now: Date,
): Record<string, unknown>[] {
  const known = {
    AppEvents: rowsOf(items, 'EventData', (one) => [one.name, one.measurements]),
    AppTraces: rowsOf(items, 'MessageData', (one) => [one.message, one.severityLevel]),
    AppMetrics: items.flatMap((item) =>
      ((item.data.baseData.metrics ?? []) as Record<string, unknown>[]).flatMap((point) =>
        rowsOf([item], 'MetricData', () => [point.name, point.value, point.min, point.max, point.count]),
      ),
    ),
    AppExceptions: [],
    AppRequests: [],
  };
  const tables = Object.fromEntries(
    Object.entries(known).map(([name, rows]) => [
      name,
      { rows, columns: workspaceColumns[name as keyof typeof known] },
    ]),
  );
  const none = {
    rows: () => undefined,
    subscriptionsUnder: () => undefined,
    readableSubscriptions: () => new Set<string>(),
  };
  const { columns, rows } = runQuery(query, { source: none, subscriptions: new Set(), now, tables });
  return rows.map((row) => Object.fromEntries(columns.map(({ name }, index) => [name, row[index]])));
}

function rowsOf(
  items: readonly Envelope[],
  type: string,
  more: (data: Record<string, unknown>) => unknown[],
): unknown[][] {
  return items
    .filter(({ data }) => data.baseType === type)
    .map(({ time, tags, data }) => [
      new Date(time),
      tags?.['ai.operation.id'] ?? '',
      tags?.['ai.cloud.role'] ?? '',
      data.baseData.properties ?? {},
      ...more(data.baseData),
    ]);
}
