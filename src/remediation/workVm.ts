import { counting, urgently } from '../azure/callContext.ts';
import { toAzureError } from '../azure/errors.ts';
import { ScopeError } from '../azure/scopeResolution.ts';
import { count, emptyTally, isPassing, nextStep, outcome } from '../domain/outcome.ts';
import { parseVmId, type ResourceId } from '../domain/resourceId.ts';
import type { Log } from '../log.ts';
import type { VmMessage } from '../queues.ts';
import { failureReason } from './goalIdentities.ts';
import { noticingUnlocked } from './problems.ts';
import { recordCalls, recordOutcomes, recordVm } from './recording.ts';
import type { Shared } from './shared.ts';
import { remediateVm, type VmReport } from './vm.ts';

/**
 * Remediates the one VM a message names, of which only the id is known, by the same rules as the sweep (R11).
 * A failure that will stay is logged as an error, and done with. Throws where trying the message again can help; on
 * the last try that is logged, too, since the host then puts the message aside.
 */
export async function workVm(
  shared: Shared,
  message: VmMessage,
  log: Log,
  { lastTry }: { readonly lastTry: boolean },
): Promise<void> {
  const vm = parseVmId(message.id);
  if (!vm) {
    log.warn('Message dropped: it names no VM', { id: message.id });
    return;
  }
  const { app, telemetry } = shared;
  const { report, counts } = await counting(async (counts) => ({
    counts,
    report: await remediateNamed(shared, vm, log),
  }));
  const { outcome: ended, location, goal, attempts } = report;
  const secondsSinceWritten =
    message.writtenAt === undefined
      ? undefined
      : Math.round((app.clock.now() - Date.parse(message.writtenAt)) / 1000);
  const tally = emptyTally();
  count(tally, ended);
  recordVm(telemetry, report, { trigger: 'event' }, secondsSinceWritten);
  recordOutcomes(telemetry, 'event', tally);
  recordCalls(telemetry, 'event', counts);
  const properties = {
    id: vm.id,
    location,
    goal,
    attempts,
    ...ended,
    ...(secondsSinceWritten !== undefined && { secondsSinceWritten }),
  };
  if (ended.outcome !== 'failed') {
    log.info('VM looked at', properties);
    return;
  }
  const next = nextStep(ended, vm, goal);
  const again = isPassing(ended.reason);
  if (!again || lastTry) log.error('VM failed', { ...properties, next });
  if (again) throw new Error(`${vm.id}: ${ended.reason}. ${ended.detail ?? ''}`);
}

async function remediateNamed(shared: Shared, vm: ResourceId, log: Log): Promise<VmReport> {
  const { app, exclusive } = shared;
  const from = app.clock.now();
  const known = await Promise.all([shared.coverage(), shared.contests()]).catch(toScopesFailure);
  if ('outcome' in known)
    return { vm, location: '', goal: '', outcome: known, attempts: 0, durationMs: app.clock.now() - from };
  const [{ scopes }, contests] = known;
  const identities = noticingUnlocked(await shared.identities(), {
    add: (problem) => log.warn('Identity not locked', { ...problem }),
  });
  const managed = !app.settings.policy.includeManagedGroups;
  const groupManagedBy = async () => (managed ? shared.groupManagedBy(vm) : '');
  const candidate = { vm, location: undefined, groupManagedBy };
  return urgently(() => remediateVm({ app, scopes, identities, contests, exclusive }, candidate));
}

function toScopesFailure(error: unknown) {
  const failure = toAzureError(error);
  const reason = error instanceof ScopeError ? 'forbidden' : failureReason(failure);
  return outcome('failed', reason, failure.message);
}
