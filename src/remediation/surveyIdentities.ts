import type { App } from '../app.ts';
import { toAzureError } from '../azure/errors.ts';
import { groupOf, inventoryOf } from '../azure/identityInventory.ts';
import { identityPrincipal } from '../azure/managedIdentities.ts';
import { goalIdentity } from '../domain/goalIdentity.ts';
import { isMadeByUs, isToBeLocked } from '../domain/identityRules.ts';
import type { Work } from '../domain/makespan.ts';
import { fold, parseIdentityId } from '../domain/resourceId.ts';
import { lockLookup } from './identityLocks.ts';

/** How many VMs of a subscription and location are to be written; none where the identity alone is looked at. */
export type VmsToWrite = Pick<Work, 'subscriptionId' | 'location' | 'vms'>;

/** A goal identity and what it still needs before VMs can be given it. */
export interface SurveyedIdentity {
  readonly goal: string;
  /** The VMs it is for: one subscription and location in built-in mode, more where one identity serves several. */
  readonly work: readonly VmsToWrite[];
  readonly exists: boolean;
  /** Undefined when its locks cannot be read, or do not matter. */
  readonly locked: boolean | undefined;
  /** What has to be written, in this order. */
  readonly steps: readonly IdentityStep[];
}

/** What may have to be done for a goal identity. `bring` is a person's: the identity is brought, and missing. */
export type IdentityStep = 'create group' | 'create identity' | 'lock identity' | 'bring identity';

/**
 * Looks at the goal identities of work to be done, writing nothing: in Resource Graph, and one list of locks for each
 * subscription that has identities to be locked. Throws AzureError when Resource Graph cannot be read.
 */
export async function surveyIdentities(app: App, work: readonly VmsToWrite[]): Promise<SurveyedIdentity[]> {
  const { settings } = app;
  const mode = settings.policy.identity;
  const wanted = work.map((row) => ({ goal: goalIdentity(mode, row), work: row }));
  const byGoal = [...Map.groupBy(wanted, ({ goal }) => fold(goal)).values()];
  const { exists, groups } = await inventory(
    app,
    byGoal.map(([first]) => first?.goal ?? ''),
  );
  const lock = isToBeLocked(mode, settings.lockIdentities);
  // Without leave to read locks the rest of the survey still holds.
  const isLocked = lockLookup(app.clients);
  const groupsToMake = new Set<string>();

  return Promise.all(
    byGoal.map(async (rows) => {
      const goal = rows[0]?.goal ?? '';
      const present = exists.has(fold(goal));
      const steps: IdentityStep[] = [];
      if (!present && !isMadeByUs(mode)) steps.push('bring identity');
      if (!present && isMadeByUs(mode)) {
        const group = groupOf(goal);
        if (!groups.has(group) && !groupsToMake.has(group)) steps.push('create group');
        groupsToMake.add(group);
        steps.push('create identity');
      }
      let locked: boolean | undefined;
      if (lock && !steps.includes('bring identity')) {
        locked = await isLocked(goal);
        if (locked === false) steps.push('lock identity');
      }
      return { goal, work: rows.map(({ work }) => work), exists: present, locked, steps };
    }),
  );
}

async function inventory({ clients, settings }: App, goals: readonly string[]) {
  const central =
    settings.policy.identity.kind === 'ownCentral' ? parseIdentityId(goals[0] ?? '') : undefined;
  if (!central) {
    const { identities, groups } = await inventoryOf(clients, goals);
    return { exists: identities, groups };
  }
  // It may be where Resource Graph shows us nothing, and be assigned by whom it cannot be read.
  const principal = await identityPrincipal(clients, central).catch((error: unknown) => {
    const failure = toAzureError(error);
    if (failure.kind === 'forbidden') return '';
    throw failure;
  });
  const exists = new Set(principal === undefined ? [] : [fold(central.id)]);
  return { exists, groups: new Set<string>() };
}
