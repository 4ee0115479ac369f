import { randomUUID } from 'node:crypto';
import { count, outcome } from '../domain/outcome.ts';
import type { Log } from '../log.ts';
import type { RegionMessage } from '../queues.ts';
import { nextTime } from '../schedule.ts';
import { whyNothingSeen } from './nothingSeen.ts';
import { planSweep } from './plan.ts';
import type { Shared } from './shared.ts';
import { makeSweepReport } from './sweepReport.ts';

/**
 * Begins a sweep: counts every VM in scope in Resource Graph, writes the compliance report, and returns one message for
 * each region that has work, the one with most first. Reads no VM and writes none. Without leave to write (R7) there are no messages.
 * Throws ScopeError or AzureError when the tenant cannot be counted at all.
 */
export async function startSweep({ app, coverage }: Shared, log: Log): Promise<RegionMessage[]> {
  const { settings, clock } = app;
  const { effect } = settings.policy;
  if (effect === 'Disabled') {
    log.info('Nothing swept: EFFECT is Disabled');
    return [];
  }
  const sweepId = randomUUID();
  const until = new Date(nextTime(settings.sweepSchedule, clock.now())).toISOString();
  const covered = await coverage();
  for (const problem of covered.problems) log.warn('A scope cannot be worked on', { sweepId, ...problem });
  const { counts, regions, tally } = await planSweep(app, covered);
  const blind = counts.length === 0 ? await whyNothingSeen(app, covered) : undefined;
  if (blind) log.error('No virtual machine is seen', { sweepId, ...blind });
  const missing = regions.reduce((sum, { total }) => sum + total, 0);

  let left = settings.maxAssignments;
  const messages: RegionMessage[] = [];
  for (const { location, total } of effect === 'DeployIfNotExists' ? regions : []) {
    const limit = Math.min(left, total);
    if (limit === 0) continue;
    left -= limit;
    messages.push({ version: 1, location, until, sweepId, ...(Number.isFinite(left) && { limit }) });
  }
  if (effect === 'AuditIfNotExists' && missing > 0) count(tally, outcome('deferred', 'audit-only'), missing);
  await makeSweepReport(app, { coverage: covered, counts, sweep: { id: sweepId, nextAt: until } }, log);
  log.info('Sweep begun', { sweepId, until, effect, goalMissing: missing, regions: messages.length, tally });
  return messages;
}
