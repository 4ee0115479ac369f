import { type OutcomeName, reasonText, total } from '../domain/outcome.ts';
import type { Problem } from '../remediation/problems.ts';
import type { SweepSummary } from '../remediation/sweep.ts';
import { shareText } from '../report/share.ts';
import type { Compliance } from './compliance.ts';

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
  return table([['Subscription', 'VMs', 'Compliant', 'Lacking', 'Share', 'Excluded'], ...rows]);
}

/** Every outcome and reason with its count, and what the sweep cost. Lines are cut to `columns` characters. */
export function tallyText({ tally, calls, durationMs }: SweepSummary, columns: number): string {
  const rows = Object.entries(tally).flatMap(([name, byReason]) =>
    Object.entries(byReason).map(([reason, times]) => {
      const outcome = { outcome: name, reason } as Parameters<typeof reasonText>[0];
      return [`${name} (${reason})`, String(times), reasonText(outcome).meaning];
    }),
  );
  const handled = (['assigned', 'failed', 'deferred'] as OutcomeName[]).reduce(
    (sum, name) => sum + total(tally, name),
    0,
  );
  const each = (calls: number) => (handled === 0 ? '' : ` (${(calls / handled).toFixed(2)} per VM)`);
  return [
    cut(table([['Outcome', 'VMs', ''], ...rows]), columns),
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

/** Rows as a table, the first one its head; columns of numbers are set to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const numeric = (column: number) => column > 0 && /^[\d.%–]+$/.test(rows.at(-1)?.[column] ?? '');
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return numeric(column) ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  return rows.map((row) => `  ${line(row)}`).join('\n');
}

function cut(text: string, columns: number): string {
  const lines = text.split('\n');
  return lines.map((line) => (line.length > columns ? `${line.slice(0, columns - 1)}…` : line)).join('\n');
}
