import { Command } from 'commander';
import { type App, createApp } from '../app.ts';
import { GOAL_PRESENT } from '../azure/verdictsKql.ts';
import { listVms } from '../azure/vmLists.ts';
import { goalIdentity } from '../domain/goalIdentity.ts';
import { defaultChange, without } from '../domain/imdsDefault.ts';
import { total } from '../domain/outcome.ts';
import { printable } from '../domain/printable.ts';
import { identityText } from '../domain/rules.ts';
import type { RunSummary } from '../remediation/allRegions.ts';
import { recordCalls, recordOutcomes } from '../remediation/recording.ts';
import { planRollback, type RollbackPlan, rollback } from '../remediation/rollback.ts';
import { exitCodes } from './exitCodes.ts';
import { watchInterrupts } from './interrupts.ts';
import { print, printJson, rowCount, tell } from './output.ts';
import { problemsText, tallyText } from './present.ts';
import { rollbackPlanText, WARNING } from './presentRollback.ts';
import { startProgress } from './progress.ts';
import { type Recorder, recorded } from './recorded.ts';
import { forRun, isClean, leftText, summaryJson, vmJson } from './runResult.ts';

const ROWS_SHOWN = 20;

interface Options {
  readonly json?: boolean;
  readonly yes?: boolean;
  readonly limit?: number;
}

/** `vm-identity rollback`. */
export function rollbackCommand(): Command {
  return new Command('rollback')
    .description(
      'take the goal identity, and nothing else, from every VM in scope; shows what it would do until --yes',
    )
    .option('--yes', 'do it; without this nothing is written')
    .option('--json', 'print one JSON line for each VM, and a closing line')
    .option(
      '--limit <rows>',
      `without --yes: show at most so many VMs (default: ${ROWS_SHOWN}; with --json all)`,
      rowCount,
    )
    .addHelpText(
      'after',
      `
${WARNING}
VMs that are excluded from assigning, by scope, tag, managed group, ONLY_REGIONS or ONLY_SUBSCRIPTIONS, are left alone
here, too. Each removal carries the ETag of a fresh read; where Azure gives none, nothing is written. The identities,
their groups and locks stay. MAX_ASSIGNMENTS_PER_SWEEP and FAILURE_THRESHOLD_PERCENT hold. Stopped by Ctrl-C, or by
anything else, run it again: it goes on with what is left.

Examples:
  vm-identity rollback
  ONLY_REGIONS=eastus vm-identity rollback --yes
  vm-identity rollback --yes --json > rollback.jsonl`,
    )
    .action(async (options: Options) => {
      const app = createApp(process.env);
      if (!options.json) tell('Asking Resource Graph for the VMs that carry their goal identity …');
      const plan = await planRollback(app);
      const clean = options.yes
        ? await recorded(process.env, (recorder) => act(app, plan, recorder, options))
        : await dryRun(app, plan, options);
      process.exitCode = clean ? exitCodes.done : exitCodes.someFailed;
    });
}

async function dryRun(app: App, plan: RollbackPlan, { json, limit }: Options): Promise<boolean> {
  const most = limit ?? (json ? Number.POSITIVE_INFINITY : ROWS_SHOWN);
  const rows: (readonly string[])[] = [];
  let shown = 0;
  for await (const { vm, location, identity } of carriers(app, plan)) {
    if (shown++ >= most) break;
    const goal = goalIdentity(app.settings.policy.identity, { ...vm, location });
    const change = defaultChange(identity, without(identity, goal));
    if (json) {
      printJson({
        id: vm.id,
        action: 'remove',
        subscriptionId: vm.subscriptionId,
        location,
        goal,
        identity: identityText(identity),
        defaultIdentity: change,
      });
    } else rows.push([vm.id, location, identityText(identity), `remove ${goal.split('/').at(-1)}`, change]);
  }
  if (json) {
    const { total, losingDefault, gainingDefault, makespan, tally, coverage } = plan;
    printJson({
      plan: {
        total,
        losingDefault,
        gainingDefault,
        seconds: Math.ceil(makespan.seconds),
        leftAlone: tally,
        problems: coverage.problems,
        warning: printable(WARNING),
      },
    });
  } else print(rollbackPlanText(app.settings, plan, rows));
  return plan.coverage.problems.length === 0;
}

async function act(app: App, plan: RollbackPlan, recorder: Recorder, { json }: Options): Promise<boolean> {
  const interrupts = watchInterrupts();
  tell(WARNING);
  const progress = json ? undefined : startProgress(process.stderr, plan.total);
  const { problems, ...ended } = await rollback(app, plan, {
    stopped: () => interrupts.stopped,
    onVm(report) {
      recorder.vm(report);
      if (json) printJson(vmJson(report, 'rollback'));
      else progress?.step(report.outcome.outcome === 'failed');
    },
  });
  progress?.stop();
  recordOutcomes(recorder.telemetry, 'cli', recorder.tally);
  recordCalls(recorder.telemetry, 'cli', recorder.counts);
  const summary = {
    ...ended,
    problems: problems.map((problem) => ({ ...problem, next: forRun(problem.next, 'rollback') })),
  };
  if (json) printJson({ summary: summaryJson(summary) });
  else printSummary(summary);
  return isClean(summary);
}

function printSummary(summary: RunSummary): void {
  print(`\n${tallyText(summary)}`);
  if (summary.problems.length > 0) print(`\n${problemsText(summary.problems)}`);
  const left = leftText(summary);
  if (left !== '') print(`\n${left}`);
  if (total(summary.tally, 'removed') > 0) {
    print(
      '\nResource Graph is behind by up to a minute: then run rollback without --yes to see whether any VM is left.',
    );
  }
}

async function* carriers(app: App, plan: RollbackPlan) {
  const subscriptions = [
    ...new Set(plan.regions.flatMap((region) => region.subscriptions.map((row) => row.subscriptionId))),
  ];
  const pages = listVms(
    app.clients,
    plan.coverage,
    app.settings,
    { verdicts: [GOAL_PRESENT] },
    subscriptions,
  );
  for await (const page of pages) yield* page;
}
