import { toCsv } from './csv.ts';
import { toHtml } from './html/toHtml.ts';
import { toJson } from './json.ts';
import type { Report } from './report.ts';

/** A form a report comes in. */
export type Format = 'html' | 'json' | 'csv';

/** Each form: what it is sent as, and the report in pieces of text. */
export const formats: Readonly<
  Record<Format, { readonly contentType: string; readonly write: (report: Report) => Iterable<string> }>
> = {
  html: { contentType: 'text/html; charset=utf-8', write: toHtml },
  json: { contentType: 'application/json', write: toJson },
  csv: { contentType: 'text/csv; charset=utf-8', write: ({ rows }) => toCsv(rows) },
};
