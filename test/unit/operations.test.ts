import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { reasons } from '../../src/domain/reasons.ts';
import { deployed } from '../infra/template.ts';
import { analyse } from '../kustoAnalysis.ts';
import { workspaceColumns } from '../workspace.ts';

const root = join(import.meta.dirname, '../..');
const runbook = readFileSync(join(root, 'docs/operations.md'), 'utf8');
const [, alerts = '', messages = '', failures = ''] = runbook.split(/^# (?:Alerts|Messages|Failures)$/m);

interface Section {
  readonly title: string;
  readonly text: string;
}
const sections = (text: string): Section[] =>
  text
    .split(/^## /m)
    .slice(1)
    .map((section) => {
      const [title = '', ...lines] = section.split('\n');
      return { title, text: lines.join('\n').trim() };
    });
const titles = (text: string) => sections(text).map(({ title }) => title);

describe('the runbook', () => {
  it('has a section for each alert, where the alert says it is, and no other', () => {
    const named = deployed('main.minimal', 'Microsoft.Insights/scheduledQueryRules').map(
      ({ properties }) => /docs\/operations\.md#(\S+)$/.exec(properties.description)?.[1],
    );

    assert.equal(named.length, 5);
    assert.deepEqual(named.sort(), titles(alerts).sort());
  });

  it('has a section for each kind of failure, and no other', () => {
    assert.deepEqual(
      titles(failures),
      Object.keys(reasons.failed).map((reason) => `failed: ${reason}`),
    );
  });

  it('says what a failure means in the words that everything else has for it', () => {
    const meanings = Object.values(reasons.failed).map(({ meaning }) => meaning);

    assert.deepEqual(
      sections(failures).map(({ text }) => text.split('\n')[0]),
      meanings,
    );
  });

  for (const { title, text } of [...sections(alerts), ...sections(failures)]) {
    it(`tells with a query or a command what to look at, and then what to do: ${title}`, () => {
      assert.match(text, /^Look at: [\s\S]*^ *```(?:kusto)?\n *(?:az |App)[\s\S]*^Do: /m);
    });
  }

  it('picks VMs for stale-vms as the alert does', () => {
    const { text = '' } = sections(alerts).find(({ title }) => title === 'stale-vms') ?? {};
    const query = readFileSync(join(root, 'infra/modules/kql/staleVms.kql'), 'utf8');
    const conditions = query.split('\n').filter((line) => /^\| (?:where|extend) /.test(line));

    assert.equal(conditions.length, 4);
    assert.deepEqual(
      conditions.filter((line) => !text.includes(line)),
      [],
    );
  });

  for (const [, query = ''] of runbook.matchAll(/^ *```kusto\n([\s\S]*?)^ *```$/gm)) {
    it(`has a query that is right: ${query.trim().split('\n').slice(0, 2).join(' ')}`, () => {
      assert.deepEqual(analyse(query, workspaceColumns), []);
    });
  }

  it('lists every warning and error of the app, each of which has a text that never varies', () => {
    const logged = globSync('src/{functions,remediation}/*.ts', { cwd: root }).flatMap((file) =>
      [...readFileSync(join(root, file), 'utf8').matchAll(/\blog\.(?:warn|error)\(\s*([\s\S]*?), \{/g)].map(
        ([, message = '']) => ({ file, message }),
      ),
    );
    const texts = logged.flatMap(({ message }) =>
      [...message.matchAll(/'([^']+)'/g)].map(([, text]) => text),
    );

    assert.ok(texts.length > 10);
    assert.deepEqual(
      logged.filter(({ message }) => !/^(?:[^`+]* \? )?'[^']+'(?: : '[^']+')?$/.test(message)),
      [],
    );
    assert.deepEqual(
      texts.filter((text) => !messages.includes(`\`${text}\``)),
      [],
    );
  });
});
