import { refused, unsupported } from './queryError.ts';
import type { Scalar, Scope } from './scope.ts';
import type { SyntaxNode } from './syntax.ts';
import { comparable, compare, toNumber, toText, type Value, type ValueType } from './values.ts';

type Compile = (node: SyntaxNode, scope: Scope) => Scalar;
type Test = (a: string, b: string) => boolean;

// Operators on text; `i` ones have both sides in lower case already.
const textTests: Readonly<Record<string, { test: Test; fold: boolean }>> = {
  '=~': { test: (a, b) => a === b, fold: true },
  contains: { test: (a, b) => a.includes(b), fold: true },
  contains_cs: { test: (a, b) => a.includes(b), fold: false },
  has: { test: hasTerm, fold: true },
  has_cs: { test: hasTerm, fold: false },
  hasprefix: { test: (a, b) => terms(a).some((term) => term.startsWith(b)), fold: true },
  startswith: { test: (a, b) => a.startsWith(b), fold: true },
  startswith_cs: { test: (a, b) => a.startsWith(b), fold: false },
  endswith: { test: (a, b) => a.endsWith(b), fold: true },
  endswith_cs: { test: (a, b) => a.endsWith(b), fold: false },
};

const EQUALS = { test: (a: string, b: string) => a === b, fold: false };

const comparisons: Readonly<Record<string, (order: number) => boolean>> = {
  '==': (order) => order === 0,
  '!=': (order) => order !== 0,
  '<>': (order) => order !== 0,
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '>': (order) => order > 0,
  '>=': (order) => order >= 0,
};

/** Compiles `a operator b`. Throws QueryError for operators, and for comparisons Resource Graph refuses. */
export function compileBinary(node: SyntaxNode, scope: Scope, compile: Compile): Scalar {
  const [leftNode, token, rightNode] = node.children as [SyntaxNode, SyntaxNode, SyntaxNode];
  const left = compile(leftNode, scope);
  const right = compile(rightNode, scope);
  const operator = token.text.toLowerCase();
  if (operator === 'and' || operator === 'or') return logic(operator, left, right);
  const comparison = comparisons[operator];
  if (comparison) return compareValues(operator, comparison, left, right, node);
  if (operator === 'matches regex') return matches(left, right, node);
  const negated = operator.startsWith('!');
  const text = textTests[operator === '!~' ? '=~' : operator.replace(/^!/, '')];
  if (text) return compareText(text, negated, left, right);
  return arithmetic(operator, left, right, node);
}

// Three-valued: what is not known stays unknown unless the other side decides.
function logic(operator: 'and' | 'or', left: Scalar, right: Scalar): Scalar {
  const deciding = operator === 'or';
  return {
    type: 'bool',
    evaluate(row) {
      const first = left.evaluate(row);
      if (first === deciding) return deciding;
      const second = right.evaluate(row);
      if (second === deciding) return deciding;
      return first === null || second === null ? null : !deciding;
    },
  };
}

function compareValues(
  operator: string,
  holds: (order: number) => boolean,
  left: Scalar,
  right: Scalar,
  node: SyntaxNode,
): Scalar {
  const equality = ['==', '!=', '<>'].includes(operator);
  const [dynamic, other] = left.type === 'dynamic' ? [left, right] : [right, left];
  if (equality && dynamic.type === 'dynamic') {
    // Reports say that such comparisons fail; a recording (e10) has one with a string literal that did not.
    if (typeof other.constant === 'string') return compareText(EQUALS, operator !== '==', left, right);
    throw refused(
      `Cannot compare values of types ${left.type} and ${right.type}. Try adding explicit casts, such as tostring(): "${node.text}".`,
    );
  }
  if (equality && [left, right].some((side) => side.type === 'bool' && side.constant !== undefined)) {
    throw refused(
      `Comparing an expression with true or false is not supported: "${node.text}". Use the expression itself, or not().`,
    );
  }
  const convert =
    left.type === 'string' && right.type === 'string' ? comparable : comparableNumber(left, right);
  return {
    type: 'bool',
    evaluate(row) {
      const a = convert(left.evaluate(row));
      const b = convert(right.evaluate(row));
      return a === null || b === null ? null : holds(compare(a, b));
    },
  };
}

// A dynamic value in an ordered comparison counts as a number where the other side is one.
function comparableNumber(left: Scalar, right: Scalar): (value: Value) => Value {
  const numeric = [left.type, right.type].some((type) => type === 'long' || type === 'real');
  return (value) => (numeric ? toNumber(value instanceof Date ? value.getTime() : value) : comparable(value));
}

function compareText(
  { test, fold }: { test: Test; fold: boolean },
  negated: boolean,
  left: Scalar,
  right: Scalar,
): Scalar {
  const read = (value: Value) => (fold ? toText(value).toLowerCase() : toText(value));
  const wanted = right.constant === undefined ? undefined : read(right.constant);
  return {
    type: 'bool',
    evaluate: (row) => test(read(left.evaluate(row)), wanted ?? read(right.evaluate(row))) !== negated,
  };
}

function matches(left: Scalar, right: Scalar, node: SyntaxNode): Scalar {
  if (typeof right.constant !== 'string')
    throw unsupported('a regular expression that is no literal', node.start);
  const insensitive = right.constant.startsWith('(?i)');
  const form = new RegExp(right.constant.replace(/^\(\?i\)/, ''), insensitive ? 'i' : '');
  return { type: 'bool', evaluate: (row) => form.test(toText(left.evaluate(row))) };
}

function arithmetic(operator: string, left: Scalar, right: Scalar, node: SyntaxNode): Scalar {
  const type = arithmeticType(left.type, right.type, operator);
  const whole = type === 'long';
  const compute: Readonly<Record<string, (a: number, b: number) => number | null>> = {
    '+': (a, b) => a + b,
    '-': (a, b) => a - b,
    '*': (a, b) => a * b,
    '/': (a, b) => (b === 0 ? null : whole ? Math.trunc(a / b) : a / b),
    '%': (a, b) => (b === 0 ? null : a % b),
  };
  const apply = compute[operator];
  if (!apply) throw unsupported(`the operator "${operator}"`, node.start);
  return {
    type,
    evaluate(row) {
      const [a, b] = [left.evaluate(row), right.evaluate(row)].map((value) =>
        value instanceof Date ? value.getTime() : toNumber(value),
      );
      if (a === null || b === null || a === undefined || b === undefined) return null;
      const result = apply(a, b);
      return type === 'datetime' && result !== null ? new Date(result) : result;
    },
  };
}

function arithmeticType(left: ValueType, right: ValueType, operator: string): ValueType {
  const types = [left, right];
  if (types.every((type) => type === 'datetime') && operator === '-') return 'timespan';
  if (types.includes('datetime')) return 'datetime';
  if (types.includes('timespan')) return 'timespan';
  return types.every((type) => type === 'long') ? 'long' : 'real';
}

/** Compiles `in`, `in~`, `has_any`, `has_all`, `between` and their negations. Throws QueryError. */
export function compileIn(node: SyntaxNode, scope: Scope, compile: Compile): Scalar {
  const [leftNode, token, listNode] = node.children as [SyntaxNode, SyntaxNode, SyntaxNode];
  const operator = token.text.toLowerCase();
  const negated = operator.startsWith('!');
  const left = compile(leftNode, scope);
  const items = listNode.children.filter(({ kind }) => kind !== 'Token').map((item) => compile(item, scope));
  if (operator.endsWith('between')) return between(left, items, negated);
  const values = items.flatMap(({ constant }, index) => {
    if (constant === undefined)
      throw unsupported(`"${listNode.children[index]?.text}" in a list; only literals are`, listNode.start);
    return Array.isArray(constant) ? constant : [constant];
  });
  const tests: Readonly<Record<string, (value: Value) => boolean>> = {
    in: memberOf(values, (value) => comparable(value)),
    'in~': memberOf(values, (value) => toText(value).toLowerCase()),
    has_any: (value) =>
      values.some((term) => hasTerm(toText(value).toLowerCase(), toText(term).toLowerCase())),
    has_all: (value) =>
      values.every((term) => hasTerm(toText(value).toLowerCase(), toText(term).toLowerCase())),
  };
  const test = tests[operator.replace(/^!/, '')];
  if (!test) throw unsupported(`the operator "${operator}"`, node.start);
  return { type: 'bool', evaluate: (row) => test(left.evaluate(row)) !== negated };
}

function memberOf(values: readonly Value[], key: (value: Value) => Value): (value: Value) => boolean {
  const keys = new Set(values.map(key));
  return (value) => keys.has(key(value));
}

function between(left: Scalar, [low, high]: readonly Scalar[], negated: boolean): Scalar {
  return {
    type: 'bool',
    evaluate(row) {
      const value = left.evaluate(row);
      const inside = compare(value, low?.evaluate(row)) >= 0 && compare(value, high?.evaluate(row)) <= 0;
      return inside !== negated;
    },
  };
}

// A term is a run of letters and digits; `has` looks for whole terms.
function hasTerm(text: string, term: string): boolean {
  for (let at = text.indexOf(term); at >= 0; at = text.indexOf(term, at + 1)) {
    const before = text[at - 1] ?? '';
    const after = text[at + term.length] ?? '';
    if (!/[\p{L}\p{N}]/u.test(before) && !/[\p{L}\p{N}]/u.test(after)) return true;
  }
  return false;
}

function terms(text: string): string[] {
  return text.split(/[^\p{L}\p{N}]+/u);
}
