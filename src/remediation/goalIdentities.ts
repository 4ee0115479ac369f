import type { AzureClients } from '../azure/clients.ts';
import { type AzureError, toAzureError } from '../azure/errors.ts';
import {
  createGroup,
  createIdentity,
  groupExists,
  identityPrincipal,
  isLocked,
  lockIdentity,
} from '../azure/managedIdentities.ts';
import { isMadeByUs, isToBeLocked } from '../domain/identityRules.ts';
import type { FailureReason } from '../domain/outcome.ts';
import { fold, parseIdentityId, type ResourceId } from '../domain/resourceId.ts';
import type { Settings } from '../settings.ts';

/** Said on every lock we make, since people find the lock before they find this app. */
export const LOCK_NOTES =
  'Virtual machines of this subscription use this identity. Deleting it would take it from all of them. Made by vm-identity-remediator.';

/** A goal identity that can be assigned. */
export interface ReadyIdentity {
  readonly state: 'ready';
  /** True when this app has just created it: Compute may not see it for some seconds. */
  readonly fresh: boolean;
  /** Its principal; empty when Azure tells none. */
  readonly principal: string;
  /** Set when the identity is there but could not be locked. */
  readonly unlocked: AzureError | undefined;
  /** Whether VMs that carry an earlier one under the same id were assigned this one in vain: others need not try. */
  readonly renewal: { inVain: boolean };
  /**
   * Runs an assignment. With a fresh identity the first one goes ahead alone, waiting until Compute sees the
   * identity, and the others follow: else each of them would be refused once.
   */
  admit<T>(assignment: () => Promise<T>): Promise<T>;
}

/** What became of a goal identity. */
export type GoalIdentity =
  | ReadyIdentity
  | { readonly state: 'failed'; readonly reason: FailureReason; readonly detail: string };

/** Sees to goal identities. */
export interface GoalIdentities {
  /**
   * Makes sure the goal identity of a location exists and is locked, as the mode asks (R6). Works once for each
   * identity, however many VMs ask at the same time; never throws.
   */
  ensure(goal: string, location: string): Promise<GoalIdentity>;
}

type Needs = {
  readonly clients: Pick<AzureClients, 'identities' | 'locks' | 'resources'>;
  readonly settings: Pick<Settings, 'policy' | 'resourceGroupLocation' | 'identityTags' | 'lockIdentities'>;
};

/** Sees to goal identities for one sweep or one event. What it found holds for its lifetime, so make a new one for the next. */
export function goalIdentities({ clients, settings }: Needs): GoalIdentities {
  const identities = new Map<string, Promise<GoalIdentity>>();
  const groups = new Map<string, Promise<void>>();
  const { policy, resourceGroupLocation, identityTags, lockIdentities } = settings;

  function ensureGroup(id: ResourceId): Promise<void> {
    return once(groups, fold(`${id.subscriptionId}/${id.resourceGroup}`), async () => {
      if (await groupExists(clients, id.subscriptionId, id.resourceGroup)) return;
      await createGroup(clients, id.subscriptionId, id.resourceGroup, resourceGroupLocation, identityTags);
    });
  }

  async function ensureIdentity(id: ResourceId, location: string): Promise<GoalIdentity> {
    const present = await identityPrincipal(clients, id);
    if (present === undefined && !isMadeByUs(policy.identity)) {
      return { state: 'failed', reason: 'identity-missing', detail: `${id.id} does not exist.` };
    }
    const fresh = present === undefined;
    if (fresh) await ensureGroup(id);
    const principal = present ?? (await createIdentity(clients, id, location, identityTags));
    const admit = fresh ? firstAlone() : <T>(assignment: () => Promise<T>) => assignment();
    const unlocked = await ensureLock(id);
    return { state: 'ready', fresh, principal, unlocked, renewal: { inVain: false }, admit };
  }

  async function ensureLock(id: ResourceId): Promise<AzureError | undefined> {
    if (!isToBeLocked(policy.identity, lockIdentities)) return undefined;
    try {
      if (!(await isLocked(clients, id))) await lockIdentity(clients, id, LOCK_NOTES);
      return undefined;
    } catch (error) {
      return toAzureError(error);
    }
  }

  return {
    ensure: (goal, location) =>
      once(identities, fold(goal), async () => {
        const id = parseIdentityId(goal);
        if (!id)
          return { state: 'failed', reason: 'invalid-request', detail: `${goal} is not an identity id.` };
        try {
          return await ensureIdentity(id, location);
        } catch (error) {
          const failure = toAzureError(error);
          return { state: 'failed', reason: failureReason(failure), detail: failure.message };
        }
      }),
  };
}

/** The reason code of an error that was not about the VM itself. */
export function failureReason(error: AzureError): FailureReason {
  if (error.kind === 'not-found' || error.kind === 'being-deleted') return 'unexpected';
  return error.kind;
}

function firstAlone(): <T>(assignment: () => Promise<T>) => Promise<T> {
  let first: Promise<unknown> | undefined;
  return async (assignment) => {
    if (first) {
      await first;
      return assignment();
    }
    const run = assignment();
    first = run.catch(() => undefined);
    return run;
  };
}

function once<T>(made: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const known = made.get(key) ?? make();
  made.set(key, known);
  return known;
}
