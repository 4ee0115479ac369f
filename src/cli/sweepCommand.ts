import { Command } from 'commander';
import { type App, createApp } from '../app.ts';
import { type Counts, countsSince } from '../azure/callContext.ts';
import { missingIn } from '../remediation/plan.ts';
import { recordRegion, recordSweep } from '../remediation/recording.ts';
import { type SweepSummary, sweep } from '../remediation/sweep.ts';
import { type Compliance, complianceOf } from './compliance.ts';
import { exitCodes } from './exitCodes.ts';
import { watchInterrupts } from './interrupts.ts';
import { print, printJson, tell } from './output.ts';
import { complianceTable, problemsText, tallyText } from './present.ts';
import { startProgress } from './progress.ts';
import { type Recorder, recorded } from './recorded.ts';
import { isClean, leftText, summaryJson, vmJson } from './runResult.ts';

/** `vm-identity sweep`. */
export function sweepCommand(): Command {
  return new Command('sweep')
    .description('find every VM in scope that lacks its identity, and assign it')
    .option('--json', 'print one JSON line for each VM looked at, and a closing summary line')
    .addHelpText(
      'after',
      `
What it may do is set by EFFECT, MAX_ASSIGNMENTS_PER_SWEEP, FAILURE_THRESHOLD_PERCENT, ONLY_REGIONS and
ONLY_SUBSCRIPTIONS. The first Ctrl-C lets what was begun finish, and says what is left; the second leaves at once.

Examples:
  SCOPES=/subscriptions/00000000-0000-0000-0000-000000000000 EFFECT=AuditIfNotExists vm-identity sweep
  MAX_ASSIGNMENTS_PER_SWEEP=10 ONLY_REGIONS=eastus vm-identity sweep
  vm-identity sweep --json | jq 'select(.outcome == "failed")'`,
    )
    .action(async (options: { json?: boolean }) => {
      const app = createApp(process.env);
      const clean = await recorded(process.env, (recorder) => runSweep(app, recorder, options.json === true));
      process.exitCode = clean ? exitCodes.done : exitCodes.someFailed;
    });
}

/**
 * Runs one sweep. For people: tables on stdout, progress on stderr. With `json`: one line
 * for each VM looked at and a closing summary line on stdout. The first Ctrl-C lets what was begun finish.
 * Returns true when nothing failed and nothing needs a person. Throws what keeps a sweep from beginning.
 */
async function runSweep(app: App, recorder: Recorder, json: boolean): Promise<boolean> {
  const { telemetry, runId: sweepId, tally, counts } = recorder;
  const { clock, settings } = app;
  const startedAt = clock.now();
  const interrupts = watchInterrupts();
  let counted: { readonly at: number; readonly counts: Counts } | undefined;
  let compliance: Compliance | undefined;
  let progress: ReturnType<typeof startProgress> | undefined;
  if (!json) tell('Asking Resource Graph for every VM in scope …');

  const summary = await sweep(app, {
    stopped: () => interrupts.stopped,
    onPlan(plan, coverage) {
      const now = clock.now();
      counted = { at: now, counts: structuredClone(counts) };
      recordSweep(telemetry, 'cli', {
        ...{ sweepId, effect: settings.policy.effect, until: undefined, rules: undefined, plan, now },
        unreadableScopes: coverage.problems.length,
        durationMs: now - startedAt,
        counts: counted.counts,
      });
      if (json) return;
      compliance = complianceOf(plan.counts, coverage.subscriptionNames);
      print(`\nBefore\n${complianceTable(compliance)}\n`);
      progress = startProgress(process.stderr, missingIn(plan.counts));
    },
    onVm(report) {
      recorder.vm(report);
      if (json) {
        printJson(vmJson(report, 'sweep'));
        return;
      }
      compliance?.record(report);
      progress?.step(report.outcome.outcome === 'failed');
    },
  });
  progress?.stop();
  if (counted) {
    recordRegion(telemetry, 'cli', {
      ...{ sweepId, location: '', goesOn: false, tally },
      durationMs: clock.now() - counted.at,
      counts: countsSince(counted.counts, counts),
    });
  }
  if (json) printJson({ summary: summaryJson(summary) });
  else printSummary(summary, compliance);
  return isClean(summary);
}

function printSummary(summary: SweepSummary, compliance: Compliance | undefined): void {
  if (!compliance) {
    print('EFFECT is Disabled: nothing was looked at and nothing was done.');
    return;
  }
  print(`\nAfter\n${complianceTable(compliance)}\n\n${tallyText(summary)}`);
  for (const goal of summary.relocked) print(`\nLocked again, since it had lost its lock: ${goal}`);
  if (summary.problems.length > 0) print(`\n${problemsText(summary.problems)}`);
  const left = leftText(summary);
  if (left !== '') print(`\n${left}`);
}
