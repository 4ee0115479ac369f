import { Command, InvalidArgumentError } from 'commander';
import { createApp } from '../app.ts';
import { contestText } from '../domain/contest.ts';
import { needsPerson, nextStep, reasonText } from '../domain/outcome.ts';
import { printable } from '../domain/printable.ts';
import { fold, parseVmId, type ResourceId } from '../domain/resourceId.ts';
import { identityText } from '../domain/rules.ts';
import { type Explanation, explainVm, type GoalFacts } from '../remediation/explainVm.ts';
import { exitCodes } from './exitCodes.ts';
import { print, printJson } from './output.ts';
import { stdoutWidth, table } from './table.ts';

/** `vm-identity explain`. */
export function explainCommand(): Command {
  return new Command('explain')
    .description('say of one VM what is decided about it, rule by rule, and why; writes nothing')
    .argument('<vm id>', 'the ARM id of a virtual machine', vmId)
    .option('--json', 'print one JSON line')
    .addHelpText(
      'after',
      `
The VM, its group, the goal identity and its locks are read fresh, and Resource Graph is asked what it knows.

Example:
  vm-identity explain /subscriptions/…/resourceGroups/rg-app/providers/Microsoft.Compute/virtualMachines/vm-1`,
    )
    .action(async (vm: ResourceId, options: { json?: boolean }) => {
      const explanation = await explainVm(createApp(process.env), vm);
      if (options.json) printJson(jsonOf(explanation));
      else print(textOf(explanation));
      const { verdict } = explanation;
      process.exitCode = verdict && needsPerson(verdict) ? exitCodes.someFailed : exitCodes.done;
    });
}

function vmId(text: string): ResourceId {
  const vm = parseVmId(text);
  if (vm) return vm;
  throw new InvalidArgumentError(
    'Expected /subscriptions/{guid}/resourceGroups/{name}/providers/Microsoft.Compute/virtualMachines/{name}.',
  );
}

function textOf(explanation: Explanation): string {
  const { vm, facts, rules, verdict, dangling, nextSweep } = explanation;
  const first = rules.findIndex(({ holds }) => holds);
  const answer = (holds: boolean | undefined) => (holds === undefined ? '?' : holds ? 'yes' : 'no');
  const rows = rules.map(({ reason, holds, saw }, index) => [
    `${index === first ? '→' : ' '} ${reason}`,
    answer(holds),
    saw,
  ]);
  const next = nextOf(explanation);
  return [
    vm.id,
    facts
      ? `  in ${facts.location}, ${facts.provisioningState}, with ${identityText(facts.identity)}`
      : '  could not be read',
    ...(facts?.identity.userAssigned ?? []).map((id) =>
      dangling.includes(fold(id))
        ? `    ${id}: does not exist, so that writes that name it fail`
        : `    ${id}`,
    ),
    '',
    'Rules, in order: the first that holds decides',
    ...table([['  Reason to leave it alone', 'Holds', 'Because'], ...rows], stdoutWidth()).split('\n'),
    '',
    verdict
      ? `Verdict          ${verdict.outcome} (${verdict.reason}). ${verdict.detail ?? reasonText(verdict).meaning}`
      : 'Verdict          it lacks its goal identity, which is to be assigned',
    `Goal identity    ${goalText(explanation.goal)}`,
    `Resource Graph   ${graphText(explanation)}`,
    ...(explanation.contest ? [`Contested        ${contestText(explanation.contest)}`] : []),
    `The next sweep   ${nextSweep}`,
    ...(next === '' ? [] : [`Next step        ${next}`]),
  ]
    .map(printable)
    .join('\n');
}

function goalText(goal: GoalFacts | undefined): string {
  if (!goal) return 'not known without the location of the VM';
  if (goal.exists === undefined) return `${goal.id}: not known whether it exists, ${goal.unknownBecause}`;
  if (!goal.exists) return `${goal.id}: does not exist`;
  return `${goal.id}: exists, ${goal.locked ? 'locked' : 'not locked'}`;
}

function graphText({ graph, facts, graphIsCurrent }: Explanation): string {
  if (!graph) return 'does not know the VM, or the VM is out of scope';
  const shown = `${graph.provisioningState}, ${identityText(graph.identity)}`;
  if (!facts) return `says ${graph.verdict} (${shown})`;
  return graphIsCurrent
    ? `says ${graph.verdict}, and shows the VM as it is`
    : `says ${graph.verdict}, and is behind: it shows the VM as ${shown}`;
}

function nextOf({ vm, verdict, goal }: Explanation): string {
  return verdict ? nextStep(verdict, vm, goal?.id ?? '') : '';
}

function jsonOf(explanation: Explanation) {
  const { vm, facts, graph, verdict, ...rest } = explanation;
  const next = nextOf(explanation);
  return {
    id: vm.id,
    ...(verdict ?? { outcome: 'assign' }),
    ...(facts && {
      location: facts.location,
      provisioningState: facts.provisioningState,
      groupManagedBy: facts.groupManagedBy,
      tags: facts.tags,
      identity: facts.identity,
    }),
    ...rest,
    ...(graph && {
      graph: { verdict: graph.verdict, provisioningState: graph.provisioningState, identity: graph.identity },
    }),
    ...(next !== '' && { next }),
  };
}
