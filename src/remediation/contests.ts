import type { App } from '../app.ts';
import { identityChanges, identityChangesOf, type VmChange } from '../azure/changeHistory.ts';
import { type AzureError, toAzureError } from '../azure/errors.ts';
import type { Coverage } from '../azure/scopeResolution.ts';
import { type Contest, contestOf, takesAway } from '../domain/contest.ts';
import type { IdentityMode } from '../domain/policy.ts';
import { fold, parseIdentityId, type ResourceId } from '../domain/resourceId.ts';

/** Knows the VMs from which others keep taking the goal identity. */
export interface Contests {
  /** The contest about a VM that is about to be written; undefined when there is none. Never rejects. */
  of(vm: ResourceId, goal: string): Promise<Contest | undefined>;
}

/**
 * Contests in everything in scope. Azure's change history is asked when the first VM is about to be written, once, so
 * that a run without work asks nothing. Where it cannot be read, there are no contests; `onUnread` hears why.
 */
export function contestHistory(
  app: App,
  coverage: Coverage,
  onUnread: (error: AzureError) => void = () => undefined,
): Contests {
  let asked: Promise<Map<string, VmChange[]>> | undefined;

  async function ask(): Promise<Map<string, VmChange[]>> {
    try {
      const name = nameOf(app.settings.policy.identity);
      const changes = await identityChanges(app.clients, coverage.requests, name);
      return Map.groupBy(changes, ({ vm }) => fold(vm.id));
    } catch (error) {
      onUnread(toAzureError(error));
      return new Map();
    }
  }

  return {
    async of(vm, goal) {
      asked ??= ask();
      return contestIn(app, (await asked).get(fold(vm.id)) ?? [], goal);
    },
  };
}

/** The contest about one VM, by a query of its own. Throws AzureError. */
export async function contestAbout(app: App, vm: ResourceId, goal: string): Promise<Contest | undefined> {
  const changes = await identityChangesOf(app.clients, vm, nameOf(app.settings.policy.identity));
  return contestIn(app, changes, goal);
}

function contestIn({ settings }: App, changes: readonly VmChange[], goal: string): Contest | undefined {
  const own = [settings.clientId, settings.objectId].map((id) => id && fold(id));
  return contestOf(changes.filter(({ by, changes }) => !own.includes(by) && takesAway(changes, goal)));
}

// What all goal identities have in their names, so that one query serves all regions.
function nameOf(mode: IdentityMode): string {
  if (mode.kind === 'builtIn') return `${mode.namePrefix}-`;
  return mode.kind === 'ownInSubscription' ? mode.name : (parseIdentityId(mode.id)?.name ?? '');
}
