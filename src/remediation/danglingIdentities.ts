import type { App } from '../app.ts';
import { toAzureError } from '../azure/errors.ts';
import { carriedUnknownIdentities, type UnknownIdentity } from '../azure/identityInventory.ts';
import { identityPrincipal } from '../azure/managedIdentities.ts';
import type { Coverage } from '../azure/scopeResolution.ts';
import { fold, parseIdentityId, parseVmId, sameId } from '../domain/resourceId.ts';
import type { Problem } from './problems.ts';
import { inSlots, slots } from './slots.ts';

const READS_AT_ONCE = 8;
const MOST_READ = 100;

/**
 * Identities that VMs in scope carry and that do not exist any more, as problems: writes that name them fail, though
 * ours do not, since they name the goal identity only. Goal identities are left out: the sweep makes those again. One
 * query, and one read for each identity that Resource Graph does not know, at most 100. Where the query is refused, that
 * is the problem. Never throws.
 */
export async function danglingIdentities(
  app: App,
  coverage: Coverage,
  goals: ReadonlySet<string>,
): Promise<Problem[]> {
  let unknown: UnknownIdentity[];
  try {
    unknown = await carriedUnknownIdentities(app.clients, coverage);
  } catch (error) {
    return [
      {
        subject: 'resources',
        reason: 'dangling-unread',
        detail: toAzureError(error).message,
        next: 'Identities that VMs carry and that do not exist are not known until it can be read again.',
        vms: 0,
      },
    ];
  }
  const others = unknown.filter(({ identity }) => !goals.has(fold(identity)));
  const most = others.sort((a, b) => b.vms - a.vms).slice(0, MOST_READ);
  const missing = await missingAmong(
    app,
    most.map(({ identity }) => identity),
  );
  return most
    .filter(({ identity }) => missing.has(fold(identity)))
    .map(({ identity, vms, vm }) => {
      const id = parseIdentityId(identity)?.id ?? identity;
      return {
        subject: id,
        reason: 'identity-dangling',
        detail:
          'VMs carry it, and it does not exist. Writes of others that name it fail; ours do not name it.',
        next: `Take it away from each VM that has it: az vm identity remove --ids ${parseVmId(vm)?.id ?? '"id of the VM"'} --identities ${id}`,
        vms,
      };
    });
}

/** Those of the identities that certainly do not exist, as folded ids. What cannot be read counts as existing. */
export async function missingAmong({ clients }: App, identities: readonly string[]): Promise<Set<string>> {
  const inTurn = inSlots(slots(READS_AT_ONCE));
  const missing = new Set<string>();
  await Promise.all(
    identities.map((identity) =>
      inTurn(async () => {
        const id = parseIdentityId(identity);
        if (!id) return;
        const principal = await identityPrincipal(clients, id).catch(() => '');
        if (principal === undefined) missing.add(fold(identity));
      }),
    ),
  );
  return missing;
}

/** The identities other than the goal that a VM carries and that do not exist: a read for each, of the first 100. */
export function danglingOf(app: App, carried: readonly string[], goal: string): Promise<Set<string>> {
  return missingAmong(app, carried.filter((id) => !sameId(id, goal)).slice(0, MOST_READ));
}
