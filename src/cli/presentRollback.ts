import type { RollbackPlan } from '../remediation/rollback.ts';
import type { Settings } from '../settings.ts';
import { durationText, vmsText } from './output.ts';
import { reasonsTable } from './present.ts';
import { stdoutWidth, table } from './table.ts';

/** Said before anything is removed, and in the help. */
export const WARNING =
  'First set EFFECT of the app to AuditIfNotExists or Disabled: as long as it is DeployIfNotExists, its timer, and the\nevents that these removals cause, assign the identity again.';

/** What a rollback would do, for people. `vms` are rows for the first of its VMs. */
export function rollbackPlanText(
  settings: Settings,
  plan: RollbackPlan,
  vms: readonly (readonly string[])[],
): string {
  const { coverage, regions, total, tally, losingDefault, gainingDefault, makespan } = plan;
  const width = stdoutWidth();
  const bySubscription = Map.groupBy(
    regions.flatMap(({ subscriptions }) => subscriptions),
    ({ subscriptionId }) => coverage.subscriptionNames.get(subscriptionId) ?? subscriptionId,
  );
  const counts = [...bySubscription].map(([name, rows]) => [
    name,
    String(rows.reduce((sum, row) => sum + row.vms, 0)),
  ]);
  const more = total - vms.length;
  return [
    'VMs that carry their goal identity',
    total === 0 ? '  None.' : table([['Subscription', 'VMs'], ...counts, ['All', String(total)]], width),
    '',
    ...(vms.length === 0
      ? []
      : [
          'VMs it would be taken from',
          table([['VM', 'Region', 'Has now', 'Would do', 'Default'], ...vms], width),
          ...(more > 0 ? [`  … and ${more} more; --limit shows more of them, --json all.`] : []),
          '',
        ]),
    'Default identity (what IMDS hands out to programs that name none)',
    `  Lost, since the goal identity is the only one: ${vmsText(losingDefault)}. Programs there that name none can no longer sign in.`,
    `  Gained, since one other identity is left: ${vmsText(gainingDefault)}.`,
    '',
    'Left alone',
    reasonsTable(tally, width),
    '',
    ...(total === 0
      ? ['Nothing to write.']
      : [
          `Writes: ${total}. At Azure's pace ${makespan.heldBackBy ? `at least ${durationText(makespan.seconds)}` : 'within a minute'}.`,
          settings.policy.effect === 'DeployIfNotExists' ? `! ${WARNING}` : WARNING,
          'Nothing was written. Run it with --yes to do it.',
        ]),
    ...coverage.problems.map(({ scope, message, next }) => `✗ ${scope} ${message}\n    → ${next}`),
  ].join('\n');
}
