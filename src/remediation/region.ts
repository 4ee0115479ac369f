import type { Coverage } from '../azure/scopeResolution.ts';
import { GOAL_MISSING } from '../azure/verdictsKql.ts';
import { renewalIds, vmIds } from '../azure/vmLists.ts';
import { outcome } from '../domain/outcome.ts';
import { managerLookup } from './managers.ts';
import { type Remediation, startRemediation } from './vm.ts';
import { type RegionEnd, type RegionRun, type RegionWork, writeRegion } from './writeRegion.ts';

/**
 * Remediates the VMs of one region that lack their goal identity, within the limits of the run.
 */
export function remediateRegion(
  context: Remediation,
  coverage: Coverage,
  work: RegionWork,
  run: RegionRun,
): Promise<RegionEnd> {
  const { clients, settings, random } = context.app;
  const { location, renewing } = work;
  const managerOf = managerLookup(context.app);

  async function* pages(subscriptions: readonly string[], counted: number) {
    const wanted = { verdicts: [GOAL_MISSING], location };
    yield* vmIds(clients, coverage, settings, wanted, subscriptions, counted, random);
    if (renewing) yield* renewalIds(clients, coverage, settings, location, subscriptions, random);
  }

  return writeRegion(context.app, work, run, {
    pages,
    heldBack: settings.policy.effect === 'AuditIfNotExists' ? outcome('deferred', 'audit-only') : undefined,
    start: (found) =>
      startRemediation(context, { vm: found.vm, location, groupManagedBy: () => managerOf(found) }),
  });
}
