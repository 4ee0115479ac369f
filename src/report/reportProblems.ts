import { isPassing, type Outcome, outcome, withIds } from '../domain/outcome.ts';
import { oneLine } from '../domain/printable.ts';
import { reasons } from '../domain/reasons.ts';
import { fold, parseVmId } from '../domain/resourceId.ts';
import { type Problem, problemCollector } from '../remediation/problems.ts';
import { adviceOn } from './advice.ts';
import type { ReportFacts } from './makeReport.ts';
import type { ReportProblem, ReportRow } from './report.ts';

// Of an identity that no VM lacks there is no run that would look again: this may be true still, or mended long since.
const UNLOCKED_HOLDS_MS = 7 * 24 * 60 * 60_000;
const MOST_OF_A_REASON = 5;
const MOST_PROBLEMS = 1000;

/**
 * What needs a person: scopes that cannot be read, VMs that lack their identity *now* and whose last look failed or
 * whose identity was taken away again, and what the runs noted besides VMs. One problem for each cause; where a
 * subscription has many of a reason, one for all of them. At most 1,000.
 */
export function reportProblems(
  facts: Pick<ReportFacts, 'scopeProblems' | 'sweepProblems' | 'notes' | 'now' | 'history'>,
  rows: readonly ReportRow[],
  generatedAt: string,
): ReportProblem[] {
  const { history } = facts;
  const besides = problemCollector();
  for (const problem of facts.scopeProblems) besides.addScope(problem);
  for (const problem of [...facts.sweepProblems, ...notedProblems(facts, rows)]) besides.add(problem);

  const known = new Map((history?.problems ?? []).map((problem) => [keyOf(problem), problem.since]));
  const comparable = history !== undefined && history.points.length > 0;
  return [...besides.list(), ...problemsOfVms(rows)]
    .map((problem) => {
      const since = known.get(keyOf(problem));
      return {
        ...problem,
        subject: oneLine(problem.subject),
        detail: oneLine(problem.detail),
        next: oneLine(problem.next),
        ...(history && { since: since ?? generatedAt }),
        isNew: comparable && since === undefined,
        passing: Object.hasOwn(reasons.failed, problem.reason) && isPassing(problem.reason as never),
      };
    })
    .sort((a, b) => Number(a.passing) - Number(b.passing) || b.vms - a.vms)
    .slice(0, MOST_PROBLEMS);
}

/** What makes two problems the same. */
export function keyOf({ subject, reason }: { readonly subject: string; readonly reason: string }): string {
  return `${reason} ${fold(subject)}`;
}

function notedProblems({ notes = [], now }: Pick<ReportFacts, 'notes' | 'now'>, rows: readonly ReportRow[]) {
  const lacking = new Set(rows.filter(({ state }) => state === 'lacking').map(({ location }) => location));
  // What else was noted, the next run on the region sees anew; there is one as long as VMs there lack their identity.
  return notes.flatMap(({ location, at, problems }) =>
    problems.filter(({ reason }) =>
      reason === 'identity-unlocked' ? now - Date.parse(at) < UNLOCKED_HOLDS_MS : lacking.has(location),
    ),
  );
}

function problemsOfVms(rows: readonly ReportRow[]): Problem[] {
  const held = rows.filter(
    ({ reason, last }) => reason === 'goal-lost' || reason === 'contested' || last?.outcome === 'failed',
  );
  const groups = Map.groupBy(held, ({ reason, subscriptionId }) => `${reason} ${subscriptionId}`);
  return [...groups.values()].flatMap((group) => {
    const single = group[0]?.reason === 'goal-lost' ? [] : singleProblems(group);
    return single.length === 0 || single.length > MOST_OF_A_REASON ? [jointProblem(group)] : single;
  });
}

function singleProblems(rows: readonly ReportRow[]): Problem[] {
  const collected = problemCollector();
  for (const { id, location, goal, reason, last } of rows) {
    const vm = parseVmId(id);
    const outcome = outcomeWith(reason);
    if (!vm || !outcome) continue;
    const said = {
      ...(last?.detail !== undefined && { detail: last.detail }),
      ...(last?.next !== undefined && { next: last.next }),
    };
    collected.addFailure({ vm, location, goal, outcome: { ...outcome, ...said }, attempts: 0 });
  }
  return collected.list();
}

function outcomeWith(reason: string): Outcome | undefined {
  if (reason === 'contested') return outcome('deferred', reason);
  return Object.hasOwn(reasons.failed, reason)
    ? outcome('failed', reason as keyof typeof reasons.failed)
    : undefined;
}

function jointProblem(rows: readonly ReportRow[]): Problem {
  const { subscriptionId = '', resourceGroup = '', goal = '', reason = '', last } = rows[0] ?? {};
  const { meaning, next } = adviceOn(reason);
  const id = 'each of these VMs';
  const shared = rows.every((row) => row.last?.next === last?.next) ? last?.next : undefined;
  return {
    subject: `/subscriptions/${subscriptionId}`,
    reason,
    detail: last?.detail ?? meaning,
    next:
      shared ?? withIds(next.replace('{group}', 'their groups'), { id, subscriptionId, resourceGroup }, goal),
    vms: rows.length,
  };
}
