import { createRequire } from 'node:module';

/** A node of a query's syntax tree, with lists and separators taken out. */
export interface SyntaxNode {
  /** The parser's own name: `FilterOperator`, `BinaryExpression`, `Token` … */
  readonly kind: string;
  /** Text of a token; for other nodes that of the whole node. */
  readonly text: string;
  /** Offset in the query. */
  readonly start: number;
  /** Child nodes and tokens in order; those of lists are here directly, without the commas. */
  readonly children: readonly SyntaxNode[];
}

/** What the parser does not accept. */
export interface Diagnostic {
  readonly start: number;
  readonly message: string;
}

/** A query as Microsoft's own parser sees it. */
export interface ParsedQuery {
  /** The expression of the one statement; undefined when there is none, or more than one statement. */
  readonly query: SyntaxNode | undefined;
  /** Kinds of the statements, such as `ExpressionStatement` or `LetStatement`. */
  readonly statements: readonly string[];
  readonly diagnostics: readonly Diagnostic[];
}

interface KustoNode {
  readonly ChildCount: number;
  readonly TextStart: number;
  readonly Text?: string;
  readonly Width: number;
  GetChild(index: number): KustoNode | null;
  ToString(options: number): string;
  readonly constructor: { readonly $$name?: string };
}
interface KustoCode {
  readonly Syntax: KustoNode;
  GetDiagnostics(): {
    readonly Count: number;
    getItem(index: number): { readonly Start: number; readonly Message: string };
  };
}

// The package is a .NET library translated to scripts for a browser: loading it leaves `Kusto` on the global object.
function loadParser(): { Parse(text: string): KustoCode } {
  const require = createRequire(import.meta.url);
  require('@kusto/language-service-next/bridge.min.js');
  require('@kusto/language-service-next/Kusto.Language.Bridge.min.js');
  const { Kusto } = globalThis as unknown as {
    Kusto: { Language: { KustoCode: { Parse(text: string): KustoCode } } };
  };
  return Kusto.Language.KustoCode;
}

let parser: ReturnType<typeof loadParser> | undefined;

/** Parses a query with Microsoft's own parser, `@kusto/language-service-next`. */
export function parse(text: string): ParsedQuery {
  parser ??= loadParser();
  const code = parser.Parse(text);
  const found = code.GetDiagnostics();
  const diagnostics = Array.from({ length: found.Count }, (_, index) => {
    const { Start, Message } = found.getItem(index);
    return { start: Start, message: Message };
  });
  const block = toNode(code.Syntax, text);
  const statements = block.children.filter(({ kind }) => kind.endsWith('Statement'));
  const [only] = statements;
  return {
    query: statements.length === 1 && only?.kind === 'ExpressionStatement' ? only.children[0] : undefined,
    statements: statements.map(({ kind }) => kind),
    diagnostics,
  };
}

function toNode(node: KustoNode, text: string): SyntaxNode {
  const kind = kindOf(node);
  const start = node.TextStart;
  if (kind === 'Token') return { kind, text: node.Text ?? '', start, children: [] };
  return { kind, text: text.slice(start, start + node.Width), start, children: [...childrenOf(node, text)] };
}

function* childrenOf(node: KustoNode, text: string): Generator<SyntaxNode> {
  for (let index = 0; index < node.ChildCount; index++) {
    const child = node.GetChild(index);
    if (!child) continue;
    const kind = kindOf(child);
    if (kind === 'SyntaxList' || kind === 'SeparatedElement') {
      yield* [...childrenOf(child, text)].filter((inner) => inner.text !== ',' || inner.kind !== 'Token');
    } else {
      yield toNode(child, text);
    }
  }
}

// "Kusto.Language.Syntax.SyntaxToken+KindToken", "Kusto.Language.Syntax.SyntaxList$1$…"
function kindOf(node: KustoNode): string {
  const name = (node.constructor.$$name ?? '').replace('Kusto.Language.Syntax.', '');
  if (name.startsWith('SyntaxToken')) return 'Token';
  return name.split('$')[0] ?? '';
}
