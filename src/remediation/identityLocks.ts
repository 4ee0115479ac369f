import type { App } from '../app.ts';
import type { AzureClients } from '../azure/clients.ts';
import { toAzureError } from '../azure/errors.ts';
import type { VmCount } from '../azure/inventory.ts';
import { isProtected, lockedScopesOf } from '../azure/managedIdentities.ts';
import { GOAL_PRESENT } from '../azure/verdictsKql.ts';
import { goalIdentity } from '../domain/goalIdentity.ts';
import { isToBeLocked } from '../domain/identityRules.ts';
import { fold, parseIdentityId } from '../domain/resourceId.ts';
import type { GoalIdentities, VmPlace } from './goalIdentities.ts';
import { shuffle } from './portions.ts';
import type { Problems } from './problems.ts';
import { inSlots, slots } from './slots.ts';

const LISTS_AT_ONCE = 16;
// So that a timer that finds thousands of identities unlocked ends in time; the next sweeps go on.
const MOST_REPAIRS = 500;

/**
 * Tells whether identities are locked: one list of locks for each subscription asked about, since Resource Graph has no
 * locks (no table of it holds Microsoft.Authorization/locks). Undefined where the list cannot be read.
 */
export function lockLookup(
  clients: Pick<AzureClients, 'locks'>,
  onUnread: (subscriptionId: string, message: string) => void = () => undefined,
): (goal: string) => Promise<boolean | undefined> {
  const lists = new Map<string, Promise<ReadonlySet<string> | undefined>>();
  const inTurn = inSlots(slots(LISTS_AT_ONCE));
  return async (goal) => {
    const id = parseIdentityId(goal);
    if (!id) return undefined;
    const { subscriptionId } = id;
    const key = fold(subscriptionId);
    const asked =
      lists.get(key) ??
      inTurn(() => lockedScopesOf(clients, subscriptionId)).catch((error: unknown) => {
        onUnread(subscriptionId, toAzureError(error).message);
        return undefined;
      });
    lists.set(key, asked);
    const locked = await asked;
    return locked && isProtected(id, locked);
  };
}

/**
 * Locks the goal identities that VMs carry and that have lost their lock (R6): one list of locks for each subscription,
 * and nothing more where all is well. Without leave to write (R7) they are problems. Returns those that were locked
 * again. Never throws.
 */
export async function relockIdentities(
  app: App,
  counts: readonly VmCount[],
  identities: GoalIdentities,
  problems: Problems,
): Promise<string[]> {
  const { clients, settings } = app;
  const { identity: mode, effect } = settings.policy;
  if (!isToBeLocked(mode, settings.lockIdentities)) return [];
  const carried = new Map(
    counts
      .filter(({ verdict, total }) => verdict === GOAL_PRESENT && total > 0)
      .map((row) => [fold(goalIdentity(mode, row)), row.location]),
  );
  const isLocked = lockLookup(clients, (subscriptionId, message) => {
    problems.add({
      subject: `/subscriptions/${subscriptionId}`,
      reason: 'locks-unread',
      detail: message,
      next: 'Whether the identities there are locked is not known until it can be read again.',
    });
  });
  const checked = await Promise.all(
    [...carried].map(async ([goal, location]) => ({ goal, location, locked: await isLocked(goal) })),
  );
  const unlocked = checked.filter(({ locked }) => locked === false);
  if (effect !== 'DeployIfNotExists') {
    for (const { goal } of unlocked.slice(0, MOST_REPAIRS)) {
      problems.add({
        subject: goal,
        reason: 'identity-unlocked',
        detail: 'It has no lock, and VMs carry it.',
        next: `Set EFFECT=DeployIfNotExists to have it locked, or LOCK_IDENTITIES=false.`,
      });
    }
    return [];
  }
  const inTurn = inSlots(slots(LISTS_AT_ONCE));
  // By chance, so that those that cannot be locked do not take the place of the others in every sweep.
  const repaired = shuffle(unlocked, app.random).slice(0, MOST_REPAIRS);
  const ensured = await Promise.all(
    repaired.map(({ goal, location }) =>
      inTurn(async () => ({ goal, identity: await identities.ensure(goal, placeOf(goal, location)) })),
    ),
  );
  for (const { goal, identity } of ensured) {
    if (identity.state !== 'failed') continue;
    problems.add({
      subject: goal,
      reason: 'identity-unlocked',
      detail: identity.detail,
      next: identity.next ?? 'It could not be locked again; the next sweep tries again.',
    });
  }
  return ensured
    .filter(({ identity }) => identity.state === 'ready' && !identity.unlocked)
    .map(({ goal }) => goal);
}

// Identities that are locked are in the subscription of their VMs.
function placeOf(goal: string, location: string): VmPlace {
  const { subscriptionId = '', resourceGroup = '' } = parseIdentityId(goal) ?? {};
  return { subscriptionId, resourceGroup, location };
}
