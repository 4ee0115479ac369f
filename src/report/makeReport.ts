import type { VmCount } from '../azure/inventory.ts';
import type { ScopeProblem } from '../azure/scopeResolution.ts';
import type { ListedVm } from '../azure/vmLists.ts';
import { goalIdentity } from '../domain/goalIdentity.ts';
import { withIds } from '../domain/outcome.ts';
import type { Policy } from '../domain/policy.ts';
import { oneLine } from '../domain/printable.ts';
import { fold } from '../domain/resourceId.ts';
import type { Problem } from '../remediation/problems.ts';
import { adviceOn, ownNext } from './advice.ts';
import { changesSince } from './changes.ts';
import { type History, noHistory, withPoint } from './history.ts';
import type { RegionNotes, VmNote } from './regionNotes.ts';
import type { LastOutcome, Report, ReportRow, ReportSettings, Unlisted } from './report.ts';
import { reportProblems } from './reportProblems.ts';
import { reasonCounts, regionStandings, subscriptionStandings } from './rollUp.ts';
import { standingOf, stateOf } from './standing.ts';
import { byState } from './stateOrder.ts';

/** Everything a report is made from. */
export interface ReportFacts {
  /** When Resource Graph was asked, in ms since 1970. */
  readonly now: number;
  /** The sweep that makes it, and when the next one begins; absent when a person asks. */
  readonly sweep?: { readonly id: string; readonly nextAt: string };
  readonly settings: ReportSettings;
  readonly policy: Policy;
  readonly counts: readonly VmCount[];
  /** Names of the subscriptions, by folded id. */
  readonly subscriptionNames: ReadonlyMap<string, string>;
  readonly listed: readonly ListedVm[];
  readonly unlisted: readonly Unlisted[];
  readonly scopeProblems: readonly ScopeProblem[];
  /** What the sweep that makes the report found besides VMs. */
  readonly sweepProblems: readonly Problem[];
  /** What the last runs noted, one for each region, of VMs that lack their identity; undefined when that cannot be known. */
  readonly notes: readonly RegionNotes[] | undefined;
  /** Likewise. */
  readonly history: History | undefined;
}

// A write may take this long to reach Resource Graph: within it, a VM that was assigned and seems to lack its
// identity has lost nothing (azure-facts, section 4: seconds to minutes).
const GRAPH_LAG_MS = 10 * 60_000;

/** Makes the report. Pure; every text of free form is one line of at most 1,000 characters in it. */
export function makeReport(facts: ReportFacts): Report {
  const { counts, now, sweep, settings } = facts;
  const generatedAt = new Date(now).toISOString();
  const nameOf = (id: string) => oneLine(facts.subscriptionNames.get(id) ?? id);
  const tenant = standingOf(counts);
  const subscriptions = subscriptionStandings(counts, nameOf);
  const rows = reportRows(facts, nameOf);
  const problems = reportProblems(facts, rows, generatedAt);
  const { vms, compliant, excluded } = tenant;
  const point = { at: generatedAt, sweepId: sweep?.id ?? '', vms, compliant, excluded };
  const changes = changesSince(facts, subscriptions, problems);
  return {
    version: 1,
    generatedAt,
    ...(sweep && { sweepId: sweep.id, nextSweepAt: sweep.nextAt }),
    settings,
    tenant,
    subscriptions,
    regions: regionStandings(counts),
    reasons: reasonCounts(counts, rows),
    rows,
    unlisted: facts.unlisted,
    problems,
    trend: withPoint(facts.history ?? noHistory, point),
    ...(changes && { changes }),
    historyKnown: facts.history !== undefined,
  };
}

function reportRows(facts: ReportFacts, nameOf: (id: string) => string): ReportRow[] {
  const notes = new Map((facts.notes ?? []).flatMap(({ vms }) => vms.map((note) => [fold(note.id), note])));
  const shared = new Map<string, string>();
  // The same few ids stand in thousands of rows: kept once.
  const once = (text: string): string => {
    const known = shared.get(text) ?? text;
    shared.set(known, known);
    return known;
  };
  const rows = facts.listed.map(({ vm, location, verdict, identity }): ReportRow => {
    const state = stateOf(verdict);
    const goal = once(goalIdentity(facts.policy.identity, { subscriptionId: vm.subscriptionId, location }));
    const note = state === 'lacking' ? notes.get(fold(vm.id)) : undefined;
    const reason =
      state === 'lacking'
        ? whyLacking(
            facts,
            note,
            identity.userAssigned.some((id) => fold(id) === fold(goal)),
          )
        : verdict;
    const { meaning, next } = adviceOn(reason);
    return {
      id: vm.id,
      name: vm.name,
      subscriptionId: once(fold(vm.subscriptionId)),
      subscriptionName: once(nameOf(fold(vm.subscriptionId))),
      resourceGroup: once(vm.resourceGroup),
      location: once(location),
      state,
      reason: once(reason),
      meaning,
      next: ownNext(reason, note) ?? withIds(next, vm, goal),
      goal,
      identityType: typeOf(identity),
      identities: identity.userAssigned.map((id) => once(oneLine(id))),
      ...(note && { last: lastOutcome(note) }),
    };
  });
  const { compare } = new Intl.Collator('en', { numeric: true });
  return rows.sort((a, b) => byState(a, b) || compare(a.name, b.name));
}

function whyLacking(facts: ReportFacts, note: VmNote | undefined, carries: boolean): string {
  if (facts.policy.effect === 'AuditIfNotExists') return 'audit-only';
  if (note?.outcome === 'failed' || note?.outcome === 'deferred') return note.reason;
  if (carries) return 'goal-replaced';
  const settled = note !== undefined && facts.now - Date.parse(note.at) > GRAPH_LAG_MS;
  return settled && (note.outcome === 'assigned' || note.outcome === 'compliant')
    ? 'goal-lost'
    : 'goal-missing';
}

function lastOutcome({ id: _, detail, next, ...note }: VmNote): LastOutcome {
  return { ...note, ...(detail !== undefined && { detail }), ...(next !== undefined && { next }) };
}

function typeOf({ system, user }: ListedVm['identity']): string {
  if (system) return user ? 'SystemAssigned, UserAssigned' : 'SystemAssigned';
  return user ? 'UserAssigned' : 'None';
}
