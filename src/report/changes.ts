import type { OutcomeName } from '../domain/outcome.ts';
import { oneLine } from '../domain/printable.ts';
import type { ReportFacts } from './makeReport.ts';
import type { Changes, ReportProblem, SubscriptionStanding } from './report.ts';
import { keyOf } from './reportProblems.ts';
import { standing } from './standing.ts';

const MOST_SUBSCRIPTIONS = 10;
const MOST_SOLVED = 20;

/** What is different from the sweep before; undefined when there was none, or nothing is known of it. */
export function changesSince(
  { history, notes = [], subscriptionNames, sweep }: ReportFacts,
  subscriptions: readonly SubscriptionStanding[],
  problems: readonly ReportProblem[],
): Changes | undefined {
  const before = history?.points.filter(({ sweepId }) => sweepId !== sweep?.id).at(-1);
  if (!history || !before) return undefined;
  const { at, vms, compliant, excluded } = before;
  const worked = notes.filter(({ sweepId }) => sweepId === before.sweepId);
  const times = (outcome: OutcomeName) =>
    worked.reduce((sum, { tally }) => sum + Object.values(tally[outcome]).reduce((a, b) => a + b, 0), 0);
  const lackingNow = new Map(subscriptions.map(({ id, lacking }) => [id, lacking]));
  const moved = [...new Set([...lackingNow.keys(), ...Object.keys(history.lacking)])]
    .map((id) => ({ id, lackingBefore: history.lacking[id] ?? 0, lacking: lackingNow.get(id) ?? 0 }))
    .filter(({ lackingBefore, lacking }) => lackingBefore !== lacking)
    .sort((a, b) => Math.abs(b.lacking - b.lackingBefore) - Math.abs(a.lacking - a.lackingBefore));
  const still = new Set(problems.map(keyOf));
  return {
    since: at,
    before: standing({ compliant, lacking: vms - compliant, excluded }),
    subscriptions: moved
      .slice(0, MOST_SUBSCRIPTIONS)
      .map((row) => ({ ...row, name: oneLine(subscriptionNames.get(row.id) ?? row.id) })),
    worked: { assigned: times('assigned'), failed: times('failed'), deferred: times('deferred') },
    newProblems: problems.filter(({ isNew }) => isNew).length,
    solved: history.problems
      .filter((problem) => !still.has(keyOf(problem)))
      .slice(0, MOST_SOLVED)
      .map(({ subject, reason }) => ({ subject, reason })),
  };
}
