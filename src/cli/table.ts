import { printable } from '../domain/printable.ts';

const GAP = '  ';
const NARROWEST = 6;

/**
 * Lines up rows, the first of which is the header, in columns two blanks apart; columns of numbers are flush right.
 * Where they do not fit `width` characters, the widest columns give way, and what is cut ends in "…", or begins with
 * it where an id is cut, since its end says more. Cells may come from outside: control characters become blanks.
 */
export function table(texts: readonly (readonly string[])[], width = Number.POSITIVE_INFINITY): string {
  const rows = texts.map((row) => row.map(printable));
  const columns = rows[0]?.length ?? 0;
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  while (sum(widths) + columns * GAP.length > width) {
    const widest = widths.indexOf(Math.max(...widths));
    if ((widths[widest] ?? 0) <= NARROWEST) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  const numeric = (column: number) =>
    column > 0 && rows.slice(1).every((row) => /^[\d.,%–-]+$/.test(row[column] ?? ''));
  const line = (row: readonly string[]) =>
    row.map((cell, column) => {
      const wide = widths[column] ?? 0;
      const fitting = cut(cell, wide);
      return numeric(column) ? fitting.padStart(wide) : fitting.padEnd(wide);
    });
  return rows.map((row) => `${GAP}${line(row).join(GAP)}`.trimEnd()).join('\n');
}

/** The text, at most `width` characters of it. */
export function cut(text: string, width: number): string {
  if (text.length <= width) return text;
  return text.startsWith('/') ? `…${text.slice(text.length - width + 1)}` : `${text.slice(0, width - 1)}…`;
}

/** How many characters fit a line of stdout; no limit where it is no terminal, or one that does not know its width. */
export function stdoutWidth(): number {
  return process.stdout.columns || Number.POSITIVE_INFINITY;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0);
}
