import { unsupported } from './queryError.ts';
import type { SyntaxNode } from './syntax.ts';
import type { Column, Row, Value, ValueType } from './values.ts';

/** A compiled scalar expression. */
export interface Scalar {
  readonly type: ValueType;
  evaluate(row: Row): Value;
  /** The value where it does not depend on the row. */
  readonly constant?: Value;
  /** The name its column gets when the query gives none. */
  readonly name?: string;
}

/** What an expression can refer to. */
export interface Scope {
  readonly columns: readonly Column[];
  readonly now: Date;
}

/** The text of a name: `abc`, or `['a b']`. */
export function nameOf(node: SyntaxNode): string {
  if (node.kind === 'Token') return node.text;
  if (node.kind === 'BracketedName') return stringLiteral(node.children[1] as SyntaxNode);
  const inner = node.children.find((child) => child.kind !== 'Token') ?? node.children[0];
  if (!inner) throw unsupported(`the name ${node.text}`, node.start);
  return nameOf(inner);
}

/** The value of a string literal, escapes resolved; verbatim strings (`@'…'`) have none. */
export function stringLiteral(node: SyntaxNode): string {
  const text = node.kind === 'Token' ? node.text : (node.children[0]?.text ?? node.text);
  const verbatim = /^@/.test(text);
  const body = text.replace(/^[@hH]*(['"])([\s\S]*)\1$/, '$2');
  if (verbatim) return body.replaceAll("''", "'").replaceAll('""', '"');
  return body.replace(/\\(u[0-9a-fA-F]{4}|.)/g, (_, code: string) => {
    if (code.length === 5) return String.fromCharCode(Number.parseInt(code.slice(1), 16));
    return { n: '\n', t: '\t', r: '\r', '0': '\0' }[code] ?? code;
  });
}
