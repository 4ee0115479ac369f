import { printableJson } from '../domain/printable.ts';
import type { Report } from './report.ts';

/** The report as JSON, one row a line, in pieces, so that it is never whole in memory as text. */
export function* toJson({ rows, ...head }: Report): Generator<string, void, undefined> {
  yield `${printableJson(head, 1).slice(0, -2)},\n "rows": [`;
  let between = '\n';
  for (const row of rows) {
    yield `${between}  ${printableJson(row)}`;
    between = ',\n';
  }
  yield '\n ]\n}\n';
}
