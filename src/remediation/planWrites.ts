import type { App } from '../app.ts';
import { countWanted, type VmCount } from '../azure/inventory.ts';
import { type Coverage, resolveScopes } from '../azure/scopeResolution.ts';
import { GOAL_MISSING, GOAL_PRESENT } from '../azure/verdictsKql.ts';
import { type Makespan, makespan, type Work } from '../domain/makespan.ts';
import { fold } from '../domain/resourceId.ts';
import { danglingIdentities } from './danglingIdentities.ts';
import { type Plan, planSweep } from './plan.ts';
import { noteRenewals, type Problem, problemCollector } from './problems.ts';
import {
  type IdentityStep,
  type SurveyedIdentity,
  surveyIdentities,
  type VmsToWrite,
} from './surveyIdentities.ts';

/** How many writes of each kind. */
export interface Writes {
  readonly vms: number;
  readonly groups: number;
  readonly identities: number;
  readonly locks: number;
  readonly total: number;
}

/** Everything an assigning sweep would do now, and how long it would take at least. */
export interface WritePlan extends Plan {
  readonly coverage: Coverage;
  readonly identities: readonly SurveyedIdentity[];
  /** VMs without any identity, for which the goal identity becomes the default IMDS hands out. */
  readonly gainingDefault: number;
  readonly writes: Writes;
  readonly makespan: Makespan;
  /** Identities that VMs carry and that do not exist. */
  readonly dangling: readonly Problem[];
  /** What could not be asked, so that the plan may lack something. */
  readonly unread: readonly Problem[];
  /** How many sweeps MAX_ASSIGNMENTS_PER_SWEEP makes of it; 1 without. */
  readonly sweeps: number;
}

/**
 * Plans what a sweep with EFFECT=DeployIfNotExists would do, from Resource Graph and reads of locks. Reads no VM and
 * writes nothing. Throws ScopeError or AzureError.
 */
export async function planWrites(app: App): Promise<WritePlan> {
  const { clients, settings } = app;
  const coverage = await resolveScopes(clients, settings.scopes, settings.excludedScopes);
  const plan = await planSweep(app, coverage);
  // Those of VMs that need nothing count, too: they may have lost their lock.
  const surveyed = await surveyIdentities(app, [
    ...rowsWith(GOAL_MISSING, plan.counts),
    ...rowsWith(GOAL_PRESENT, plan.counts).map((row) => ({ ...row, vms: 0 })),
  ]);
  const identities = surveyed.filter((identity) => vmsOf(identity) > 0 || identity.steps.length > 0);
  const writes = countWrites(identities);
  const problems = problemCollector();
  noteRenewals(problems, plan);
  return {
    ...plan,
    coverage,
    identities,
    gainingDefault: await countWanted(
      clients,
      coverage,
      settings,
      { verdicts: [GOAL_MISSING], onlyUserAssigned: 0 },
      subscriptionsOf(plan),
    ),
    writes,
    makespan: makespan(workOf(identities), settings.capacityShare),
    dangling: await danglingIdentities(app, coverage, new Set(surveyed.map(({ goal }) => fold(goal)))),
    unread: problems.list(),
    sweeps: Math.max(1, Math.ceil(writes.vms / settings.maxAssignments)),
  };
}

function rowsWith(verdict: string, counts: readonly VmCount[]): VmsToWrite[] {
  return counts
    .filter((row) => row.verdict === verdict)
    .map(({ subscriptionId, location, total }) => ({ subscriptionId, location, vms: total }));
}

/** The subscriptions with VMs to write. */
export function subscriptionsOf({ regions }: Pick<Plan, 'regions'>): string[] {
  return [...new Set(regions.flatMap((region) => region.subscriptions.map((row) => row.subscriptionId)))];
}

/** How many VMs are to get an identity. */
export function vmsOf({ work }: SurveyedIdentity): number {
  return work.reduce((sum, { vms }) => sum + vms, 0);
}

/** False where the identity is brought and missing: its VMs are not written. */
export function canBeGiven({ steps }: SurveyedIdentity): boolean {
  return !steps.includes('bring identity');
}

function countWrites(identities: readonly SurveyedIdentity[]): Writes {
  const has = (step: IdentityStep) => identities.filter(({ steps }) => steps.includes(step)).length;
  const writes = {
    vms: identities.filter(canBeGiven).reduce((sum, identity) => sum + vmsOf(identity), 0),
    groups: has('create group'),
    identities: has('create identity'),
    locks: has('lock identity'),
  };
  return { ...writes, total: writes.vms + writes.groups + writes.identities + writes.locks };
}

function workOf(identities: readonly SurveyedIdentity[]): Work[] {
  return identities
    .filter(canBeGiven)
    .flatMap(({ work, steps }) =>
      work.map((row, index) => ({ ...row, otherWrites: index === 0 ? steps.length : 0 })),
    );
}
