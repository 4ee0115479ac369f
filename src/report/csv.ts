import { printable } from '../domain/printable.ts';
import type { ReportRow } from './report.ts';

type Columns = Readonly<Record<string, (row: ReportRow) => string>>;

const columns: Columns = {
  State: ({ state }) => state,
  Reason: ({ reason }) => reason,
  VM: ({ name }) => name,
  Subscription: ({ subscriptionName }) => subscriptionName,
  'Subscription id': ({ subscriptionId }) => subscriptionId,
  'Resource group': ({ resourceGroup }) => resourceGroup,
  Region: ({ location }) => location,
  'Identity type': ({ identityType }) => identityType,
  Identities: ({ identities }) => identities.join(' '),
  'Goal identity': ({ goal }) => goal,
  Meaning: ({ meaning }) => meaning,
  'What to do': ({ next }) => next,
  'Last outcome': ({ last }) => last?.outcome ?? '',
  'Last reason': ({ last }) => last?.reason ?? '',
  'Last look': ({ last }) => last?.at ?? '',
  'Azure said': ({ last }) => last?.detail ?? '',
  'VM id': ({ id }) => id,
};

// What a spreadsheet takes for a formula, full-width forms included, even behind blanks (OWASP, "CSV Injection").
const FORMULA = /^\s*[=+\-@＝＋－＠]/u;
// Without it Excel reads the file in the code page of the machine.
const BYTE_ORDER_MARK = '\ufeff';

/** The rows as CSV (RFC 4180), UTF-8 with byte order mark, a header line first. No cell is a formula. */
export function* toCsv(rows: Iterable<ReportRow>): Generator<string, void, undefined> {
  yield `${BYTE_ORDER_MARK}${line(Object.keys(columns))}`;
  for (const row of rows) yield line(Object.values(columns).map((cell) => cell(row)));
}

function line(cells: readonly string[]): string {
  return `${cells.map(cell).join(',')}\r\n`;
}

function cell(value: string): string {
  const text = printable(value).toWellFormed();
  return `"${(FORMULA.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;
}
