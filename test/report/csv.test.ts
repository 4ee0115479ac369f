import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { toCsv } from '../../src/report/csv.ts';
import { toJson } from '../../src/report/json.ts';
import type { ReportRow } from '../../src/report/report.ts';
import { aListedVm, aReport, someNotes } from './aReport.ts';

const report = aReport([aListedVm('vm-01'), aListedVm('vm-2', { verdict: 'single-identity' })], {
  notes: [someNotes([{ detail: 'AuthorizationFailed: "no", he said' }])],
});
const row = report.rows[0] as ReportRow;

/** Reads RFC 4180, strictly: every cell quoted, lines ended by CRLF. */
function parse(csv: string): string[][] {
  const lines: string[][] = [];
  const cell = /"((?:[^"]|"")*)"(,|\r\n)/y;
  let cells: string[] = [];
  for (let match = cell.exec(csv); match; match = cell.exec(csv)) {
    cells.push((match[1] as string).replaceAll('""', '"'));
    if (match[2] === ',') continue;
    lines.push(cells);
    cells = [];
    if (cell.lastIndex === csv.length) return lines;
  }
  assert.fail(`no CSV from here on: ${csv.slice(0, 100)}`);
}
const written = (rows: readonly ReportRow[]) => [...toCsv(rows)].join('').replace(/^\ufeff/, '');

describe('the CSV', () => {
  it('has a heading and a line for each VM, with everything the report knows of it', () => {
    const [heading, ...lines] = parse(written(report.rows));

    const first = Object.fromEntries((heading ?? []).map((title, index) => [title, lines[0]?.[index]]));
    assert.equal(lines.length, 2);
    assert.equal(first.VM, 'vm-01');
    assert.equal(first.State, 'lacking');
    assert.equal(first.Reason, 'forbidden');
    assert.equal(first.Subscription, 'Online Shop');
    assert.equal(first['Azure said'], 'AuthorizationFailed: "no", he said');
    assert.equal(first['What to do'], row.next);
    assert.equal(first['VM id'], row.id);
  });

  it('begins with a byte order mark, so that Excel reads other letters right', () => {
    assert.ok([...toCsv([])].join('').startsWith('\ufeff"State"'));
  });

  it('keeps every text in its cell, and no cell is a formula', () => {
    const start = fc.constantFrom('', '=', '+', '-', '@', '\t=', '\r', ' =', '＝', '\u00a0@', '"', "'");
    const text = fc.tuple(start, fc.string({ unit: 'binary' })).map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, text, (name, group) => {
        const lines = parse(written([{ ...row, name, resourceGroup: group, subscriptionName: name }]));

        assert.equal(lines[1]?.length, lines[0]?.length);
        for (const cell of lines[1] ?? []) {
          assert.doesNotMatch(cell, /^[\s]*[=+\-@＝＋－＠]/u);
          // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there.
          assert.doesNotMatch(cell, /[\u0000-\u001f]/);
        }
      }),
    );
  });
});

describe('the JSON', () => {
  it('is the whole report', () => {
    assert.deepEqual(JSON.parse([...toJson(report)].join('')), JSON.parse(JSON.stringify(report)));
    assert.deepEqual(JSON.parse([...toJson({ ...report, rows: [] })].join('')).rows, []);
  });
});
