import { type Counts, counting } from '../azure/callContext.ts';
import { type AzureError, toAzureError } from '../azure/errors.ts';
import { count, emptyTally, isPassing } from '../domain/outcome.ts';
import type { Log } from '../log.ts';
import type { RegionMessage } from '../queues.ts';
import { noteTaker } from '../report/regionNotes.ts';
import { contestHistory } from './contests.ts';
import { failureReason, goalIdentities } from './goalIdentities.ts';
import { planSweep } from './plan.ts';
import {
  noteRenewals,
  noticingUnlocked,
  noticingUnread,
  problemCollector,
  regionUnread,
} from './problems.ts';
import { recordRegion, recordVm } from './recording.ts';
import { remediateRegion } from './region.ts';
import { keepNotes } from './reportBlobs.ts';
import type { Shared } from './shared.ts';
import { writeLimit } from './writeLimit.ts';
import type { RegionEnd } from './writeRegion.ts';

/**
 * How long one run works on a region, in ms. Well below the function timeout of host.json (30 minutes), and below the
 * 10 minutes that Functions leaves to what runs when the platform is updated (azure-facts, section 9).
 */
export const REGION_BUDGET_MS = 8 * 60_000;

/** How a message is handed over. */
export interface Delivery {
  /** True when it was handed over before, so that a run may have ended in the middle. */
  readonly redelivered: boolean;
  /** How long this run may work, in ms. Default `REGION_BUDGET_MS`. */
  readonly budgetMs?: number;
}

/**
 * Works on the region of a message until it is done, the message's `until` has passed or the run's time is spent.
 * Returns the message to go on with, or undefined when the chain ends here. VMs that failed are logged, one error for
 * each cause; they do not make the run fail. Throws AzureError only where the message should be tried again; other causes
 * are logged, and left to the next sweep.
 */
export function workRegion(
  shared: Shared,
  message: RegionMessage,
  log: Log,
  delivery: Delivery,
): Promise<RegionMessage | undefined> {
  return counting((counts) => work(shared, message, log, delivery, counts));
}

async function work(
  shared: Shared,
  message: RegionMessage,
  log: Log,
  delivery: Delivery,
  counts: Counts,
): Promise<RegionMessage | undefined> {
  const { app, telemetry } = shared;
  const startedAt = app.clock.now();
  const { sweepId, location } = message;
  const about = { sweepId, location };
  const endsAt = Date.parse(message.until);
  const stopAt = Math.min(endsAt, app.clock.now() + (delivery.budgetMs ?? REGION_BUDGET_MS));
  const isLate = app.clock.now() >= endsAt;
  if (isLate || app.settings.policy.effect !== 'DeployIfNotExists') {
    const { until } = message;
    if (isLate && message.looked === undefined) {
      log.warn('Region left to the next sweep: its time was over before it was begun', { ...about, until });
    } else log.info('Region left to the next sweep', { ...about, until });
    return undefined;
  }
  if (message.limit !== undefined && delivery.redelivered) {
    // What the broken run assigned is not known, and a limit that does not hold is none.
    log.warn('Region left to the next sweep: a run with a limit broke off', {
      ...about,
      limit: message.limit,
    });
    return undefined;
  }

  const tally = emptyTally();
  const problems = problemCollector();
  const notes = noteTaker({ sweepId, location }, () => app.clock.now());
  const limit = writeLimit(message.limit ?? Number.POSITIVE_INFINITY);
  let unread: AzureError | undefined;
  let end: RegionEnd = { cut: false, looked: message.looked ?? 0, failed: message.failed ?? 0 };
  try {
    const coverage = await shared.coverage();
    const plan = await planSweep(app, coverage, location);
    noteRenewals(problems, plan);
    const identities = noticingUnlocked(goalIdentities(app), problems);
    const contests = contestHistory(app, coverage, noticingUnread(problems));
    const { exclusive } = shared;
    const context = { app, scopes: coverage.scopes, identities, contests, exclusive };
    for (const work of plan.regions) {
      end = await remediateRegion(context, coverage, work, {
        before: end,
        limit,
        stopped: () => app.clock.now() >= stopAt,
        onVm: (report) => {
          count(tally, report.outcome);
          recordVm(telemetry, report, { trigger: 'sweep', sweepId });
          problems.addFailure(report);
          notes.add(report);
        },
      });
    }
    unread = end.unread;
  } catch (error) {
    unread = toAzureError(error);
  }
  const mayPass = unread !== undefined && isPassing(failureReason(unread));
  if (unread && !mayPass) problems.add(regionUnread(location, unread));
  await keepNotes(app, location, notes, problems.list(), log);

  for (const problem of problems.list()) {
    log.error(problem.vms > 0 ? 'VMs failed' : 'Something needs a person', { ...about, ...problem });
  }
  const { cut, looked, failed } = end;
  const left = limit.left();
  const goesOn = cut && left > 0 && app.clock.now() < endsAt;
  recordRegion(telemetry, 'sweep', {
    ...{ ...about, goesOn, tally, counts },
    durationMs: app.clock.now() - startedAt,
  });
  log.info('Region worked on', { ...about, goesOn, tally });
  if (mayPass && !goesOn) throw unread;
  return goesOn
    ? { ...message, looked, failed, ...(message.limit !== undefined && { limit: left }) }
    : undefined;
}
