import { unsupported } from './queryError.ts';
import { nameOf, type Scalar, type Scope } from './scope.ts';
import type { SyntaxNode } from './syntax.ts';
import { comparable, compare, type Row, toNumber, type Value, type ValueType } from './values.ts';

/** A compiled aggregate: makes one accumulator for each group. */
export interface Aggregate {
  readonly type: ValueType;
  /** The name of its column where the query gives none: `count_`, `sum_total`. */
  readonly name: string;
  start(): Accumulator;
}

/** Takes in the rows of one group and gives the result. */
export interface Accumulator {
  add(row: Row): void;
  result(): Value;
}

type Compile = (node: SyntaxNode, scope: Scope) => Scalar;
type Make = (args: readonly Scalar[]) => { type: ValueType; start(): Accumulator };

const folding =
  (type: ValueType, initial: Value, step: (sum: Value, value: Value) => Value): Make =>
  ([arg]) => ({
    type: type === 'dynamic' ? (arg?.type ?? type) : type,
    start() {
      let sum = initial;
      return {
        add(row) {
          const value = arg?.evaluate(row);
          if (value !== null && value !== undefined) sum = step(sum, value);
        },
        result: () => sum,
      };
    },
  });

const collecting =
  (distinct: boolean): Make =>
  ([arg, limit]) => ({
    type: 'dynamic',
    start() {
      const seen = new Map<Value, Value>();
      const most = toNumber(limit?.constant) ?? 1_048_576;
      return {
        add(row) {
          const value = arg?.evaluate(row);
          if (value === null || value === undefined || value === '' || seen.size >= most) return;
          seen.set(distinct ? comparable(value) : seen.size, value);
        },
        result: () => [...seen.values()],
      };
    },
  });

const aggregates: Readonly<Record<string, Make>> = {
  count: () => ({
    type: 'long',
    start() {
      let rows = 0;
      return { add: () => void rows++, result: () => rows };
    },
  }),
  countif: ([condition]) => ({
    type: 'long',
    start() {
      let rows = 0;
      return { add: (row) => void (condition?.evaluate(row) === true && rows++), result: () => rows };
    },
  }),
  dcount: ([arg]) => ({
    type: 'long',
    start() {
      const seen = new Set<Value>();
      return { add: (row) => void seen.add(comparable(arg?.evaluate(row))), result: () => seen.size };
    },
  }),
  sum: folding('long', 0, (sum, value) => (sum as number) + (toNumber(value) ?? 0)),
  min: folding('dynamic', null, (least, value) =>
    least === null || compare(value, least) < 0 ? value : least,
  ),
  max: folding('dynamic', null, (most, value) => (most === null || compare(value, most) > 0 ? value : most)),
  any: folding('dynamic', null, (chosen, value) => chosen ?? value),
  take_any: folding('dynamic', null, (chosen, value) => chosen ?? value),
  avg: ([arg]) => ({
    type: 'real',
    start() {
      let sum = 0;
      let rows = 0;
      return {
        add(row) {
          const value = toNumber(arg?.evaluate(row));
          if (value === null) return;
          sum += value;
          rows++;
        },
        result: () => (rows === 0 ? null : sum / rows),
      };
    },
  }),
  make_list: collecting(false),
  makelist: collecting(false),
  make_set: collecting(true),
  makeset: collecting(true),
};

/** Compiles a call such as `countif(x > 1)` in a summarize. Throws QueryError. */
export function compileAggregate(node: SyntaxNode, scope: Scope, compile: Compile): Aggregate {
  if (node.kind !== 'FunctionCallExpression') throw unsupported(`"${node.text}" as an aggregate`, node.start);
  const [nameNode, list] = node.children as [SyntaxNode, SyntaxNode];
  const name = nameOf(nameNode);
  const make = aggregates[name];
  if (!make) throw unsupported(`the aggregate ${name}()`, node.start);
  const args = list.children.filter(({ kind }) => kind !== 'Token').map((arg) => compile(arg, scope));
  const { type, start } = make(args);
  const prefix = { makelist: 'list', make_list: 'list', makeset: 'set', make_set: 'set' }[name] ?? name;
  return { type, start, name: `${prefix}_${args[0]?.name ?? ''}` };
}
