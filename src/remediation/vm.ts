import type { App } from '../app.ts';
import { type AzureError, toAzureError } from '../azure/errors.ts';
import { operationError, patchVmIdentity, readVm, type VmReading } from '../azure/virtualMachines.ts';
import { carries, type Decision, decide, reasonNotToRead } from '../domain/decide.ts';
import { goalIdentity } from '../domain/goalIdentity.ts';
import { identityPatch } from '../domain/identityPatch.ts';
import { type Outcome, outcome } from '../domain/outcome.ts';
import { fold, type ResourceId } from '../domain/resourceId.ts';
import type { ResolvedScopes } from '../domain/scopes.ts';
import type { Exclusive } from './exclusive.ts';
import { failureReason, type GoalIdentities, type GoalIdentity } from './goalIdentities.ts';
import { stepFor } from './nextSteps.ts';
import type { Gap } from './preflight.ts';

/** What remediating VMs needs: the app, the scopes as resolved now, and the goal identities seen to so far. */
export interface Remediation {
  readonly app: App;
  readonly scopes: ResolvedScopes;
  readonly identities: GoalIdentities;
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
interface Known {
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

const MAX_ATTEMPTS = 6;

/**
 * Reads the VM, decides, and if need be sends the write; returns once Azure accepted it, so that confirming holds up
 * nobody. A VM out of scope is not even read. Never throws: everything that can go wrong is an outcome.
 */
export function startRemediation(context: Remediation, candidate: Candidate): Promise<Started> {
  const { clock } = context.app;
  const startedAt = clock.now();
  const timed = (report: VmReport): VmReport => ({ ...report, durationMs: clock.now() - startedAt });
  return context.exclusive(fold(candidate.vm.id), async () => {
    const started = await lookAt(context, candidate);
    if (started.state === 'ended') return { ...started, report: timed(started.report) };
    return { ...started, confirm: async () => timed(await started.confirm()) };
  });
}

/** Remediates one VM from start to confirmed end. Never throws. */
export async function remediateVm(context: Remediation, candidate: Candidate): Promise<VmReport> {
  const started = await startRemediation(context, candidate);
  return started.state === 'ended' ? started.report : started.confirm();
}

async function lookAt(context: Remediation, candidate: Candidate): Promise<Started> {
  const { app, scopes, identities } = context;
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
    const decideReading = ({ facts }: VmReading) => decide({ ...facts, groupManagedBy }, policy, scopes);
    let first: VmReading | undefined;
    // Without leave to write, not even the goal identity may be made: read and decide, nothing more.
    if (!found) {
      first = await readVm(app.clients, vm);
      const decision = decideReading(first);
      location = first.facts.location;
      goal = decision.goal;
      if (decision.action === 'leave') return end(decision.outcome);
    }
    const identity = await identities.ensure(goal, { ...vm, location });
    if (identity.state === 'failed') return end(outcomeOfGap(identity));
    const known = { vm, location, goal };
    return await identity.admit(() => assign(app, known, identity, decideReading, end, first));
  } catch (error) {
    return end(outcomeOfError(app, vm, toAzureError(error)));
  }
}

async function assign(
  app: App,
  known: Known,
  identity: GoalIdentity & { state: 'ready' },
  decideReading: (reading: VmReading) => Decision,
  end: (result: Outcome, attempts: number) => Started,
  first: VmReading | undefined,
): Promise<Started> {
  const { vm, goal } = known;
  const refusal = identity.refusal();
  if (refusal) return end(outcomeOfGap(refusal), 0);
  let reading = first ?? (await readVm(app.clients, vm));
  for (let attempt = 1; ; attempt++) {
    const { facts, etag } = reading;
    const decision = decideReading(reading);
    if (decision.action === 'leave') return end(decision.outcome, attempt - 1);
    // The location decides the goal; a VM deleted and made again elsewhere is the next sweep's.
    if (fold(decision.goal) !== fold(goal)) return end(outcome('excluded', 'vm-gone'), attempt - 1);
    try {
      const patch = identityPatch(facts.identity, goal);
      const operationUrl = await patchVmIdentity(app.clients, vm, facts.location, patch, etag);
      return { state: 'accepted', confirm: () => confirm(app, known, attempt, operationUrl) };
    } catch (error) {
      const failure = toAzureError(error);
      if (attempt >= MAX_ATTEMPTS || !isWorthAnother(failure, identity.fresh, attempt)) {
        const result = outcomeOfError(app, vm, failure);
        if (result.reason === 'identity-forbidden') identity.refuse({ detail: failure.message, ...result });
        return end(result, attempt);
      }
      await app.clock.sleep(backoffMs(failure, attempt, app.random));
      reading = await readVm(app.clients, vm);
    }
  }
}

// A conflict wants a new read and decision (R10). A new identity takes some seconds to be visible everywhere, and
// until then is refused like one that does not exist; one known of old gets a single second chance.
function isWorthAnother(failure: AzureError, fresh: boolean, attempt: number): boolean {
  if (failure.kind === 'conflict') return true;
  const unseen = failure.kind === 'identity-not-ready' || failure.kind === 'identity-forbidden';
  return unseen && (fresh || attempt === 1);
}

// Compute refills 4 writes a minute for one VM after a burst of 12 (azure-facts, section 2): six tries fit.
function backoffMs(failure: AzureError, attempt: number, random: () => number): number {
  const base = failure.kind === 'conflict' ? 250 : 2_000;
  return base * 2 ** (attempt - 1) * (0.75 + random() / 2);
}

async function confirm(
  app: App,
  known: Known,
  attempts: number,
  operationUrl: string | undefined,
): Promise<VmReport> {
  const { vm, goal } = known;
  const end = (result: Outcome): VmReport => ({ ...known, outcome: result, attempts });
  try {
    await app.clock.sleep(app.settings.confirmAfterMs);
    const { facts } = await readVm(app.clients, vm);
    const state = fold(facts.provisioningState);
    const carried = carries(facts.identity, goal);
    if (state === 'failed') {
      const { failure, unread } = await readOperation(app, vm, operationUrl);
      if (failure) return end(outcomeOfOperation(app, vm, failure));
      if (unread && !carried) return end(outcomeUnread(app, vm, unread));
    }
    if (state === 'updating' || state === 'creating') return end(outcome('deferred', 'still-updating'));
    return end(carried ? outcome('assigned', 'goal-added') : outcome('failed', 'not-kept'));
  } catch (error) {
    return end(outcomeOfError(app, vm, toAzureError(error)));
  }
}

async function readOperation(app: App, vm: ResourceId, operationUrl: string | undefined) {
  try {
    const failure = await operationError(app.clients, vm, operationUrl, app.armEndpoint);
    return { failure, unread: undefined };
  } catch (error) {
    return { failure: undefined, unread: toAzureError(error) };
  }
}

function outcomeOfGap({ reason, detail, next }: Gap): Outcome {
  return outcome('failed', reason, detail, next);
}

function outcomeOfOperation(app: App, vm: ResourceId, failure: AzureError): Outcome {
  const next = stepFor(app.settings, failure, vm.subscriptionId);
  const reason = failureReason(failure);
  const vague = reason === 'transient' || reason === 'unexpected';
  return outcome('failed', vague ? 'operation-failed' : reason, failure.message, next);
}

function outcomeUnread(app: App, vm: ResourceId, unread: AzureError): Outcome {
  const next = stepFor(app.settings, unread, vm.subscriptionId);
  return outcome('failed', 'operation-failed', `Why could not be read: ${unread.message}`, next);
}

function outcomeOfError(app: App, vm: ResourceId, failure: AzureError): Outcome {
  if (failure.kind === 'not-found') return outcome('excluded', 'vm-gone');
  if (failure.kind === 'being-deleted') return outcome('excluded', 'vm-deleting');
  const next = stepFor(app.settings, failure, vm.subscriptionId);
  return outcome('failed', failureReason(failure), failure.message, next);
}
