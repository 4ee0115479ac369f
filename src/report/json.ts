import type { Report } from './report.ts';

/** The report as JSON, one row a line, in pieces, so that it is never whole in memory as text. */
export function* toJson({ rows, ...head }: Report): Generator<string, void, undefined> {
  yield `${JSON.stringify(head, undefined, 1).slice(0, -2)},\n "rows": [`;
  let between = '\n';
  for (const row of rows) {
    yield `${between}  ${JSON.stringify(row)}`;
    between = ',\n';
  }
  yield '\n ]\n}\n';
}
