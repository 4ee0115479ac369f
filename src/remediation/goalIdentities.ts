import type { App } from '../app.ts';
import { type AzureError, toAzureError } from '../azure/errors.ts';
import {
  createGroup,
  createIdentity,
  groupExists,
  identityPrincipal,
  isLocked,
  lockIdentity,
} from '../azure/managedIdentities.ts';
import { createIdentity as createIdentityCommand } from '../domain/azCommands.ts';
import { isMadeByUs, isToBeLocked } from '../domain/identityRules.ts';
import type { FailureReason } from '../domain/outcome.ts';
import { fold, parseIdentityId, type ResourceId, resourceGroupId } from '../domain/resourceId.ts';
import { stepFor } from './nextSteps.ts';
import { once } from './once.ts';
import { type Gap, preflight } from './preflight.ts';

/** Said on every lock we make, since people find the lock before they find this app. */
export const LOCK_NOTES =
  'Virtual machines of this subscription use this identity. Deleting it would take it from all of them. Made by vm-identity-remediator.';

/** A goal identity that can be assigned. */
export interface ReadyIdentity {
  readonly state: 'ready';
  /** True when this app has just created it: Compute may not see it for some seconds. */
  readonly fresh: boolean;
  /** Its principal; empty when Azure tells none, or does not let us read it. */
  readonly principal: string;
  /** Set when the identity is there but could not be locked: why, and what to do. */
  readonly unlocked: Unlocked | undefined;
  /** Whether VMs that carry an earlier one under the same id were assigned this one in vain: others need not try. */
  readonly renewal: { inVain: boolean };
  /**
   * Runs an assignment. With a fresh identity the first one goes ahead alone, waiting until Compute sees the
   * identity, and the others follow: else each of them would be refused once.
   */
  admit<T>(assignment: () => Promise<T>): Promise<T>;
  /** Why Azure refused to let us assign it, which it would to whatever other VM of the subscription, too. */
  refusal(subscriptionId: string): Gap | undefined;
  refuse(subscriptionId: string, why: Gap): void;
}

/** What became of a goal identity. */
export type GoalIdentity = ReadyIdentity | ({ readonly state: 'failed' } & Gap);

/** Why an identity could not be locked, and what to do. */
export type Unlocked = Pick<Required<Gap>, 'detail' | 'next'>;

/** The VM for which an identity is wanted. */
export interface VmPlace {
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  readonly location: string;
}

/** Sees to goal identities. */
export interface GoalIdentities {
  /** What keeps all VMs of the subscription from being assigned, as far as few reads can tell. Never throws. */
  lookBefore(goal: string, vm: VmPlace): Promise<Gap | undefined>;
  /**
   * Makes sure the goal identity of a VM exists and is locked, as the mode asks (R6), after looking before. Works once
   * for each identity, however many VMs ask at the same time; never throws.
   */
  ensure(goal: string, vm: VmPlace): Promise<GoalIdentity>;
}

/** Sees to goal identities for one sweep or one event. What it found holds for its lifetime, so make a new one for the next. */
export function goalIdentities({ clients, settings }: Pick<App, 'clients' | 'settings'>): GoalIdentities {
  const subscriptions = new Map<string, Promise<Gap | undefined>>();
  const identities = new Map<string, Promise<GoalIdentity>>();
  const groupsFound = new Map<string, Promise<boolean>>();
  const groupsMade = new Map<string, Promise<void>>();
  const { policy, resourceGroupLocation, identityTags, lockIdentities } = settings;
  const mode = policy.identity.kind;
  const checks = preflight({ clients, settings });

  async function ensureIdentity(id: ResourceId, location: string): Promise<GoalIdentity> {
    const found = await look(id);
    if (found === undefined && !isMadeByUs(policy.identity)) {
      const next = `Create it, or correct the settings that name it: ${createIdentityCommand(id, location)}`;
      return { state: 'failed', reason: 'identity-missing', detail: `${id.id} does not exist.`, next };
    }
    const fresh = found === undefined;
    const { subscriptionId, resourceGroup } = id;
    const group = fold(resourceGroupId(subscriptionId, resourceGroup));
    const groupPresent =
      !fresh || (await once(groupsFound, group, () => groupExists(clients, subscriptionId, resourceGroup)));
    const present = found === 'unreadable' ? undefined : !fresh;
    const gap = await checks.identity(id, location, { present, groupPresent });
    if (gap) return { state: 'failed', ...gap };
    if (!groupPresent) {
      await once(groupsMade, group, () =>
        createGroup(clients, subscriptionId, resourceGroup, resourceGroupLocation, identityTags),
      );
    }
    const known = found === 'unreadable' ? '' : found?.principal;
    const principal = known ?? (await createIdentity(clients, id, location, identityTags));
    const admit = fresh ? firstAlone() : <T>(assignment: () => Promise<T>) => assignment();
    const unlocked = await ensureLock(id);
    const refusals = new Map<string, Gap>();
    return {
      state: 'ready',
      fresh,
      principal,
      unlocked,
      renewal: { inVain: false },
      admit,
      refusal: (subscriptionId) => refusals.get(fold(subscriptionId)),
      refuse: (subscriptionId, why) => void refusals.set(fold(subscriptionId), why),
    };
  }

  // An identity of your own may be assigned by whom it cannot be read: then the first assignment tells.
  async function look(id: ResourceId): Promise<{ principal: string } | 'unreadable' | undefined> {
    try {
      const principal = await identityPrincipal(clients, id);
      return principal === undefined ? undefined : { principal };
    } catch (error) {
      const failure = toAzureError(error);
      if (failure.kind === 'forbidden' && !isMadeByUs(policy.identity)) return 'unreadable';
      throw failure;
    }
  }

  async function ensureLock(id: ResourceId): Promise<Unlocked | undefined> {
    if (!isToBeLocked(policy.identity, lockIdentities)) return undefined;
    try {
      if (!(await isLocked(clients, id))) await lockIdentity(clients, id, LOCK_NOTES);
      return undefined;
    } catch (error) {
      const failure = toAzureError(error);
      const step =
        failure.kind === 'forbidden'
          ? 'Grant Microsoft.Authorization/locks/write to the remediator there.'
          : 'The next sweep tries again.';
      const next = `${stepFor(settings, failure, id.subscriptionId) ?? step} Or set LOCK_IDENTITIES=false.`;
      return { detail: failure.message, next };
    }
  }

  async function lookBefore(
    goal: string,
    { subscriptionId, resourceGroup }: VmPlace,
  ): Promise<Gap | undefined> {
    const id = parseIdentityId(goal);
    if (!id) return { reason: 'invalid-request', detail: `${goal} is not an identity id.` };
    const group = mode === 'ownCentral' ? resourceGroup : id.resourceGroup;
    return once(subscriptions, fold(subscriptionId), () => checks.subscription(subscriptionId, group));
  }

  return {
    lookBefore,
    async ensure(goal, vm) {
      const gap = await lookBefore(goal, vm);
      if (gap) return { state: 'failed', ...gap };
      return once(identities, fold(goal), async () => {
        try {
          return await ensureIdentity(parseIdentityId(goal) as ResourceId, vm.location);
        } catch (error) {
          const failure = toAzureError(error);
          const next = stepFor(settings, failure, vm.subscriptionId);
          const reason = failureReason(failure);
          return { state: 'failed', reason, detail: failure.message, ...(next !== undefined && { next }) };
        }
      });
    },
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
