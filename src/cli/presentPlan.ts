import type { ListedVm } from '../azure/vmLists.ts';
import { goalIdentity } from '../domain/goalIdentity.ts';
import { defaultChange, withGoal } from '../domain/imdsDefault.ts';
import { fold, parseIdentityId } from '../domain/resourceId.ts';
import { identityText } from '../domain/rules.ts';
import { canBeGiven, vmsOf, type WritePlan } from '../remediation/planWrites.ts';
import type { SurveyedIdentity } from '../remediation/surveyIdentities.ts';
import type { Settings } from '../settings.ts';
import { complianceOf } from './compliance.ts';
import { durationText, vmsText } from './output.ts';
import { complianceTable, problemsText, reasonsTable } from './present.ts';
import { stdoutWidth, table } from './table.ts';

const IDENTITIES_SHOWN = 50;

/** The plan for people: `gaining` and `vms` are the first of the VMs that get a default identity, and of all. */
export function planText(
  settings: Settings,
  plan: WritePlan,
  gaining: readonly ListedVm[],
  vms: readonly ListedVm[],
): string {
  const { coverage, writes, tally } = plan;
  const problems = [...plan.unread, ...plan.dangling];
  const width = stdoutWidth();
  const single = tally.compliant['single-identity'] ?? 0;
  const names = coverage.subscriptionNames;
  return [
    'By subscription',
    complianceTable(complianceOf(plan.counts, names)),
    '',
    'By identity',
    identityTable(plan.identities, names, width),
    '',
    'VMs that would be written',
    vmTable(vms, writes.vms - plan.renewals, settings, width),
    ...(plan.renewals > 0
      ? [`  and ${vmsText(plan.renewals)} whose goal identity was deleted, to be given the new one.`]
      : []),
    '',
    'Default identity (what IMDS hands out to programs that name none)',
    '  No VM loses its default identity, and none gets another one.',
    `  Left alone because a second identity would take the default away (single-identity): ${vmsText(single)}.`,
    `  Without any identity, so that the new one becomes the default: ${vmsText(plan.gainingDefault)}. Harmless, unless a`,
    '  program there tries a managed identity first and goes on without one: it will now be somebody.',
    ...(gaining.length > 0 ? [vmTable(gaining, plan.gainingDefault, settings, width)] : []),
    '',
    'Left alone',
    reasonsTable(tally, width),
    '',
    ...costLines(settings, plan),
    ...coverage.problems.map(({ scope, message, next }) => `✗ ${scope} ${message}\n    → ${next}`),
    ...(problems.length > 0 ? ['', problemsText(problems)] : []),
  ].join('\n');
}

function identityTable(
  identities: readonly SurveyedIdentity[],
  names: ReadonlyMap<string, string>,
  width: number,
): string {
  if (identities.length === 0) return '  None needed: no VM lacks its identity.';
  const rows = identities
    .slice(0, IDENTITIES_SHOWN)
    .map((identity) => [
      subscriptionOf(identity, names),
      identity.goal.split('/').at(-1) ?? '',
      identity.exists ? 'exists' : 'missing',
      lockText(identity),
      String(vmsOf(identity)),
      canBeGiven(identity)
        ? [...identity.steps, ...(vmsOf(identity) > 0 ? ['assign'] : [])].join(', ')
        : 'nothing: it is brought by you, create it first',
    ]);
  const more = identities.length - rows.length;
  return [
    table([['Subscription', 'Identity', 'State', 'Lock', 'VMs', 'Would do'], ...rows], width),
    ...(more > 0 ? [`  … and ${more} more; --json lists all.`] : []),
  ].join('\n');
}

function subscriptionOf({ goal }: SurveyedIdentity, names: ReadonlyMap<string, string>): string {
  const { subscriptionId = goal } = parseIdentityId(goal) ?? {};
  return names.get(fold(subscriptionId)) ?? subscriptionId;
}

function lockText({ locked, steps }: SurveyedIdentity): string {
  if (locked === undefined) return '–';
  return locked ? 'locked' : steps.includes('lock identity') ? 'missing' : '–';
}

function vmTable(vms: readonly ListedVm[], total: number, settings: Settings, width: number): string {
  if (vms.length === 0) return '  None.';
  const rows = vms.map(({ vm, location, identity }) => {
    const goal = goalIdentity(settings.policy.identity, { ...vm, location });
    return [
      vm.id,
      location,
      identityText(identity),
      `add ${goal.split('/').at(-1)}`,
      defaultChange(identity, withGoal(identity, goal)),
    ];
  });
  const more = total - rows.length;
  return [
    table([['VM', 'Region', 'Has now', 'Would do', 'Default'], ...rows], width),
    ...(more > 0 ? [`  … and ${more} more; --limit shows more of them, --json all.`] : []),
  ].join('\n');
}

function costLines({ policy, capacityShare, maxAssignments }: Settings, plan: WritePlan): string[] {
  const { vms, groups, identities, locks, total } = plan.writes;
  if (total === 0) return ['Nothing to write.'];
  const { seconds, heldBackBy } = plan.makespan;
  const share = capacityShare < 1 ? `, of which ${Math.round(capacityShare * 100)} % are ours` : '';
  const pace = heldBackBy
    ? `at least ${durationText(seconds)}, held back by ${heldBackBy.name} (${heldBackBy.size} at once, then ${heldBackBy.refill.toFixed(1)}/s${share})`
    : 'within a minute: it fits what Azure lets through at once';
  return [
    `Writes: ${total}, for ${vmsText(vms)}, with groups to create: ${groups}, identities: ${identities}, locks: ${locks}. At Azure's pace ${pace}.`,
    ...(Number.isFinite(maxAssignments) && plan.sweeps > 1
      ? [`MAX_ASSIGNMENTS_PER_SWEEP is ${maxAssignments}, so that it takes ${plan.sweeps} sweeps.`]
      : []),
    policy.effect === 'DeployIfNotExists'
      ? 'The next sweep does this: vm-identity sweep, or the timer of the app.'
      : `EFFECT is ${policy.effect}: nothing of this is done until it is DeployIfNotExists.`,
  ];
}
