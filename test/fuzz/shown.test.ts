import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { table } from '../../src/cli/table.ts';
import { nextStep, outcome } from '../../src/domain/outcome.ts';
import { oneLine, printable } from '../../src/domain/printable.ts';
import { reasons } from '../../src/domain/reasons.ts';
import { contextLog } from '../../src/log.ts';
import { readHistory, readNotes } from '../../src/remediation/reportBlobs.ts';
import { toCsv } from '../../src/report/csv.ts';
import { toHtml } from '../../src/report/html/toHtml.ts';
import { toJson } from '../../src/report/json.ts';
import { makeReport } from '../../src/report/makeReport.ts';
import { readSettings, SettingsError, settingsSchema } from '../../src/settings.ts';
import { aLog } from '../azure.ts';
import { aVmId, SUBSCRIPTION } from '../builders.ts';
import { aListedVm, someFacts, someNotes } from '../report/aReport.ts';
import { always } from './always.ts';
import { change, changedId, hostileText, hostileValue, hugeText, UNPRINTABLE } from './inputs.ts';

const VM = aVmId().id;
const GROUP = `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg-app`;
// A path that no client, proxy or server reads in another way.
const PLAIN = /^(\/[\p{L}\p{N}_\-.()]+)+$/u;

describe('what people and machines read', () => {
  it('printable and oneLine leave nothing that ends a line or turns writing around', () =>
    always(600, 0.16, fc.oneof(hugeText, fc.string({ unit: 'binary', maxLength: 2000 })), (text) => {
      assert.doesNotMatch(printable(text), UNPRINTABLE);
      assert.doesNotMatch(oneLine(text), UNPRINTABLE);
      assert.ok(oneLine(text).length <= 1000);
    }));

  it('one call of the log is one line, whatever is in its properties', () =>
    always(400, 0.08, fc.dictionary(hostileText, hostileValue), (properties) => {
      const lines: string[] = [];
      const say = (text: string) => void lines.push(text);
      const log = contextLog({ debug: say, info: say, warn: say, error: say });
      for (const level of ['debug', 'info', 'warn', 'error'] as const) log[level]('A message', properties);
      assert.equal(lines.length, 4);
      for (const line of lines) assert.doesNotMatch(line, UNPRINTABLE);
    }));

  it('tables keep their rows', () =>
    always(
      200,
      0.02,
      fc.array(fc.array(hostileText, { minLength: 2, maxLength: 2 }), { maxLength: 5 }),
      (rows) => {
        const lines = table([['A', 'B'], ...rows], 80).split('\n');
        assert.equal(lines.length, rows.length + 1);
        for (const line of lines) assert.doesNotMatch(line, UNPRINTABLE);
      },
    ));

  it('a goal cannot rewrite the next step it is put in', () =>
    always(100, 0.01, hostileText, (text) => {
      const step = nextStep(outcome('failed', 'identity-missing'), aVmId(), text);
      assert.equal(step, reasons.failed['identity-missing'].next.split('{identity}').join(text));
    }));
});

describe('settings', () => {
  const names = Object.keys(settingsSchema.shape);
  const value = fc.oneof(
    hugeText,
    changedId(VM),
    changedId(GROUP),
    fc.constantFrom('true', 'constructor', '__proto__', 'toString'),
  );
  const env = fc.dictionary(fc.constantFrom(...names), value, { maxKeys: 4 });

  it('are of their types, or refused with a message of printable lines', () =>
    always(400, 0.08, env, (given) => {
      try {
        const settings = readSettings({ SCOPES: GROUP, ...given });
        assert.equal(typeof settings.policy.includeManagedGroups, 'boolean');
        assert.equal(typeof settings.lockIdentities, 'boolean');
        assert.ok(settings.capacityShare > 0 && settings.capacityShare <= 1);
        for (const { id } of [...settings.scopes, ...settings.excludedScopes]) assert.match(id, PLAIN);
        if (settings.armEndpoint) assert.equal(new URL(settings.armEndpoint).protocol, 'https:');
      } catch (error) {
        assert.ok(error instanceof SettingsError, String(error));
        for (const line of error.message.split('\n')) {
          assert.doesNotMatch(line, UNPRINTABLE);
          assert.ok(line.length < 2000);
        }
      }
    }));
});

describe('reports', () => {
  const at = '2026-11-24T14:00:00.000Z';
  const facts = someFacts([aListedVm('vm-01'), aListedVm('vm-02', { verdict: 'single-identity' })], {
    carrying: 3,
    notes: [
      someNotes([
        { detail: 'd', next: 'n' },
        { id: aVmId('vm-02').id, outcome: 'deferred', reason: 'contested' },
      ]),
    ],
    history: {
      version: 1,
      points: [{ at, sweepId: 'sweep-1', vms: 5, compliant: 3, excluded: 0 }],
      lacking: { [SUBSCRIPTION]: 2 },
      problems: [{ subject: VM, reason: 'forbidden', since: at }],
    },
  });
  const blobs = (texts: Record<string, string>) => ({
    read: async (name: string) => texts[name],
    list: async () => Object.keys(texts).filter((name) => name.startsWith('outcomes/')),
    write: async () => assert.fail('nothing is written'),
  });
  const notes = JSON.stringify;
  const changes = fc.array(change, { minLength: 1, maxLength: 4 });
  const applied = (value: unknown, all: readonly ((one: unknown) => unknown)[]) =>
    all.reduce((now, one) => one(now), value);
  const input = fc.record({
    history: changes,
    notes: changes,
    raw: fc.option(hugeText),
    texts: fc.array(hostileText, { minLength: 6, maxLength: 6 }),
  });

  it('of hostile blobs, names and ids can be read line by line, and no cell is a formula', () =>
    always(80, 0.05, input, async (one) => {
      const log = aLog();
      const reports = blobs({
        'history.json': one.raw ?? notes(applied(facts.history, one.history)),
        'outcomes/eastus.json': notes(applied(facts.notes?.[0], one.notes)),
      });
      const history = await readHistory(reports, log);
      const read = await readNotes(reports, new Set(facts.listed.map(({ vm }) => vm.id.toLowerCase())), log);
      const [location = '', name = '', identity = '', verdict = '', subject = '', region = ''] = one.texts;
      const report = makeReport({
        ...facts,
        history,
        notes: read,
        subscriptionNames: new Map([[SUBSCRIPTION, name]]),
        counts: facts.counts.map((row) => ({ ...row, location: region })),
        listed: facts.listed.map((vm) => ({
          ...vm,
          location,
          identity: { ...vm.identity, userAssigned: [identity] },
        })),
        sweepProblems: [{ subject, reason: 'region-unread', detail: verdict, next: region, vms: 0 }],
      });
      const json = [...toJson(report)].join('');
      JSON.parse(json);
      const csv = [...toCsv(report.rows)].join('').replace(/^\ufeff/, '');
      for (const line of [...json.split('\n'), ...csv.split('\r\n')]) assert.doesNotMatch(line, UNPRINTABLE);
      assert.equal(csv.split('\r\n').length, report.rows.length + 2);
      assert.doesNotMatch(csv, /(^|[,\n])"\s*[=+\-@]/m);
      const html = [...toHtml(report)].join('');
      for (const line of html.split('\n')) assert.doesNotMatch(line, UNPRINTABLE);
    }));
});
