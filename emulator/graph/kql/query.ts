import type { GraphRow, GraphSource } from '../graphSource.ts';
import { compileJoin, type JoinSide } from './join.ts';
import { compileMvExpand } from './mvExpand.ts';
import { parserFailure, refused, unsupported } from './queryError.ts';
import { nameOf, type Scope, stringLiteral } from './scope.ts';
import { compileStep, type Step } from './steps.ts';
import { parse, type SyntaxNode } from './syntax.ts';
import type { Column, Row } from './values.ts';

/** Where a compiled query finds its rows. */
export interface QueryContext {
  readonly source: GraphSource;
  readonly subscriptions: ReadonlySet<string>;
  readonly now: Date;
  /** Tables that are not Resource Graph's, such as those of a Log Analytics workspace, by name. */
  readonly tables?: Readonly<Record<string, Table>>;
}

/** A table with columns of its own. */
export interface Table {
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
}

/** What a query gives. */
export interface QueryResult {
  readonly columns: readonly Column[];
  readonly rows: Row[];
  /** True when the query limits its own rows by `take` or `limit`, which rules out paging. */
  readonly limited: boolean;
}

// As recorded in e01, with the columns that came later.
const TABLE_COLUMNS: readonly (Column & { name: keyof GraphRow })[] = [
  { name: 'id', type: 'string' },
  { name: 'name', type: 'string' },
  { name: 'type', type: 'string' },
  { name: 'tenantId', type: 'string' },
  { name: 'kind', type: 'string' },
  { name: 'location', type: 'string' },
  { name: 'resourceGroup', type: 'string' },
  { name: 'subscriptionId', type: 'string' },
  { name: 'managedBy', type: 'string' },
  { name: 'sku', type: 'dynamic' },
  { name: 'plan', type: 'dynamic' },
  { name: 'properties', type: 'dynamic' },
  { name: 'tags', type: 'dynamic' },
  { name: 'identity', type: 'dynamic' },
  { name: 'zones', type: 'dynamic' },
  { name: 'extendedLocation', type: 'dynamic' },
];
const MOST_JOINS = 3;
const MOST_EXPANSIONS = 3;
const DEFAULT_TABLE = 'resources';

/** Parses, compiles and runs a query. Throws QueryError for anything that Resource Graph, or this one, does not run. */
export function runQuery(text: string, context: QueryContext): QueryResult {
  const parsed = parse(startsWithOperator(text) ? `${DEFAULT_TABLE} | ${text}` : text);
  const offset = startsWithOperator(text) ? DEFAULT_TABLE.length + 3 : 0;
  if (parsed.statements.some((kind) => kind !== 'ExpressionStatement')) {
    throw refused('Only one query expression is supported; let and set statements are not.');
  }
  const [diagnostic] = parsed.diagnostics;
  if (diagnostic) throw parserFailure(text, diagnostic.start - offset, diagnostic.message);
  if (!parsed.query) throw parserFailure(text, text.length, 'a query');
  limitUse(parsed.query, 'JoinOperator', 'join', MOST_JOINS);
  limitUse(parsed.query, 'MvExpandOperator', 'mv-expand', MOST_EXPANSIONS);
  const pipeline = compilePipeline(parsed.query, context);
  const limited = pipeline.operators.includes('TakeOperator');
  return { columns: pipeline.columns, rows: [...pipeline.rows()], limited };
}

interface Pipeline extends JoinSide {
  readonly operators: readonly string[];
}

function compilePipeline(query: SyntaxNode, context: QueryContext): Pipeline {
  const operators = flatten(query);
  const [tableNode, ...rest] = operators as [SyntaxNode, ...SyntaxNode[]];
  const own = context.tables?.[tableNode.text];
  const table = own ? () => own.rows : tableRows(tableNode, typeHint(rest[0]), context);
  let columns: readonly Column[] = own?.columns ?? TABLE_COLUMNS;
  const steps: Step[] = [];
  for (const operator of rest) {
    const step = compileOperator(operator, { columns, now: context.now }, context);
    steps.push(step);
    columns = step.columns;
  }
  return {
    columns,
    operators: rest.map(({ kind }) => kind),
    rows: () => steps.reduce<Iterable<Row>>((rows, step) => step.run(rows), table()),
  };
}

function compileOperator(node: SyntaxNode, scope: Scope, context: QueryContext): Step {
  if (node.kind === 'JoinOperator') return compileJoin(node, scope, (side) => compilePipeline(side, context));
  if (node.kind === 'MvExpandOperator') return compileMvExpand(node, scope);
  const step = compileStep(node, scope);
  if (!step) throw unsupported(`the operator ${node.children[0]?.text ?? node.kind}`, node.start);
  return step;
}

function tableRows(node: SyntaxNode, type: string | undefined, { source, subscriptions }: QueryContext) {
  if (node.kind !== 'NameReference') {
    if (/^union\b/i.test(node.text)) throw refused('A query cannot start with union.');
    throw unsupported(`a query that starts with ${node.kind}`, node.start);
  }
  const name = nameOf(node);
  const table = source.rows(name.toLowerCase(), subscriptions, type);
  if (!table) throw refused(`The table '${name}' does not exist or is not supported.`);
  return function* rows(): Generator<Row> {
    for (const row of table) {
      yield [
        row.id,
        row.name,
        row.type,
        row.tenantId,
        row.kind,
        row.location,
        row.resourceGroup,
        row.subscriptionId,
        row.managedBy,
        row.sku,
        row.plan,
        row.properties,
        row.tags,
        row.identity,
        row.zones,
        row.extendedLocation,
      ];
    }
  };
}

/** A pipe is a tree that leans left: table, then operators in order. */
function flatten(node: SyntaxNode): SyntaxNode[] {
  if (node.kind !== 'PipeExpression') return [node];
  const [left, , right] = node.children as [SyntaxNode, SyntaxNode, SyntaxNode];
  return [...flatten(left), right];
}

// `| where type =~ 'x'` right after the table: only rows of that type need to be looked at.
function typeHint(first: SyntaxNode | undefined): string | undefined {
  let condition = first?.kind === 'FilterOperator' ? first.children.at(-1) : undefined;
  while (condition?.kind === 'BinaryExpression' && condition.children[1]?.text.toLowerCase() === 'and') {
    condition = condition.children[0];
  }
  const [left, operator, right] = condition?.children ?? [];
  const isType = condition?.kind === 'BinaryExpression' && left?.text === 'type';
  if (!isType || !['=~', '=='].includes(operator?.text ?? '') || right?.kind !== 'LiteralExpression')
    return undefined;
  return stringLiteral(right).toLowerCase();
}

function startsWithOperator(text: string): boolean {
  return /^\s*(where|project(-\w+)?|extend|summarize|order|sort|take|limit|top|distinct|count|mv-expand|join)\b/i.test(
    text,
  );
}

function limitUse(node: SyntaxNode, kind: string, word: string, most: number): void {
  const used = uses(node, kind);
  if (used > most) throw refused(`The query has ${used} ${word} operators; at most ${most} are supported.`);
}

function uses(node: SyntaxNode, kind: string): number {
  return (node.kind === kind ? 1 : 0) + node.children.reduce((sum, child) => sum + uses(child, kind), 0);
}
