// Longer than most: each operator of a pipeline is one function here, and they share how they name columns.
import { compileAggregate } from './aggregates.ts';
import { refused, unsupported } from './queryError.ts';
import { compileScalar } from './scalar.ts';
import { nameOf, type Scalar, type Scope } from './scope.ts';
import type { SyntaxNode } from './syntax.ts';
import { type Column, compare, groupKey, type Row, toNumber, type Value } from './values.ts';

/** A step of a pipeline: what columns it leaves, and what it does to rows. Rows are its own to change. */
export interface Step {
  readonly columns: readonly Column[];
  run(rows: Iterable<Row>): Iterable<Row>;
}

interface Assignment {
  readonly name: string;
  readonly scalar: Scalar;
}

// Resource Graph fails on these as targets of an assignment (azure-facts, section 4 "Dialect").
const RESERVED = new Set(['count', 'kind', 'type']);

/** Compiles one operator, other than joins and mv-expand, for rows with these columns. Throws QueryError. */
export function compileStep(node: SyntaxNode, scope: Scope): Step | undefined {
  return steps[node.kind]?.(node, scope);
}

const steps: Readonly<Record<string, (node: SyntaxNode, scope: Scope) => Step>> = {
  FilterOperator: where,
  ExtendOperator: extend,
  ProjectOperator: project,
  ProjectAwayOperator: projectAway,
  ProjectKeepOperator: projectKeep,
  ProjectRenameOperator: projectRename,
  SummarizeOperator: summarize,
  DistinctOperator: distinct,
  SortOperator: sort,
  TakeOperator: take,
  TopOperator: top,
  CountOperator: countRows,
};

function where(node: SyntaxNode, scope: Scope): Step {
  const condition = compileScalar(last(node), scope);
  return {
    columns: scope.columns,
    *run(rows) {
      for (const row of rows) if (condition.evaluate(row) === true) yield row;
    },
  };
}

function extend(node: SyntaxNode, scope: Scope): Step {
  const columns = [...scope.columns];
  const targets: { index: number; scalar: Scalar }[] = [];
  for (const { name, scalar } of assignments(expressions(node), scope)) {
    const known = columns.findIndex((column) => column.name === name);
    const index = known < 0 ? columns.length : known;
    columns[index] = { name, type: scalar.type };
    targets.push({ index, scalar });
  }
  return {
    columns,
    *run(rows) {
      for (const row of rows) {
        // All are computed on the row as it came, then set.
        const values = targets.map(({ scalar }) => scalar.evaluate(row));
        for (const [position, { index }] of targets.entries()) row[index] = values[position];
        yield row;
      }
    },
  };
}

function project(node: SyntaxNode, scope: Scope): Step {
  const targets = assignments(expressions(node), scope);
  return {
    columns: targets.map(({ name, scalar }) => ({ name, type: scalar.type })),
    *run(rows) {
      for (const row of rows) yield targets.map(({ scalar }) => scalar.evaluate(row));
    },
  };
}

function projectAway(node: SyntaxNode, scope: Scope): Step {
  const names = new Set(expressions(node).map(nameOf));
  return keep(scope, ({ name }) => !names.has(name));
}

function projectKeep(node: SyntaxNode, scope: Scope): Step {
  const names = new Set(expressions(node).map(nameOf));
  return keep(scope, ({ name }) => names.has(name));
}

function keep({ columns }: Scope, wanted: (column: Column) => boolean): Step {
  const indexes = columns.map((_, index) => index).filter((index) => wanted(columns[index] as Column));
  return {
    columns: columns.filter(wanted),
    *run(rows) {
      for (const row of rows) yield indexes.map((index) => row[index]);
    },
  };
}

function projectRename(node: SyntaxNode, scope: Scope): Step {
  const renamed = new Map(
    assignments(expressions(node), scope).map(({ name, scalar }) => [scalar.name, name] as const),
  );
  const columns = scope.columns.map((column) => ({
    ...column,
    name: renamed.get(column.name) ?? column.name,
  }));
  return { columns, run: (rows) => rows };
}

function summarize(node: SyntaxNode, scope: Scope): Step {
  const by = node.children.find(({ kind }) => kind === 'SummarizeByClause');
  const groups = by ? assignments(expressions(by), scope) : [];
  for (const { name, scalar } of groups) {
    if (scalar.type === 'dynamic') {
      throw refused(
        `Summarize group key '${name}' is of a 'dynamic' type. Please use an explicit cast, such as tostring().`,
      );
    }
  }
  const aggregates = expressions(node)
    .filter((child) => child !== by)
    .map((expression) => {
      const { target, value } = splitAssignment(expression);
      const aggregate = compileAggregate(value, scope, compileScalar);
      return { aggregate, name: target ?? aggregate.name };
    });
  const columns = [
    ...groups.map(({ name, scalar }) => ({ name, type: scalar.type })),
    ...aggregates.map(({ aggregate, name }) => ({ name, type: aggregate.type })),
  ];
  return {
    columns,
    *run(rows) {
      const found = new Map<
        string,
        { keys: Value[]; parts: ReturnType<(typeof aggregates)[number]['aggregate']['start']>[] }
      >();
      const begin = (keys: Value[]) => ({
        keys,
        parts: aggregates.map(({ aggregate }) => aggregate.start()),
      });
      // Without groups there is one row, even of nothing.
      if (groups.length === 0) found.set('', begin([]));
      for (const row of rows) {
        const keys = groups.map(({ scalar }) => scalar.evaluate(row));
        const text = groups.length === 0 ? '' : groupKey(keys);
        const group = found.get(text) ?? begin(keys);
        found.set(text, group);
        for (const part of group.parts) part.add(row);
      }
      for (const { keys, parts } of found.values()) yield [...keys, ...parts.map((part) => part.result())];
    },
  };
}

function distinct(node: SyntaxNode, scope: Scope): Step {
  const star = expressions(node).some(({ kind }) => kind === 'StarExpression');
  const targets = star
    ? scope.columns.map(({ name, type }, index) => ({
        name,
        scalar: { type, evaluate: (row: Row) => row[index] },
      }))
    : assignments(expressions(node), scope);
  return {
    columns: targets.map(({ name, scalar }) => ({ name, type: scalar.type })),
    *run(rows) {
      const seen = new Set<string>();
      for (const row of rows) {
        const values = targets.map(({ scalar }) => scalar.evaluate(row));
        const key = groupKey(values);
        if (seen.has(key)) continue;
        seen.add(key);
        yield values;
      }
    },
  };
}

function sort(node: SyntaxNode, scope: Scope): Step {
  const order = ordering(expressions(node), scope);
  return { columns: scope.columns, run: (rows) => [...rows].sort(order) };
}

function take(node: SyntaxNode, scope: Scope): Step {
  const most = wholeNumber(last(node), scope);
  return {
    columns: scope.columns,
    *run(rows) {
      let taken = 0;
      for (const row of rows) {
        if (taken++ >= most) return;
        yield row;
      }
    },
  };
}

function top(node: SyntaxNode, scope: Scope): Step {
  const [most, ...by] = expressions(node) as [SyntaxNode, ...SyntaxNode[]];
  const order = ordering(by, scope);
  const size = wholeNumber(most, scope);
  return { columns: scope.columns, run: (rows) => [...rows].sort(order).slice(0, size) };
}

function countRows(): Step {
  return {
    columns: [{ name: 'Count', type: 'long' }],
    *run(rows) {
      let total = 0;
      for (const _ of rows) total++;
      yield [total];
    },
  };
}

// Descending unless asked otherwise; nulls last when descending and first when ascending, as in Kusto.
function ordering(by: readonly SyntaxNode[], scope: Scope): (a: Row, b: Row) => number {
  const keys = by.map((node) => {
    const clause = node.kind === 'OrderedExpression' ? node.children[1] : undefined;
    const expression = node.kind === 'OrderedExpression' ? (node.children[0] as SyntaxNode) : node;
    const words = (clause?.text ?? '').toLowerCase();
    const ascending = words.startsWith('asc');
    const nullsFirst = words.includes('nulls first') || (ascending && !words.includes('nulls last'));
    return { scalar: compileScalar(expression, scope), ascending, nullsFirst };
  });
  return (a, b) => {
    for (const { scalar, ascending, nullsFirst } of keys) {
      const left = scalar.evaluate(a);
      const right = scalar.evaluate(b);
      if ((left === null) !== (right === null)) return (left === null) === nullsFirst ? -1 : 1;
      const order = compare(left, right);
      if (order !== 0) return ascending ? order : -order;
    }
    return 0;
  };
}

function assignments(nodes: readonly SyntaxNode[], scope: Scope): Assignment[] {
  return nodes.map((node, index) => {
    const { target, value } = splitAssignment(node);
    const scalar = compileScalar(value, scope);
    return { scalar, name: target ?? scalar.name ?? `Column${index + 1}` };
  });
}

/** Takes `name = value` apart. Throws QueryError for names Resource Graph does not take. */
function splitAssignment(node: SyntaxNode): { target: string | undefined; value: SyntaxNode } {
  if (node.kind !== 'SimpleNamedExpression') return { target: undefined, value: node };
  const target = nameOf(node.children[0] as SyntaxNode);
  if (RESERVED.has(target))
    throw refused(`'${target}' cannot be assigned to. Use another name (at character ${node.start}).`);
  return { target, value: last(node) };
}

/** The expressions of an operator, without its words and options. */
export function expressions(node: SyntaxNode): SyntaxNode[] {
  const option = node.children.find(({ kind }) => kind === 'NamedParameter');
  if (option) throw unsupported(`the option ${option.text}`, option.start);
  return node.children.filter(({ kind }) => kind !== 'Token');
}

function wholeNumber(node: SyntaxNode, scope: Scope): number {
  const value = toNumber(compileScalar(node, scope).constant);
  if (value === null || value < 0) throw unsupported(`"${node.text}" where a number is expected`, node.start);
  return value;
}

function last(node: SyntaxNode): SyntaxNode {
  return node.children.at(-1) as SyntaxNode;
}
