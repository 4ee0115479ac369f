import type { App } from '../app.ts';
import { toAzureError } from '../azure/errors.ts';
import { readVm, type VmReading } from '../azure/virtualMachines.ts';
import { contestText } from '../domain/contest.ts';
import { type Decision, decide, reasonNotToRead } from '../domain/decide.ts';
import { goalIdentity } from '../domain/goalIdentity.ts';
import { identityPatch } from '../domain/identityPatch.ts';
import { type Outcome, outcome } from '../domain/outcome.ts';
import { fold, type ResourceId } from '../domain/resourceId.ts';
import { carries, isDead } from '../domain/rules.ts';
import type { ResolvedScopes } from '../domain/scopes.ts';
import { type Change, changeIdentity, outcomeOfError } from './changeIdentity.ts';
import type { Contests } from './contests.ts';
import type { Exclusive } from './exclusive.ts';
import type { GoalIdentities, ReadyIdentity } from './goalIdentities.ts';
import type { Gap } from './preflight.ts';

/** What remediating VMs needs: the app, the scopes as resolved now, and the goal identities seen to so far. */
export interface Remediation {
  readonly app: App;
  readonly scopes: ResolvedScopes;
  readonly identities: GoalIdentities;
  readonly contests: Contests;
  /** Keeps two looks at the same VM in this process apart, as those of an event and of the sweep may be. */
  readonly exclusive: Exclusive;
}

/** A VM to look at, with what is known of it besides its id. */
export interface Candidate {
  readonly vm: ResourceId;
  /** Where it is; undefined when nothing but its id is known, so that it is read first. */
  readonly location: string | undefined;
  /** Tells `managedBy` of its resource group; empty when nobody manages it. Rejects with AzureError. */
  groupManagedBy(): Promise<string>;
}

/** What is known of a VM once it was looked at. */
export interface Known {
  readonly vm: ResourceId;
  /** Empty when the VM was not read and nothing was known of it but its id; `goal` likewise. */
  readonly location: string;
  readonly goal: string;
}

/** How the look at one VM ended. */
export interface VmReport extends Known {
  readonly outcome: Outcome;
  /** How many times a write was tried. */
  readonly attempts: number;
  /** From the first look to the end, in ms; absent when it was not looked at. */
  readonly durationMs?: number;
}

/** Either the end, or an accepted write still to be confirmed. */
export type Started =
  | { readonly state: 'ended'; readonly report: VmReport }
  | { readonly state: 'accepted'; readonly confirm: () => Promise<VmReport> };

/**
 * Reads the VM, decides, and if need be sends the write; returns once Azure accepted it, so that confirming holds up
 * nobody. A VM out of scope is not even read. Never throws: everything that can go wrong is an outcome.
 */
export function startRemediation(context: Remediation, candidate: Candidate): Promise<Started> {
  const { app, exclusive } = context;
  return timed(app, () => exclusive(fold(candidate.vm.id), () => lookAt(context, candidate)));
}

/** Begins with one VM, and has its report say how long it took, from now to its end. */
export async function timed({ clock }: Pick<App, 'clock'>, start: () => Promise<Started>): Promise<Started> {
  const startedAt = clock.now();
  const withTime = (report: VmReport): VmReport => ({ ...report, durationMs: clock.now() - startedAt });
  const started = await start();
  if (started.state === 'ended') return { ...started, report: withTime(started.report) };
  return { ...started, confirm: async () => withTime(await started.confirm()) };
}

/** Remediates one VM from start to confirmed end. Never throws. */
export async function remediateVm(context: Remediation, candidate: Candidate): Promise<VmReport> {
  const started = await startRemediation(context, candidate);
  return started.state === 'ended' ? started.report : started.confirm();
}

async function lookAt(context: Remediation, candidate: Candidate): Promise<Started> {
  const { app, scopes, identities, contests } = context;
  const { policy } = app.settings;
  const { vm } = candidate;
  let location = candidate.location ?? '';
  let goal = candidate.location === undefined ? '' : goalIdentity(policy.identity, { ...vm, location });
  const end = (result: Outcome, attempts = 0): Started => ({
    state: 'ended',
    report: { vm, location, goal, outcome: result, attempts },
  });
  try {
    const unread = reasonNotToRead(vm, policy, scopes);
    if (unread) return end(unread);
    // Where the query has found the VM already, what keeps its whole subscription is asked before anything of its own.
    const found = candidate.location !== undefined && policy.effect === 'DeployIfNotExists';
    const gap = found ? await identities.lookBefore(goal, { ...vm, location }) : undefined;
    if (gap) return end(outcomeOfGap(gap));
    const groupManagedBy = await candidate.groupManagedBy();
    const decideReading = ({ facts }: VmReading, goalPrincipal?: string) =>
      decide({ ...facts, groupManagedBy }, policy, scopes, goalPrincipal);
    let first: { readonly reading: VmReading; readonly at: number } | undefined;
    // Without leave to write, not even the goal identity may be made: read and decide, nothing more.
    if (!found) {
      const at = app.clock.now();
      const reading = await readVm(app.clients, vm);
      first = { reading, at };
      const decision = decideReading(reading);
      location = reading.facts.location;
      goal = decision.goal;
      if (decision.action === 'leave') return end(decision.outcome);
    }
    const contest = await contests.of(vm, goal);
    if (contest && app.clock.now() < contest.until) {
      return end(outcome('deferred', 'contested', contestText(contest)));
    }
    const identity = await identities.ensure(goal, { ...vm, location });
    if (identity.state === 'failed') return end(outcomeOfGap(identity));
    const known = { vm, location, goal };
    const change = assigning(known, decideReading, identity);
    return await identity.admit(async () => {
      const refusal = identity.refusal(vm.subscriptionId);
      if (refusal) return end(outcomeOfGap(refusal));
      const started = await changeIdentity(app, known, change, first);
      const result = started.state === 'ended' ? started.report.outcome : undefined;
      if (result?.reason === 'identity-forbidden') {
        identity.refuse(vm.subscriptionId, { detail: '', ...result });
      }
      return started;
    });
  } catch (error) {
    return end(outcomeOfError(app, vm, toAzureError(error)));
  }
}

/** The change that adds the goal identity and can do nothing else (R9). */
function assigning(
  known: Known,
  decideReading: (reading: VmReading, goalPrincipal: string) => Decision,
  identity: ReadyIdentity,
): Change {
  const { goal } = known;
  const { fresh, principal, renewal } = identity;
  let renewing = false;
  return {
    decide(reading) {
      const decision = decideReading(reading, principal);
      if (decision.action === 'leave') return { end: decision.outcome };
      // The location decides the goal; a VM deleted and made again elsewhere is the next sweep's.
      if (fold(decision.goal) !== fold(goal)) return { end: outcome('excluded', 'vm-gone') };
      renewing = carries(reading.facts.identity, goal);
      if (renewing && renewal.inVain) return { end: outcome('failed', 'identity-dead') };
      return { patch: identityPatch(reading.facts.identity, goal) };
    },
    // A new identity takes some seconds to be visible everywhere, and until then is refused like one that does not
    // exist; one known of old gets a single second chance.
    mayPass({ kind }, attempt) {
      const unseen = kind === 'identity-not-ready' || kind === 'identity-forbidden';
      return unseen && (fresh || attempt === 1);
    },
    confirmed({ facts }) {
      if (!carries(facts.identity, goal)) return outcome('failed', 'not-kept');
      if (isDead(facts.identity, goal, principal)) {
        renewal.inVain = true;
        return outcome('failed', 'identity-dead');
      }
      return outcome('assigned', renewing ? 'goal-renewed' : 'goal-added');
    },
  };
}

function outcomeOfGap({ reason, detail, next }: Gap): Outcome {
  return outcome('failed', reason, detail, next);
}
