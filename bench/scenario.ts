/** Figures for people: what is printed. */
export interface Table {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** What one must know to read it. */
  readonly notes?: readonly string[];
}

/** What a scenario came to. */
export interface Result {
  readonly tables: readonly Table[];
  /** The same for programs. */
  readonly figures: unknown;
  /** What must never happen and did. Only counts and ratios that do not depend on the machine's speed. */
  readonly regressions: readonly string[];
}

/** What the command line asks for besides `--quick`; each is for the scenarios that know it. */
export interface Flags {
  /** Fleets to measure instead of the usual ones; empty for those. */
  readonly sizes: readonly number[];
  readonly races?: number | undefined;
  readonly seed?: number | undefined;
}

/** Something to measure. */
export interface Scenario {
  /** What `--help` says. */
  readonly about: string;
  /** Measures. `quick` is small enough for CI; `say` tells how far it is. */
  run(quick: boolean, say: (text: string) => void, flags: Flags): Promise<Result>;
}

/** A table as text, columns aligned: numbers to the right. */
export function textOf({ title, head, rows, notes = [] }: Table): string {
  const widths = head.map((name, column) =>
    Math.max(name.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const isNumber = (column: number) => rows.every((row) => /^[\d.,<≈+-]|^$/.test(row[column] ?? ''));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) =>
        isNumber(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '-'.repeat(width)).join('  ');
  return [`\n${title}`, line(head), rule, ...rows.map(line), ...notes.map((note) => `  ${note}`)].join('\n');
}

/** A table as Markdown, as docs/performance.md has it. */
export function markdownOf({ title, head, rows, notes = [] }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const table = [line(head), `|${head.map(() => '---|').join('')}`, ...rows.map(line)].join('\n');
  return [`**${title}**`, table, ...notes].join('\n\n');
}

/** A number as people read it: digits in groups, at most `digits` after the point. */
export function number(value: number, digits = 0): string {
  return value.toLocaleString('en', { maximumFractionDigits: digits, minimumFractionDigits: digits });
}

/** The value below which a share (0 to 1) of the others are. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}
