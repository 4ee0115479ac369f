import { host, remediator } from '../../emulator/arm/principals.ts';
import type { Azure } from '../../emulator/azure.ts';
import type { ArmIdentity } from '../../emulator/state/armResource.ts';
import type { Happening, Identities } from './ledger.ts';

const VM_PATH = /\/virtualMachines\/[^/]+$/i;
const CONFLICTS = new Set([409, 412]);

/** Whom the copies of a contender sign in as. Everybody else is a rival. */
export const contenders: readonly string[] = [remediator.clientId, host.clientId];

/**
 * Tells what happens to VMs in the order in which the embedded Azure works on calls, with the identities right before
 * and right after each accepted write. It looks over the shoulder of the store and of the journal: the embedded Azure
 * works on one call at a time from beginning to end, so what was stored last belongs to the call that is noted next.
 */
export function witness(azure: Pick<Azure, 'store' | 'journal'>, tell: (one: Happening) => void): void {
  const { store, journal } = azure;
  const put = store.put.bind(store);
  const add = journal.add.bind(journal);
  let stored: { before: Identities | undefined; after: Identities } | undefined;

  store.put = (resource, options) => {
    const before = store.get(resource.id)?.resource;
    stored = { before: before && identitiesOf(before.identity), after: identitiesOf(resource.identity) };
    return put(resource, options);
  };
  journal.add = (time, who, method, path, status, refusedBy, correlationId) => {
    add(time, who, method, path, status, refusedBy, correlationId);
    const change = stored;
    stored = undefined;
    if (!VM_PATH.test(path)) return;
    const vm = path.toLowerCase();
    const rival = contenders.includes(who) ? undefined : (correlationId ?? 'rival');
    const accepted = status < 300;
    if (method === 'GET') {
      if (accepted && rival === undefined) tell({ what: 'read', who, vm });
    } else if (method === 'DELETE') {
      if (accepted && rival !== undefined) tell({ what: 'deleted', who, vm, rival });
    } else if (accepted && change) tell({ what: 'written', who, vm, rival, ...change });
    else if (CONFLICTS.has(status) && rival === undefined) tell({ what: 'refused', who, vm });
  };
}

/** The identities of a VM as the embedded Azure stores them. */
export function identitiesOf(identity: ArmIdentity | undefined): Identities {
  const ids = Object.keys(identity?.userAssignedIdentities ?? {});
  return {
    system: identity?.type.includes('SystemAssigned') ?? false,
    users: new Set(ids.map((id) => id.toLowerCase())),
  };
}
