import type { App } from '../app.ts';
import { type CallContext, restingOn } from '../azure/callContext.ts';
import { type AzureError, toAzureError } from '../azure/errors.ts';
import type { Turn } from '../azure/pacing.ts';
import { operationError, patchVmIdentity, readVm, type VmReading } from '../azure/virtualMachines.ts';
import type { IdentityPatch } from '../domain/identityPatch.ts';
import { type Outcome, outcome } from '../domain/outcome.ts';
import { fold, type ResourceId } from '../domain/resourceId.ts';
import { failureReason } from './goalIdentities.ts';
import { stepFor } from './nextSteps.ts';
import type { Known, Started, VmReport } from './vm.ts';

/** A change of the identities of one VM. */
export interface Change {
  /** Decides on a fresh reading: the PATCH to send, or how it ends without one. */
  decide(reading: VmReading): { readonly patch: IdentityPatch } | { readonly end: Outcome };
  /** True when a refusal that is no conflict may be over after another reading. Attempts count from 1. */
  mayPass?(failure: AzureError, attempt: number): boolean;
  /** How it ended, by a reading after the operation. */
  confirmed(reading: VmReading): Outcome;
}

const MAX_ATTEMPTS = 6;

/**
 * Waits for its turn to write, reads the VM, decides, and sends the PATCH at once with the ETag of that reading; a conflict
 * is read and decided again, bounded times (R10). Returns once Azure accepted it. `first` is a reading already made, `at` when, in ms. Throws AzureError
 * of reads.
 */
export async function changeIdentity(
  app: App,
  known: Known,
  change: Change,
  first?: { readonly reading: VmReading; readonly at: number },
): Promise<Started> {
  const { vm } = known;
  const end = (result: Outcome, attempts: number): Started => ({
    state: 'ended',
    report: { ...known, outcome: result, attempts },
  });
  let { reading, at, turn }: Read = first ?? (await readInTurn(app, known));
  for (let attempt = 1; ; attempt++) {
    const decision = change.decide(reading);
    if ('end' in decision) {
      turn?.end();
      return end(decision.end, attempt - 1);
    }
    try {
      const { facts, etag } = reading;
      const { operationUrl, vmId } = await restingOn(basis(app, reading, at), turn, () =>
        patchVmIdentity(app.clients, vm, facts.location, decision.patch, etag),
      );
      if (isAnother(reading.vmId, vmId)) return end(wrongVm(vm, decision.patch), attempt);
      return { state: 'accepted', confirm: () => confirm(app, known, change, attempt, operationUrl) };
    } catch (error) {
      const failure = toAzureError(error);
      const again = failure.kind === 'conflict' || (change.mayPass?.(failure, attempt) ?? false);
      if (attempt >= MAX_ATTEMPTS || !again) return end(outcomeOfError(app, vm, failure), attempt);
      await app.clock.sleep(backoffMs(failure, attempt, app.random));
      ({ reading, at, turn } = await readInTurn(app, known));
    }
  }
}

/** A reading, when it was made, and the turn to write that was waited for before. */
interface Read {
  readonly reading: VmReading;
  readonly at: number;
  readonly turn?: Turn;
}

async function readInTurn({ clients, clock }: App, { vm, location }: Known): Promise<Read> {
  const turn = await clients.turnToWrite(vm.id, location);
  try {
    const at = clock.now();
    return { reading: await readVm(clients, vm), at, turn };
  } catch (error) {
    turn.end();
    throw error;
  }
}

/** What the write rests on, for when it does not leave in the turn of its reading. */
function basis(app: App, { facts, etag, vmId }: VmReading, at: number): NonNullable<CallContext['reading']> {
  // No other reading can tell whether the VM has changed since: it is read and decided anew.
  if (etag === undefined) return { at: Number.NEGATIVE_INFINITY, stillHolds: async () => false };
  return {
    at,
    async stillHolds() {
      const now = await readVm(app.clients, facts.id);
      return now.etag === etag && !isAnother(vmId, now.vmId);
    },
  };
}

function isAnother(vmId: string | undefined, other: string | undefined): boolean {
  return vmId !== undefined && other !== undefined && fold(vmId) !== fold(other);
}

// Nothing in Azure makes a write depend on which VM of that name it meets. It is not silently taken for a success.
function wrongVm({ id }: ResourceId, { identity }: IdentityPatch): Outcome {
  const system = identity.type.includes('SystemAssigned') ? 'on' : 'off';
  return outcome(
    'failed',
    'unexpected',
    `The VM was deleted and made again between reading and writing, with the same ETag; the write set its system-assigned identity ${system}, as the earlier VM had it.`,
    `See whether ${id} should have a system-assigned identity, and switch it on or off.`,
  );
}

/** How a VM ends that an Azure error stopped. */
export function outcomeOfError(app: Pick<App, 'settings'>, vm: ResourceId, failure: AzureError): Outcome {
  if (failure.kind === 'not-found') return outcome('excluded', 'vm-gone');
  if (failure.kind === 'being-deleted') return outcome('excluded', 'vm-deleting');
  const next = stepFor(app.settings, failure, vm.subscriptionId);
  return outcome('failed', failureReason(failure), failure.message, next);
}

// Compute refills 4 writes a minute for one VM after a burst of 12 (azure-facts, section 2): six tries fit.
function backoffMs(failure: AzureError, attempt: number, random: () => number): number {
  const base = failure.kind === 'conflict' ? 250 : 2_000;
  return base * 2 ** (attempt - 1) * (0.75 + random() / 2);
}

async function confirm(
  app: App,
  known: Known,
  change: Change,
  attempts: number,
  operationUrl: string | undefined,
): Promise<VmReport> {
  const { vm } = known;
  const end = (result: Outcome): VmReport => ({ ...known, outcome: result, attempts });
  try {
    await app.clock.sleep(app.settings.confirmAfterMs);
    const reading = await readVm(app.clients, vm);
    const state = fold(reading.facts.provisioningState);
    if (state === 'updating' || state === 'creating') return end(outcome('deferred', 'still-updating'));
    const { failure, unread } = state === 'failed' ? await readOperation(app, vm, operationUrl) : {};
    if (failure) return end(outcomeOfOperation(app, vm, failure));
    const result = change.confirmed(reading);
    return end(unread && result.outcome === 'failed' ? outcomeUnread(app, vm, unread) : result);
  } catch (error) {
    return end(outcomeOfError(app, vm, toAzureError(error)));
  }
}

async function readOperation(
  app: App,
  vm: ResourceId,
  operationUrl: string | undefined,
): Promise<{ failure?: AzureError | undefined; unread?: AzureError }> {
  try {
    return { failure: await operationError(app.clients, vm, operationUrl, app.armEndpoint) };
  } catch (error) {
    return { unread: toAzureError(error) };
  }
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
