import { randomUUID } from 'node:crypto';
import { createApp } from '../app.ts';
import type { VmCount } from '../azure/inventory.ts';
import { GOAL_MISSING } from '../azure/kql.ts';
import { nextStep, total } from '../domain/outcome.ts';
import { recordOutcomes, recordVm } from '../remediation/recording.ts';
import { type SweepSummary, sweep } from '../remediation/sweep.ts';
import type { VmReport } from '../remediation/vm.ts';
import { startTelemetry } from '../telemetry/telemetry.ts';
import { type Compliance, complianceOf } from './compliance.ts';
import { complianceTable, problemsText, tallyText } from './present.ts';
import { startProgress } from './progress.ts';

/**
 * Runs one sweep with the settings of `env`. For people: tables on stdout, progress on stderr. With `json`: one line
 * for each VM looked at and a closing summary line on stdout. The first Ctrl-C lets what was begun finish.
 * Returns true when nothing failed and nothing needs a person. Throws what keeps a sweep from beginning.
 */
export async function runSweep(
  env: Readonly<Record<string, string | undefined>>,
  json: boolean,
): Promise<boolean> {
  const app = createApp(env);
  const interrupted = watchInterrupts();
  const telemetry = await startTelemetry(env);
  const cause = { trigger: 'cli', sweepId: randomUUID() } as const;
  let compliance: Compliance | undefined;
  let progress: ReturnType<typeof startProgress> | undefined;
  if (!json) process.stderr.write('Asking Resource Graph for every VM in scope …\n');

  const summary = await sweep(app, {
    stopped: () => interrupted.value,
    onCounts(counts, coverage) {
      if (json) return;
      compliance = complianceOf(counts, coverage.subscriptionNames);
      print(`\nBefore\n${complianceTable(compliance)}\n`);
      progress = startProgress(process.stderr, missingIn(counts));
    },
    onVm(report) {
      recordVm(telemetry, report, cause);
      if (json) {
        print(JSON.stringify(jsonLine(report)));
        return;
      }
      compliance?.record(report);
      progress?.step(report.outcome.outcome === 'failed');
    },
  });
  progress?.stop();
  recordOutcomes(telemetry, 'cli', summary.tally);
  await telemetry.flush();
  const clean = total(summary.tally, 'failed') === 0 && summary.problems.length === 0;
  if (json) print(JSON.stringify({ summary: jsonSummary(summary) }));
  else printSummary(summary, compliance);
  return clean;
}

function printSummary(summary: SweepSummary, compliance: Compliance | undefined): void {
  if (!compliance) {
    print('EFFECT is Disabled: nothing was looked at and nothing was done.');
    return;
  }
  print(`\nAfter\n${complianceTable(compliance)}\n\n${tallyText(summary, process.stdout.columns ?? 1000)}`);
  if (summary.problems.length > 0) print(`\n${problemsText(summary.problems)}`);
}

function jsonLine({ vm, location, goal, outcome, attempts }: VmReport) {
  const next = nextStep(outcome, vm, goal);
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

function jsonSummary({ tally, ...rest }: SweepSummary) {
  return {
    assigned: total(tally, 'assigned'),
    compliant: total(tally, 'compliant'),
    excluded: total(tally, 'excluded'),
    deferred: total(tally, 'deferred'),
    failed: total(tally, 'failed'),
    reasons: tally,
    ...rest,
  };
}

function missingIn(counts: readonly VmCount[]): number {
  return counts.reduce((sum, row) => sum + (row.verdict === GOAL_MISSING ? row.total : 0), 0);
}

function watchInterrupts(): { value: boolean } {
  const interrupted = { value: false };
  const stop = (): void => {
    if (interrupted.value) process.exit(130);
    interrupted.value = true;
    process.stderr.write(
      '\nStopping: what was begun is being finished. Press Ctrl-C again to leave at once.\n',
    );
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return interrupted;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
