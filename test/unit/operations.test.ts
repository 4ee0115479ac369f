import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { reasons } from '../../src/domain/reasons.ts';
import { deployed } from '../infra/template.ts';

const runbook = readFileSync(join(import.meta.dirname, '../../docs/operations.md'), 'utf8');
const [alerts = '', failures = ''] = runbook.split(/^# Failures$/m);
const sections = (text: string) => [...text.matchAll(/^## (.+)$/gm)].map(([, title]) => title);

describe('the runbook', () => {
  it('has a section for each alert, where the alert says it is', () => {
    const named = deployed('main.minimal', 'Microsoft.Insights/scheduledQueryRules').map(
      ({ properties }) => /docs\/operations\.md#(\S+)$/.exec(properties.description)?.[1],
    );

    assert.equal(named.length, 5);
    assert.deepEqual(
      named.filter((name) => !sections(alerts).includes(name as string)),
      [],
    );
  });

  it('has a section for each kind of failure, and no other', () => {
    assert.deepEqual(
      sections(failures),
      Object.keys(reasons.failed).map((reason) => `failed: ${reason}`),
    );
  });
});
