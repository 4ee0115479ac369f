import { refused, unsupported } from './queryError.ts';
import { compileScalar } from './scalar.ts';
import { nameOf, type Scope } from './scope.ts';
import type { Step } from './steps.ts';
import type { SyntaxNode } from './syntax.ts';
import { toNumber, type Value, type ValueType } from './values.ts';

const DEFAULT_ROWS = 128;
const MOST_ROWS = 400;
const TYPES: Readonly<Record<string, ValueType>> = {
  string: 'string',
  long: 'long',
  int: 'long',
  real: 'real',
  double: 'real',
  bool: 'bool',
  datetime: 'datetime',
  dynamic: 'dynamic',
};

/** Compiles `mv-expand`: one row for each item of an array or bag, at most 128, or up to 400 with `limit`. */
export function compileMvExpand(node: SyntaxNode, scope: Scope): Step {
  for (const option of node.children.filter(({ kind }) => kind === 'NamedParameter')) {
    const kind = /^(?:bagexpansion|kind)\s*=\s*(\w+)$/.exec(option.text)?.[1]?.toLowerCase();
    if (kind === undefined) throw unsupported(`the option ${option.text}`, option.start);
    if (kind !== 'bag' && kind !== 'array')
      throw refused(`mv-expand kind '${kind}' is not supported. Supported kinds: bag, array.`);
  }
  const targets = node.children.filter(({ kind }) => kind === 'MvExpandExpression');
  const [target] = targets;
  if (!target || targets.length > 1) throw unsupported('mv-expand of several columns', node.start);
  const limitNode = node.children.find(({ kind }) => kind === 'MvExpandRowLimitClause');
  const limit = limitNode ? (toNumber(limitNode.children.at(-1)?.text) ?? DEFAULT_ROWS) : DEFAULT_ROWS;
  if (limit > MOST_ROWS)
    throw refused(`The mv-expand row limit ${limit} is above the maximum of ${MOST_ROWS}.`);

  const expression = target.children[0] as SyntaxNode;
  const named = expression.kind === 'SimpleNamedExpression';
  const source = compileScalar(named ? (expression.children.at(-1) as SyntaxNode) : expression, scope);
  const name = named ? nameOf(expression.children[0] as SyntaxNode) : (source.name ?? 'Column1');
  const typeName = target.children[1]?.text.replace(/^to\s+typeof\s*\(\s*|\s*\)$/g, '') ?? 'dynamic';
  const type = TYPES[typeName];
  if (!type) throw unsupported(`the type ${typeName}`, target.start);
  const columns = [...scope.columns];
  const known = columns.findIndex((column) => column.name === name);
  const index = known < 0 ? columns.length : known;
  columns[index] = { name, type };
  return {
    columns,
    *run(rows) {
      for (const row of rows) {
        for (const item of items(source.evaluate(row)).slice(0, limit)) {
          const expanded = row.slice();
          expanded[index] = item;
          yield expanded;
        }
      }
    },
  };
}

// Something that cannot be expanded yields one row with null.
function items(value: Value): Value[] {
  if (Array.isArray(value)) return value.length > 0 ? value : [null];
  if (value === null || typeof value !== 'object') return [value ?? null];
  const bag = Object.entries(value).map(([key, inner]) => ({ [key]: inner }));
  return bag.length > 0 ? bag : [null];
}
