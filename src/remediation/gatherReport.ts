import type { App } from '../app.ts';
import { clouds } from '../azure/clouds.ts';
import { GOAL_MISSING } from '../azure/verdictsKql.ts';
import { goalIdentity } from '../domain/goalIdentity.ts';
import { fold } from '../domain/resourceId.ts';
import type { Log } from '../log.ts';
import { makeReport, type ReportFacts } from '../report/makeReport.ts';
import type { Report, ReportSettings } from '../report/report.ts';
import type { Settings } from '../settings.ts';
import { listForReport, type ReportListing } from './listForReport.ts';
import type { Problem } from './problems.ts';
import { readHistory, readNotes } from './reportBlobs.ts';

/** What a report is to be made of. */
export interface ReportOrder extends ReportListing {
  /** The sweep that makes it, and when the next one begins; absent when a person asks. */
  readonly sweep?: { readonly id: string; readonly nextAt: string };
  /** What it found besides VMs. */
  readonly problems?: readonly Problem[];
}

/**
 * Gathers what a report is made of and makes it: one more paged query for the VMs to list, none where there are none,
 * and what earlier runs left in storage. Storage that cannot be read is logged, and the report made without it.
 * Throws AzureError when Resource Graph cannot be read.
 */
export async function gatherReport(app: App, order: ReportOrder, log: Log): Promise<Report> {
  const { settings, clock, reports } = app;
  const now = clock.now();
  const { listed, unlisted } = await listForReport(app, order);
  const lacking = listed.filter(({ verdict }) => verdict === GOAL_MISSING).map(({ vm }) => fold(vm.id));
  const notes = reports && (await readNotes(reports, new Set(lacking), log));
  const history = reports && (await readHistory(reports, log));
  const facts: ReportFacts = {
    now,
    ...(order.sweep && { sweep: order.sweep }),
    settings: reportSettings(settings),
    policy: settings.policy,
    counts: order.plan.counts,
    subscriptionNames: order.coverage.subscriptionNames,
    listed,
    unlisted,
    scopeProblems: order.coverage.problems,
    sweepProblems: order.problems ?? [],
    notes,
    history,
  };
  return makeReport(facts);
}

function reportSettings({ scopes, excludedScopes, policy, cloud }: Settings): ReportSettings {
  const { exclusionTag, identity, effect, singleIdentityRule, includeManagedGroups } = policy;
  const tag = exclusionTag && [exclusionTag.name, exclusionTag.value].filter((part) => part !== undefined);
  return {
    scopes: scopes.map(({ id }) => id),
    excludedScopes: excludedScopes.map(({ id }) => id),
    ...(tag && { exclusionTag: tag.join('=') }),
    effect,
    identityMode: identity.kind,
    goal: goalIdentity(identity, { subscriptionId: '{subscription}', location: '{region}' }),
    singleIdentityRule,
    includeManagedGroups,
    portal: clouds[cloud].portal,
  };
}
