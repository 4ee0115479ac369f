import { createRequire } from 'node:module';
import type { Column } from '../emulator/graph/kql/values.ts';

interface Symbols {
  readonly TableSymbol: { From(schema: string): { WithName(name: string): unknown } };
  readonly DatabaseSymbol: { readonly $ctor1: new (name: string, members: unknown[]) => unknown };
}
interface List<T> {
  readonly Count: number;
  getItem(index: number): T;
}
interface Code {
  readonly ResultType: { readonly Columns: List<{ readonly Name: string }> };
  GetDiagnostics(): List<{ readonly Message: string }>;
}
interface Language {
  readonly Symbols: Symbols;
  readonly GlobalState: { readonly Default: { WithDatabase(database: unknown): unknown } };
  readonly KustoCode: {
    ParseAndAnalyze(text: string, globals: unknown): Code;
  };
}

type Tables = Readonly<Record<string, readonly Column[]>>;

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

/** The tables of Resource Graph that our queries may use. */
export const graphTables = {
  resources: graphColumns,
  resourcecontainers: graphColumns,
  resourcechanges: graphColumns,
};

/** What Microsoft's own analysis says of a query, names and types included, given the tables there are; empty when it is right. */
export function analyse(query: string, tables: Tables): string[] {
  return listed(code(query, tables).GetDiagnostics()).map(({ Message }) => Message);
}

/** The columns that a query gives, by the same analysis. */
export function columnsOf(query: string, tables: Tables): string[] {
  return listed(code(query, tables).ResultType.Columns).map(({ Name }) => Name);
}

function listed<T>(list: List<T>): T[] {
  return Array.from({ length: list.Count }, (_, index) => list.getItem(index));
}

function code(query: string, tables: Tables): Code {
  const require = createRequire(import.meta.url);
  require('@kusto/language-service-next/bridge.min.js');
  require('@kusto/language-service-next/Kusto.Language.Bridge.min.js');
  const { Language } = (globalThis as unknown as { Kusto: { Language: Language } }).Kusto;
  const { TableSymbol, DatabaseSymbol } = Language.Symbols;
  const symbols = Object.entries(tables).map(([name, columns]) =>
    TableSymbol.From(
      `(${columns.map((column) => `['${column.name}']: ${column.type}`).join(', ')})`,
    ).WithName(name),
  );
  const globals = Language.GlobalState.Default.WithDatabase(new DatabaseSymbol.$ctor1('db', symbols));
  return Language.KustoCode.ParseAndAnalyze(query, globals);
}
