import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { type Reason, reasons } from '../../src/domain/reasons.ts';

it('the README says of every reason code what it means and what to do', () => {
  const readme = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8');
  for (const [outcome, codes] of Object.entries(reasons)) {
    for (const [code, { meaning, next }] of Object.entries<Reason>(codes)) {
      const row = `| ${outcome} | \`${code}\` | ${meaning} | ${next || '–'} |`;
      assert.ok(readme.includes(row), `the README lacks this row:\n${row}`);
    }
  }
});
