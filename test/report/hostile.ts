import type { Report } from '../../src/report/report.ts';
import { aListedVm, aReport, someNotes } from './aReport.ts';

/** Texts that try to get out of where they are put. A script that ran would set `hacked`. */
export const hostileTexts = [
  '<script>globalThis.hacked=1</script>',
  '</script><script>globalThis.hacked=2</script>',
  '<!--<script>',
  ']]></noscript><img src=x onerror="globalThis.hacked=3">',
  '"><svg onload=globalThis.hacked=4>',
  "' onmouseover='globalThis.hacked=5",
  'javascript:globalThis.hacked=6',
  '{{constructor.constructor("globalThis.hacked=8")()}}',
  '&lt;b&gt;&amp;',
  'https://evil.example/?x=',
  'url(https://evil.example/y)',
  '\u202egpj.exe\u202c\u2066\u2069',
  'שרת-ייצור',
  'nul\u0000\u0007\u001b[31m',
  'line\u2028paragraph\u2029\r\n\ttab',
  'half\ud800 and \udc00 other',
  '__proto__',
  '=HYPERLINK("https://evil.example")',
  "@SUM(1+1)*cmd|' /C calc'!A0",
  `long${'x'.repeat(2 ** 20)}`,
];

/** A report with those texts in the place of every text it takes from outside. */
export function aHostileReport(): Report {
  const names = hostileTexts.map((_, n) => aListedVm(`vm-${n}`));
  const notes = someNotes(names.map(({ vm }) => ({ id: vm.id, detail: 'd' })));
  const report = aReport(names, { carrying: 1, notes: [notes] });
  const text = (n: number) => hostileTexts[n % hostileTexts.length] as string;
  return {
    ...report,
    settings: { ...report.settings, scopes: hostileTexts, exclusionTag: text(1), goal: text(0) },
    subscriptions: hostileTexts.map((name, n) => ({
      ...report.tenant,
      id: n === 0 ? (report.subscriptions[0]?.id ?? '') : text(n),
      name,
      regions: [{ ...report.tenant, location: text(n + 1) }],
    })),
    regions: hostileTexts.map((location) => ({ ...report.tenant, location })),
    reasons: hostileTexts.map((meaning, n) => ({ state: 'lacking', reason: text(n + 1), vms: 1, meaning })),
    problems: hostileTexts.map((subject, n) => ({
      ...{ subject, reason: text(n + 1), detail: text(n + 2), next: text(n + 3), vms: 1 },
      ...{ isNew: true, passing: false, since: text(n) },
    })),
    changes: {
      since: text(3),
      before: report.tenant,
      subscriptions: [{ id: text(4), name: text(0), lackingBefore: 0, lacking: 1 }],
      worked: { assigned: 0, failed: 0, deferred: 0 },
      newProblems: 1,
      solved: [{ subject: text(1), reason: text(2) }],
    },
    unlisted: [{ vms: 1, why: text(1) }],
    rows: report.rows.map((row, n) => ({
      ...row,
      ...{ name: text(n), subscriptionName: text(n + 1), resourceGroup: text(n + 2), location: text(n + 3) },
      ...{ reason: text(n + 4), meaning: text(n + 5), next: text(n + 6), goal: text(n + 7) },
      ...{ identityType: text(n + 8), identities: [text(n + 9), text(n + 10)] },
      last: { outcome: 'failed', reason: text(n + 11), at: text(n + 12), detail: text(n + 13) },
    })),
  };
}
