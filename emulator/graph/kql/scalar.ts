import { callFunction } from './functions.ts';
import { compileBinary, compileIn } from './operatorExpressions.ts';
import { refused, unsupported } from './queryError.ts';
import { nameOf, type Scalar, type Scope, stringLiteral } from './scope.ts';
import type { SyntaxNode } from './syntax.ts';
import type { Value } from './values.ts';

/** Compiles an expression once, so that rows only run closures. Throws QueryError. */
export function compileScalar(node: SyntaxNode, scope: Scope): Scalar {
  switch (node.kind) {
    case 'NameReference':
      return column(node, scope);
    case 'LiteralExpression':
      return literal(node);
    case 'CompoundStringLiteralExpression':
      return constant('string', node.children.map(stringLiteral).join(''));
    case 'DynamicExpression':
      return constant('dynamic', dynamicValue(node));
    case 'ParenthesizedExpression':
      return compileScalar(node.children[1] as SyntaxNode, scope);
    case 'BinaryExpression':
      return compileBinary(node, scope, compileScalar);
    case 'InExpression':
    case 'HasAnyExpression':
    case 'HasAllExpression':
    case 'BetweenExpression':
      return compileIn(node, scope, compileScalar);
    case 'PathExpression':
      return path(node, scope);
    case 'ElementExpression':
      return element(node, scope);
    case 'FunctionCallExpression':
      return functionCall(node, scope);
    case 'PrefixUnaryExpression':
      return sign(node, scope);
    default:
      throw unsupported(`${node.kind} "${node.text}"`, node.start);
  }
}

function column(node: SyntaxNode, { columns }: Scope): Scalar {
  const name = nameOf(node);
  const index = columns.findIndex((one) => one.name === name);
  const found = columns[index];
  if (!found) throw refused(`Column '${name}' does not exist (at character ${node.start}).`);
  return { type: found.type, name, evaluate: (row) => row[index] };
}

function constant(type: Scalar['type'], value: Value): Scalar {
  return { type, constant: value, evaluate: () => value };
}

function literal(node: SyntaxNode): Scalar {
  const { text } = node;
  if (/^[@hH]*['"]/.test(text)) return constant('string', stringLiteral(node));
  if (/^(true|false)$/i.test(text)) return constant('bool', text.toLowerCase() === 'true');
  if (/^-?\d+$/.test(text)) return constant('long', Number(text));
  if (/^-?\d*\.\d+([eE][-+]?\d+)?$/.test(text)) return constant('real', Number(text));
  const [, type, inner = ''] = /^(\w+)\(([\s\S]*)\)$/.exec(text) ?? [];
  const bare = inner.trim().replace(/^['"]|['"]$/g, '');
  if (type === 'datetime') return constant('datetime', bare === 'null' ? null : new Date(bare));
  if (type === 'long' || type === 'int') return constant('long', bare === 'null' ? null : Number(bare));
  if (type === 'real' || type === 'double') return constant('real', bare === 'null' ? null : Number(bare));
  if (type === 'bool') return constant('bool', bare === 'null' ? null : bare === 'true');
  const [, count, unit] = /^(\d+(?:\.\d+)?)(d|h|m|s|ms)$/.exec(text) ?? [];
  const unitMs = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 }[unit ?? ''];
  if (unitMs !== undefined) return constant('timespan', Number(count) * unitMs);
  throw unsupported(`the literal ${text}`, node.start);
}

function dynamicValue(node: SyntaxNode): Value {
  const text = node.text
    .replace(/^dynamic\s*\(/, '')
    .replace(/\)$/, '')
    .trim();
  try {
    return JSON.parse(text);
  } catch {
    // KQL also writes strings with single quotes in dynamic literals.
  }
  try {
    return JSON.parse(text.replace(/'([^'"\\]*)'/g, '"$1"'));
  } catch {
    throw unsupported(`the literal ${node.text}`, node.start);
  }
}

function path(node: SyntaxNode, scope: Scope): Scalar {
  const [base, , member] = node.children as [SyntaxNode, SyntaxNode, SyntaxNode];
  const object = compileScalar(base, scope);
  if (member.kind === 'BracketedExpression')
    return elementOf(object, compileScalar(member.children[1] as SyntaxNode, scope));
  return property(object, nameOf(member));
}

function element(node: SyntaxNode, scope: Scope): Scalar {
  const [base, bracketed] = node.children as [SyntaxNode, SyntaxNode];
  return elementOf(compileScalar(base, scope), compileScalar(bracketed.children[1] as SyntaxNode, scope));
}

function elementOf(object: Scalar, key: Scalar): Scalar {
  if (typeof key.constant === 'string') return property(object, key.constant);
  return { type: 'dynamic', evaluate: (row) => member(object.evaluate(row), key.evaluate(row)) };
}

function property(object: Scalar, key: string): Scalar {
  // Kusto names the column after the path: `properties.vmId` is `properties_vmId`.
  const name = object.name === undefined ? key : `${object.name}_${key}`;
  return { type: 'dynamic', name, evaluate: (row) => member(object.evaluate(row), key) };
}

// Keys are case-sensitive, as in Kusto; what is not there is null.
function member(object: Value, key: Value): Value {
  if (Array.isArray(object)) return typeof key === 'number' ? (object.at(key) ?? null) : null;
  if (object === null || typeof object !== 'object' || object instanceof Date) return null;
  return Object.hasOwn(object, String(key)) ? (object as Record<string, Value>)[String(key)] : null;
}

function functionCall(node: SyntaxNode, scope: Scope): Scalar {
  const [name, list] = node.children as [SyntaxNode, SyntaxNode];
  const args = list.children.filter(({ kind }) => kind !== 'Token').map((arg) => compileScalar(arg, scope));
  return callFunction(nameOf(name), args, scope, node);
}

function sign(node: SyntaxNode, scope: Scope): Scalar {
  const [operator, operand] = node.children as [SyntaxNode, SyntaxNode];
  const inner = compileScalar(operand, scope);
  if (operator.text !== '-') return inner;
  const negate = (value: Value) => (typeof value === 'number' ? -value : null);
  if (inner.constant !== undefined) return constant(inner.type, negate(inner.constant));
  return { type: inner.type, evaluate: (row) => negate(inner.evaluate(row)) };
}
