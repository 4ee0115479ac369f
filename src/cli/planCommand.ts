import { Command } from 'commander';
import { type App, createApp } from '../app.ts';
import type { Wanted } from '../azure/kql.ts';
import { GOAL_MISSING } from '../azure/verdictsKql.ts';
import { type ListedVm, listVms } from '../azure/vmLists.ts';
import { goalIdentity } from '../domain/goalIdentity.ts';
import { defaultChange, withGoal } from '../domain/imdsDefault.ts';
import { identityText } from '../domain/rules.ts';
import { canBeGiven, planWrites, subscriptionsOf, type WritePlan } from '../remediation/planWrites.ts';
import { exitCodes } from './exitCodes.ts';
import { print, printJson, rowCount, tell } from './output.ts';
import { planText } from './presentPlan.ts';

const ROWS_SHOWN = 20;

/** `vm-identity plan`. */
export function planCommand(): Command {
  return new Command('plan')
    .description(
      'show what a sweep would do, to which VMs, with how many writes and how long; writes nothing',
    )
    .option(
      '--json',
      'print one JSON line for each VM that would be written, and a closing line with the plan',
    )
    .option('--limit <rows>', `show at most so many VMs (default: ${ROWS_SHOWN}; with --json all)`, rowCount)
    .addHelpText(
      'after',
      `
Resource Graph is asked, and locks are read; no VM is read. Resource Graph is behind by seconds to minutes, and a
sweep reads each VM before it writes it. The plan is that of EFFECT=DeployIfNotExists, whatever EFFECT is now.

Examples:
  SCOPES=/providers/Microsoft.Management/managementGroups/contoso vm-identity plan
  ONLY_REGIONS=eastus vm-identity plan --limit 100
  vm-identity plan --json | tail -1`,
    )
    .action(async (options: { json?: boolean; limit?: number }) => {
      const app = createApp(process.env);
      if (!options.json) tell('Asking Resource Graph for every VM in scope …');
      const plan = await planWrites(app);
      if (options.json) await printJsonPlan(app, plan, options.limit ?? Number.POSITIVE_INFINITY);
      else await printPlan(app, plan, options.limit ?? ROWS_SHOWN);
      process.exitCode = isClean(plan) ? exitCodes.done : exitCodes.someFailed;
    });
}

/** True when nothing of it needs a person. */
function isClean({ coverage, identities, dangling, unread }: WritePlan): boolean {
  const problems = [...coverage.problems, ...dangling, ...unread];
  return problems.length === 0 && identities.every(canBeGiven);
}

async function printPlan(app: App, plan: WritePlan, limit: number): Promise<void> {
  const gaining = await firstVms(app, plan, { verdicts: [GOAL_MISSING], onlyUserAssigned: 0 }, limit);
  const others = await firstVms(app, plan, { verdicts: [GOAL_MISSING] }, limit);
  print(planText(app.settings, plan, gaining, others));
}

async function printJsonPlan(app: App, plan: WritePlan, limit: number): Promise<void> {
  let shown = 0;
  for await (const { vm, location, identity } of plannedVms(app, plan, { verdicts: [GOAL_MISSING] })) {
    if (shown++ >= limit) break;
    const goal = goalIdentity(app.settings.policy.identity, { ...vm, location });
    printJson({
      id: vm.id,
      action: 'assign',
      subscriptionId: vm.subscriptionId,
      location,
      goal,
      identity: identityText(identity),
      defaultIdentity: defaultChange(identity, withGoal(identity, goal)),
    });
  }
  const { coverage, makespan, counts: _, regions: __, renewalsUnread: ___, tally, ...rest } = plan;
  printJson({
    plan: {
      ...rest,
      effect: app.settings.policy.effect,
      leftAlone: tally,
      seconds: Math.ceil(makespan.seconds),
      heldBackBy: makespan.heldBackBy?.name,
      problems: coverage.problems,
    },
  });
}

async function firstVms(app: App, plan: WritePlan, wanted: Wanted, limit: number): Promise<ListedVm[]> {
  const vms: ListedVm[] = [];
  for await (const vm of plannedVms(app, plan, wanted)) {
    if (vms.length === limit) break;
    vms.push(vm);
  }
  return vms;
}

async function* plannedVms(app: App, plan: WritePlan, wanted: Wanted): AsyncGenerator<ListedVm> {
  const subscriptions = subscriptionsOf(plan);
  for await (const page of listVms(app.clients, plan.coverage, app.settings, wanted, subscriptions))
    yield* page;
}
