import { createRequire } from 'node:module';
import type { Column } from '../emulator/graph/kql/values.ts';

interface Symbols {
  readonly TableSymbol: { From(schema: string): { WithName(name: string): unknown } };
  readonly DatabaseSymbol: { readonly $ctor1: new (name: string, members: unknown[]) => unknown };
}
interface Language {
  readonly Symbols: Symbols;
  readonly GlobalState: { readonly Default: { WithDatabase(database: unknown): unknown } };
  readonly KustoCode: {
    ParseAndAnalyze(
      text: string,
      globals: unknown,
    ): { GetDiagnostics(): { Count: number; getItem(index: number): { Message: string } } };
  };
}

/** What Microsoft's own analysis says of a query, names and types included, given the tables there are; empty when it is right. */
export function analyse(query: string, tables: Readonly<Record<string, readonly Column[]>>): string[] {
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
  const found = Language.KustoCode.ParseAndAnalyze(query, globals).GetDiagnostics();
  return Array.from({ length: found.Count }, (_, index) => found.getItem(index).Message);
}
