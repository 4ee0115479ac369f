import { isPassing, nextStep } from '../domain/outcome.ts';
import { parseVmId, type ResourceId } from '../domain/resourceId.ts';
import type { Log } from '../log.ts';
import type { VmMessage } from '../queues.ts';
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
  const report = await remediateNamed(shared, vm);
  const { outcome, location, goal, attempts } = report;
  const properties = {
    id: vm.id,
    location,
    goal,
    attempts,
    ...outcome,
    ...(message.writtenAt !== undefined && {
      secondsSinceWritten: Math.round((shared.app.clock.now() - Date.parse(message.writtenAt)) / 1000),
    }),
  };
  if (outcome.outcome !== 'failed') {
    log.info('VM looked at', properties);
    return;
  }
  const next = nextStep(outcome, vm, goal);
  const again = isPassing(outcome.reason);
  if (!again || lastTry) log.error('VM failed', { ...properties, next });
  if (again) throw new Error(`${vm.id}: ${outcome.reason}. ${outcome.detail ?? ''}`);
}

async function remediateNamed(shared: Shared, vm: ResourceId): Promise<VmReport> {
  const { app, exclusive } = shared;
  const { scopes } = await shared.coverage();
  const [identities, contests] = await Promise.all([shared.identities(), shared.contests()]);
  const managed = !app.settings.policy.includeManagedGroups;
  const groupManagedBy = async () => (managed ? shared.groupManagedBy(vm) : '');
  return remediateVm(
    { app, scopes, identities, contests, exclusive },
    { vm, location: undefined, groupManagedBy },
  );
}
