import type { Counts } from '../azure/callContext.ts';
import type { CallCounts } from '../azure/clients.ts';
import { GOAL_MISSING } from '../azure/verdictsKql.ts';
import { nextStep, type Tally, total } from '../domain/outcome.ts';
import type { Trigger } from '../telemetry/names.ts';
import { LONGEST_PROPERTY, type Telemetry } from '../telemetry/telemetry.ts';
import type { Plan } from './plan.ts';
import type { VmReport } from './vm.ts';

/** What work was asked for by. */
export interface Cause {
  readonly trigger: Trigger;
  readonly sweepId?: string;
}

/** What a sweep found when it began. */
export interface SweepBegun {
  readonly sweepId: string;
  readonly effect: string;
  readonly until: string | undefined;
  /** The rules VMs were counted by (`rulesQuery`); absent where the workbook is not to judge by them. */
  readonly rules: string | undefined;
  readonly plan: Plan;
  readonly unreadableScopes: number;
  readonly now: number;
  readonly durationMs: number;
  readonly counts: Counts;
}

/** What a run on a region did. */
export interface RegionWorked {
  readonly sweepId: string;
  /** Empty: on all of them. */
  readonly location: string;
  readonly goesOn: boolean;
  readonly tally: Tally;
  readonly durationMs: number;
  readonly counts: Counts;
}

/** Records the end of the look at a VM. One that was put off without a look is counted with its region only. */
export function recordVm(
  telemetry: Telemetry,
  { vm, location, goal, outcome, attempts, durationMs }: VmReport,
  { trigger, sweepId }: Cause,
  secondsSinceWritten?: number,
): void {
  if (durationMs === undefined) return;
  const next = nextStep(outcome, vm, goal);
  telemetry.event(
    'VmRemediated',
    {
      vmId: vm.id,
      subscriptionId: vm.subscriptionId,
      location,
      goalIdentity: goal,
      outcome: outcome.outcome,
      reason: outcome.reason,
      detail: outcome.detail,
      next: next === '' ? undefined : next,
      trigger,
      sweepId,
    },
    { attempts, durationMs, secondsSinceWritten },
  );
  if (outcome.outcome === 'assigned' && secondsSinceWritten !== undefined) {
    telemetry.metric('timeToAssign', secondsSinceWritten, { location });
  }
}

/** Records what a sweep counted, and what the counting cost. */
export function recordSweep(telemetry: Telemetry, trigger: Trigger, begun: SweepBegun): void {
  const { sweepId, effect, until, rules, plan, unreadableScopes, now, durationMs, counts } = begun;
  const goalMissing = plan.regions.reduce((sum, region) => sum + region.total, 0);
  const compliant = total(plan.tally, 'compliant');
  const excluded = total(plan.tally, 'excluded');
  const oldest = plan.oldestMissing;
  const oldestMissingHours = oldest === undefined ? undefined : Math.max(0, (now - oldest) / 3_600_000);
  telemetry.event(
    'SweepBegun',
    { sweepId, trigger, effect, until, rules: rules && rules.length <= LONGEST_PROPERTY ? rules : undefined },
    {
      vms: goalMissing + compliant + excluded,
      compliant,
      excluded,
      goalMissing,
      regions: plan.regions.length,
      unreadableScopes,
      oldestMissingHours,
      ...counts.calls,
      throttled: sum(counts.throttled),
      durationMs,
    },
  );
  for (const state of ['compliant', 'excluded'] as const) {
    for (const [reason, vms] of Object.entries(plan.tally[state])) {
      telemetry.metric('vms', vms, { state, reason });
    }
  }
  telemetry.metric('vms', goalMissing, { state: GOAL_MISSING, reason: GOAL_MISSING });
  telemetry.metric('oldestMissingHours', oldestMissingHours ?? 0, {});
  telemetry.metric('durationMs', durationMs, { part: 'counting' });
  recordCalls(telemetry, trigger, counts);
}

/** Records what a run on a region did, and what it cost. */
export function recordRegion(telemetry: Telemetry, trigger: Trigger, worked: RegionWorked): void {
  const { sweepId, location, goesOn, tally, durationMs, counts } = worked;
  telemetry.event(
    'RegionWorked',
    { sweepId, trigger, location, goesOn: String(goesOn) },
    {
      assigned: total(tally, 'assigned'),
      compliant: total(tally, 'compliant'),
      excluded: total(tally, 'excluded'),
      deferred: total(tally, 'deferred'),
      failed: total(tally, 'failed'),
      ...counts.calls,
      throttled: sum(counts.throttled),
      durationMs,
    },
  );
  telemetry.metric('durationMs', durationMs, { part: 'region' });
  recordOutcomes(telemetry, trigger, tally);
  recordCalls(telemetry, trigger, counts);
}

/** Records how looks at VMs ended, by reason. */
export function recordOutcomes(telemetry: Telemetry, trigger: Trigger, tally: Tally): void {
  for (const [outcome, byReason] of Object.entries(tally)) {
    for (const [reason, vms] of Object.entries(byReason)) {
      telemetry.metric('outcomes', vms, { outcome, reason, trigger });
    }
  }
}

/** Records requests sent and refused, by kind. */
export function recordCalls(telemetry: Telemetry, trigger: Trigger, { calls, throttled }: Counts): void {
  for (const [metric, counts] of [
    ['calls', calls],
    ['throttled', throttled],
  ] as const) {
    for (const [kind, times] of Object.entries(counts)) {
      if (times > 0) telemetry.metric(metric, times, { kind, trigger });
    }
  }
}

function sum({ reads, writes, resourceGraph }: CallCounts): number {
  return reads + writes + resourceGraph;
}
