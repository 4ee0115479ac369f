import { randomUUID } from 'node:crypto';
import { counting } from '../azure/callContext.ts';
import { rulesQuery } from '../azure/inventory.ts';
import { count, outcome } from '../domain/outcome.ts';
import type { Log } from '../log.ts';
import type { RegionMessage } from '../queues.ts';
import { nextTime } from '../schedule.ts';
import { goalIdentities } from './goalIdentities.ts';
import { relockIdentities } from './identityLocks.ts';
import { whyNothingSeen } from './nothingSeen.ts';
import { planSweep } from './plan.ts';
import { tellOfPoison } from './poison.ts';
import { shuffle } from './portions.ts';
import { noteRenewals, noticingUnlocked, problemCollector } from './problems.ts';
import { recordSweep } from './recording.ts';
import type { Shared } from './shared.ts';
import { makeSweepReport } from './sweepReport.ts';

/**
 * Begins a sweep: counts every VM in scope in Resource Graph, writes the compliance report, and returns one message for
 * each region that has work, the one with most first; in any order where MAX_ASSIGNMENTS_PER_SWEEP is set. Reads no VM, and
 * writes nothing to Azure but locks that are gone. Without leave to write (R7) there are no messages, and not even those.
 * The messages carry `traceparent`, so that the work belongs to the operation of the sweep.
 * Throws ScopeError or AzureError when the tenant cannot be counted.
 */
export async function startSweep(shared: Shared, log: Log, traceparent?: string): Promise<RegionMessage[]> {
  const { app, coverage, telemetry } = shared;
  const { settings, clock, clients } = app;
  const { effect } = settings.policy;
  telemetry.event('Heartbeat', { effect }, {});
  await tellOfPoison(shared, log);
  if (effect === 'Disabled') {
    log.info('Nothing swept: EFFECT is Disabled');
    return [];
  }
  const sweepId = randomUUID();
  const startedAt = clock.now();
  const nextAt = () => new Date(nextTime(settings.sweepSchedule, clock.now())).toISOString();
  const problems = problemCollector();
  const { covered, plan, counts, relocked } = await counting(async (counts) => {
    const covered = await coverage();
    const plan = await planSweep(app, covered);
    const identities = noticingUnlocked(goalIdentities({ clients, settings }), problems);
    return {
      covered,
      plan,
      counts,
      relocked: await relockIdentities(app, plan.counts, identities, problems),
    };
  });
  const { regions, tally, renewals } = plan;
  for (const problem of covered.problems) log.warn('A scope cannot be worked on', { sweepId, ...problem });
  const blind = plan.counts.length === 0 ? await whyNothingSeen(app, covered) : undefined;
  if (blind) log.error('No virtual machine is seen', { sweepId, ...blind });
  noteRenewals(problems, plan);
  for (const goal of relocked) log.warn('Identity locked again: it had lost its lock', { sweepId, goal });
  for (const problem of problems.list()) log.error('Something needs a person', { sweepId, ...problem });
  const now = clock.now();
  recordSweep(telemetry, 'sweep', {
    ...{ sweepId, effect, until: nextAt(), plan, counts, now, durationMs: now - startedAt },
    rules: rulesQuery(covered, settings.policy, settings.excludedScopes),
    unreadableScopes: covered.problems.length,
  });
  const missing = regions.reduce((sum, { total }) => sum + total, 0);

  if (effect === 'AuditIfNotExists' && missing > 0) count(tally, outcome('deferred', 'audit-only'), missing);
  const sweep = { id: sweepId, nextAt: nextAt() };
  await makeSweepReport(app, { coverage: covered, plan, problems: problems.list(), sweep }, log);
  // Counting and the report take their time: what is left of it belongs to the regions.
  const until = nextAt();
  let left = settings.maxAssignments;
  // With a limit, the region with most work would get all of it in every sweep, even where none of its VMs can be written.
  const inTurn = Number.isFinite(left) ? shuffle(regions, app.random) : regions;
  const messages: RegionMessage[] = [];
  for (const { location, total } of effect === 'DeployIfNotExists' ? inTurn : []) {
    const limit = Math.min(left, total);
    if (limit === 0) continue;
    left -= limit;
    messages.push({
      ...{ version: 1, location, until, sweepId },
      ...(Number.isFinite(left) && { limit }),
      ...(traceparent !== undefined && { traceparent }),
    });
  }
  log.info('Sweep begun', {
    ...{ sweepId, until, effect, goalMissing: missing, renewals },
    ...{ regions: messages.length, tally },
  });
  return messages;
}
