import type { App } from '../app.ts';
import { type AzureError, toAzureError } from '../azure/errors.ts';
import {
  createGroup,
  createIdentity,
  groupExists,
  identityExists,
  isLocked,
  lockIdentity,
} from '../azure/managedIdentities.ts';
import { createIdentity as createIdentityCommand } from '../domain/azCommands.ts';
import type { FailureReason } from '../domain/outcome.ts';
import { fold, parseIdentityId, type ResourceId, resourceGroupId } from '../domain/resourceId.ts';
import { stepFor } from './nextSteps.ts';
import { once } from './once.ts';
import { type Gap, preflight } from './preflight.ts';

/** Said on every lock we make, since people find the lock before they find this app. */
export const LOCK_NOTES =
  'Virtual machines of this subscription use this identity. Deleting it would take it from all of them. Made by vm-identity-remediator.';

/** What became of a goal identity. */
export type GoalIdentity =
  | {
      readonly state: 'ready';
      /** True when this app has just created it: Compute may not see it for some seconds. */
      readonly fresh: boolean;
      /** Set when the identity is there but could not be locked: why, and what to do. */
      readonly unlocked: Unlocked | undefined;
      /**
       * Runs an assignment. With a fresh identity the first one goes ahead alone, waiting until Compute sees the
       * identity, and the others follow: else each of them would be refused once.
       */
      admit<T>(assignment: () => Promise<T>): Promise<T>;
      /** Why Azure refused to let us assign it: on the identity alone, so to whatever other VM, too. */
      refusal(): Gap | undefined;
      refuse(why: Gap): void;
    }
  | ({ readonly state: 'failed' } & Gap);

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
    const present = await isPresent(id);
    if (present === false && mode !== 'builtIn') {
      const next = `Create it, or correct the settings that name it: ${createIdentityCommand(id, location)}`;
      return { state: 'failed', reason: 'identity-missing', detail: `${id.id} does not exist.`, next };
    }
    const { subscriptionId, resourceGroup } = id;
    const group = fold(resourceGroupId(subscriptionId, resourceGroup));
    const groupPresent =
      present !== false ||
      (await once(groupsFound, group, () => groupExists(clients, subscriptionId, resourceGroup)));
    const gap = await checks.identity(id, location, { present, groupPresent });
    if (gap) return { state: 'failed', ...gap };
    if (!groupPresent) {
      await once(groupsMade, group, () =>
        createGroup(clients, subscriptionId, resourceGroup, resourceGroupLocation, identityTags),
      );
    }
    if (present === false) await createIdentity(clients, id, location, identityTags);
    const admit = present === false ? firstAlone() : <T>(assignment: () => Promise<T>) => assignment();
    let refusal: Gap | undefined;
    return {
      state: 'ready',
      fresh: present === false,
      unlocked: await ensureLock(id),
      admit,
      refusal: () => refusal,
      refuse: (why) => {
        refusal ??= why;
      },
    };
  }

  // An identity of your own may be assigned by whom it cannot be read: then the first assignment tells.
  async function isPresent(id: ResourceId): Promise<boolean | undefined> {
    try {
      return await identityExists(clients, id);
    } catch (error) {
      const failure = toAzureError(error);
      if (failure.kind === 'forbidden' && mode !== 'builtIn') return undefined;
      throw failure;
    }
  }

  async function ensureLock(id: ResourceId): Promise<Unlocked | undefined> {
    // A central identity of the customer's may not even be in a subscription of ours (R3).
    if (!lockIdentities || mode === 'ownCentral') return undefined;
    try {
      if (!(await isLocked(clients, id))) await lockIdentity(clients, id, LOCK_NOTES);
      return undefined;
    } catch (error) {
      const failure = toAzureError(error);
      const grant =
        stepFor(settings, failure, id.subscriptionId) ??
        'Grant Microsoft.Authorization/locks/write to the remediator there.';
      return { detail: failure.message, next: `${grant} Or set LOCK_IDENTITIES=false.` };
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
