import { type OutcomeName, reasonText, type Tally, total } from '../domain/outcome.ts';
import type { Problem } from '../remediation/problems.ts';
import type { SweepSummary } from '../remediation/sweep.ts';
import { shareText } from '../report/share.ts';
import type { Compliance } from './compliance.ts';
import { stdoutWidth, table } from './table.ts';

const MOST_PROBLEMS_SHOWN = 20;

/** How the tenant stands, as a table: a row for each subscription and one for all. */
export function complianceTable({ subscriptions }: Compliance): string {
  const sum = (of: 'vms' | 'compliant' | 'excluded') => subscriptions.reduce((all, row) => all + row[of], 0);
  const all = { name: 'All', vms: sum('vms'), compliant: sum('compliant'), excluded: sum('excluded') };
  const rows = [...subscriptions, all].map(({ name, vms, compliant, excluded }) => [
    name.slice(0, 36),
    String(vms),
    String(compliant),
    String(vms - compliant),
    shareText({ vms, compliant }),
    String(excluded),
  ]);
  return table(
    [['Subscription', 'VMs', 'Compliant', 'Lacking', 'Share', 'Excluded'], ...rows],
    stdoutWidth(),
  );
}

/** Every outcome and reason that was counted, with what it means. Lines are at most `width` characters. */
export function reasonsTable(tally: Tally, width: number): string {
  const rows = Object.entries(tally).flatMap(([name, byReason]) =>
    Object.entries(byReason).map(([reason, times]) => {
      const outcome = { outcome: name, reason } as Parameters<typeof reasonText>[0];
      return [`${name} (${reason})`, String(times), reasonText(outcome).meaning];
    }),
  );
  return rows.length === 0 ? '  None.' : table([['Outcome', 'VMs', ''], ...rows], width);
}

/** Every outcome and reason with its count, and what the sweep cost. */
export function tallyText({
  tally,
  calls,
  durationMs,
}: Pick<SweepSummary, 'tally' | 'calls' | 'durationMs'>): string {
  const handled = (['assigned', 'removed', 'failed', 'deferred'] as OutcomeName[]).reduce(
    (sum, name) => sum + total(tally, name),
    0,
  );
  const each = (calls: number) => (handled === 0 ? '' : ` (${(calls / handled).toFixed(2)} per VM)`);
  return [
    reasonsTable(tally, stdoutWidth()),
    '',
    `Calls: ${calls.writes} writes${each(calls.writes)}, ${calls.reads} reads${each(calls.reads)}, ${calls.resourceGraph} Resource Graph queries, in ${(durationMs / 1000).toFixed(1)} s.`,
  ].join('\n');
}

/** What needs a person: cause, Azure's words, next step. */
export function problemsText(problems: readonly Problem[]): string {
  const shown = problems.slice(0, MOST_PROBLEMS_SHOWN).map(({ subject, reason, detail, next, vms }) => {
    const held = vms === 0 ? '' : vms === 1 ? ' (1 VM)' : ` (${vms} VMs)`;
    return `✗ ${reason}${held}: ${subject}\n    ${detail}\n    → ${next}`;
  });
  const more = problems.length - shown.length;
  return ['Needs a person', ...shown, ...(more > 0 ? [`… and ${more} more; --json lists all.`] : [])].join(
    '\n',
  );
}
