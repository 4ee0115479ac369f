import { nextStep, total } from '../domain/outcome.ts';
import type { RunSummary } from '../remediation/allRegions.ts';
import type { VmReport } from '../remediation/vm.ts';
import { vmsText } from './output.ts';

/** A run that writes. */
export type Run = 'sweep' | 'rollback';

/** A next step as it is after this run: reasons speak of the next sweep. */
export function forRun(next: string, run: Run): string {
  return next.replaceAll('next sweep', `next ${run}`);
}

/** One VM of a run, for a line of JSON. */
export function vmJson({ vm, location, goal, outcome, attempts }: VmReport, run: Run) {
  const next = forRun(nextStep(outcome, vm, goal), run);
  return {
    id: vm.id,
    outcome: outcome.outcome,
    reason: outcome.reason,
    subscriptionId: vm.subscriptionId,
    location,
    goal,
    attempts,
    ...(outcome.detail !== undefined && { detail: outcome.detail }),
    ...(next !== '' && { next }),
  };
}

/** The closing line of a run. */
export function summaryJson({ tally, ...rest }: RunSummary) {
  return {
    assigned: total(tally, 'assigned'),
    removed: total(tally, 'removed'),
    compliant: total(tally, 'compliant'),
    excluded: total(tally, 'excluded'),
    deferred: total(tally, 'deferred'),
    failed: total(tally, 'failed'),
    reasons: tally,
    ...rest,
  };
}

/** True when nothing failed, nothing needs a person and nothing was left because the run was stopped. */
export function isClean({ tally, problems }: RunSummary): boolean {
  return total(tally, 'failed') === 0 && problems.length === 0 && tally.deferred.interrupted === undefined;
}

/** What a stopped run left; empty when it was not stopped. */
export function leftText({ tally }: RunSummary): string {
  const left = tally.deferred.interrupted ?? 0;
  return left === 0 ? '' : `Stopped before its end: ${vmsText(left)} not looked at. Run it again to go on.`;
}
