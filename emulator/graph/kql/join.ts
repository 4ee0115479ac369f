import { refused, unsupported } from './queryError.ts';
import { compileScalar } from './scalar.ts';
import { nameOf, type Scalar, type Scope } from './scope.ts';
import type { Step } from './steps.ts';
import type { SyntaxNode } from './syntax.ts';
import { type Column, groupKey, type Row } from './values.ts';

const KINDS = ['innerunique', 'inner', 'leftouter', 'fullouter'];

/** The other side of a join: a whole pipeline of its own, run anew for each query. */
export interface JoinSide {
  readonly columns: readonly Column[];
  rows(): Iterable<Row>;
}

/** Compiles `join kind=… (right) on …`. Throws QueryError for kinds and keys Resource Graph refuses. */
export function compileJoin(
  node: SyntaxNode,
  scope: Scope,
  compileSide: (node: SyntaxNode) => JoinSide,
): Step {
  const kind = joinKind(node);
  const sideNode = node.children.find(
    (child) => child.kind === 'ParenthesizedExpression' || child.kind === 'NameReference',
  );
  if (!sideNode) throw unsupported(`this join: "${node.text.slice(0, 60)}"`, node.start);
  const side = compileSide(
    sideNode.kind === 'NameReference' ? sideNode : (sideNode.children[1] as SyntaxNode),
  );
  const clause = node.children.find((child) => child.kind === 'JoinOnClause');
  if (!clause) throw unsupported('a join without "on"', node.start);
  const right: Scope = { columns: side.columns, now: scope.now };
  const keys = clause.children
    .filter((child) => child.kind !== 'Token')
    .map((key) => keyPair(key, scope, right));
  const leftKey = (row: Row) => groupKey(keys.map((key) => key.left.evaluate(row)));
  const rightKey = (row: Row) => groupKey(keys.map((key) => key.right.evaluate(row)));
  const width = scope.columns.length;
  const emptyRight: Row = side.columns.map(empty);
  const emptyLeft: Row = scope.columns.map(empty);

  return {
    columns: [...scope.columns, ...distinctNames(scope.columns, side.columns)],
    *run(rows) {
      const found = new Map<string, { rows: Row[]; used: boolean }>();
      for (const row of side.rows()) {
        const key = rightKey(row);
        const entry = found.get(key) ?? { rows: [], used: false };
        entry.rows.push(row);
        found.set(key, entry);
      }
      const seen = new Set<string>();
      for (const row of rows) {
        const key = leftKey(row);
        if (kind === 'innerunique') {
          if (seen.has(key)) continue;
          seen.add(key);
        }
        const match = found.get(key);
        row.length = width;
        if (match) match.used = true;
        if (!match && kind !== 'leftouter' && kind !== 'fullouter') continue;
        for (const other of match?.rows ?? [emptyRight]) yield [...row, ...other];
      }
      if (kind !== 'fullouter') return;
      for (const { rows: others, used } of found.values()) {
        if (!used) for (const other of others) yield [...emptyLeft, ...other];
      }
    },
  };
}

function joinKind(node: SyntaxNode): string {
  let kind = 'innerunique';
  for (const option of node.children.filter((child) => child.kind === 'NamedParameter')) {
    const [, name, value = ''] = /^(\S+?)\s*=\s*(\S+)$/.exec(option.text) ?? [];
    if (name !== 'kind') throw unsupported(`the join option ${option.text}`, option.start);
    kind = value.toLowerCase();
  }
  if (!KINDS.includes(kind))
    throw refused(`Join kind '${kind}' is not supported. Supported kinds: ${KINDS.join(', ')}.`);
  return kind;
}

function keyPair(node: SyntaxNode, left: Scope, right: Scope): { left: Scalar; right: Scalar } {
  let pair: { left: Scalar; right: Scalar };
  if (node.kind === 'NameReference') {
    pair = { left: compileScalar(node, left), right: compileScalar(node, right) };
  } else {
    const [first, operator, second] = node.children;
    if (node.kind !== 'BinaryExpression' || operator?.text !== '==' || !first || !second) {
      throw unsupported(`"${node.text}" as a join key`, node.start);
    }
    const swapped = first.text.startsWith('$right');
    pair = {
      left: sideColumn(swapped ? second : first, left),
      right: sideColumn(swapped ? first : second, right),
    };
  }
  if (pair.left.type === 'dynamic' || pair.right.type === 'dynamic') {
    throw refused(
      `Join key '${node.text}' is of a 'dynamic' type. Please use an explicit cast, such as tostring().`,
    );
  }
  return pair;
}

// `$left.name`
function sideColumn(node: SyntaxNode, scope: Scope): Scalar {
  const member = node.kind === 'PathExpression' ? node.children.at(-1) : undefined;
  if (!member) throw unsupported(`"${node.text}" as a join key`, node.start);
  const name = nameOf(member);
  const index = scope.columns.findIndex((column) => column.name === name);
  const found = scope.columns[index];
  if (!found) throw refused(`Column '${name}' does not exist (at character ${node.start}).`);
  return { type: found.type, name, evaluate: (row) => row[index] };
}

// Columns of the right that the left has too get a number: `subscriptionId1`.
function distinctNames(left: readonly Column[], right: readonly Column[]): Column[] {
  const taken = new Set(left.map(({ name }) => name));
  return right.map((column) => {
    let name = column.name;
    for (let number = 1; taken.has(name); number++) name = `${column.name}${number}`;
    taken.add(name);
    return { ...column, name };
  });
}

function empty({ type }: Column): null | string {
  return type === 'string' ? '' : null;
}
