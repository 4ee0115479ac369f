import type { App } from '../app.ts';
import { groupManagedBy } from '../azure/managedIdentities.ts';
import { type Coverage, resolveScopes } from '../azure/scopeResolution.ts';
import { fold, type ResourceId, resourceGroupId } from '../domain/resourceId.ts';
import { silent, type Telemetry } from '../telemetry/telemetry.ts';
import { type Contests, contestHistory } from './contests.ts';
import { type Exclusive, exclusive } from './exclusive.ts';
import { expiring } from './expiring.ts';
import { type GoalIdentities, goalIdentities } from './goalIdentities.ts';
import { once } from './once.ts';

/** What invocations in one process share, for a while, so that a burst of events does not ask Azure again and again. */
export interface Shared {
  readonly app: App;
  readonly exclusive: Exclusive;
  readonly telemetry: Telemetry;
  /** The scopes, at most five minutes old. Rejects with ScopeError or AzureError. */
  coverage(): Promise<Coverage>;
  /** Goal identities seen to within the last minute. */
  identities(): Promise<GoalIdentities>;
  /** Contests, known from at most five minutes ago. Rejects as `coverage` does. */
  contests(): Promise<Contests>;
  /** `managedBy` of a VM's resource group, at most ten minutes old; empty when nobody manages it or it is gone. */
  groupManagedBy(vm: ResourceId): Promise<string>;
}

const COVERAGE_MS = 5 * 60_000;
const CONTESTS_MS = 5 * 60_000;
const IDENTITIES_MS = 60_000;
const GROUPS_MS = 10 * 60_000;

/** Makes what is shared. Nothing is asked yet. */
export function shared(app: App, telemetry: Telemetry = silent): Shared {
  const { clients, settings, clock } = app;
  const groups = expiring(clock, GROUPS_MS, async () => new Map<string, Promise<string>>());
  const coverage = expiring(clock, COVERAGE_MS, () =>
    resolveScopes(clients, settings.scopes, settings.excludedScopes),
  );
  return {
    app,
    exclusive: exclusive(),
    telemetry,
    coverage,
    contests: expiring(clock, CONTESTS_MS, async () => contestHistory(app, await coverage())),
    identities: expiring(clock, IDENTITIES_MS, async () => goalIdentities({ clients, settings })),
    async groupManagedBy(vm) {
      const known = await groups();
      const key = fold(resourceGroupId(vm.subscriptionId, vm.resourceGroup));
      const asked = once(known, key, () => groupManagedBy(clients, vm.subscriptionId, vm.resourceGroup));
      asked.catch(() => known.delete(key));
      return asked;
    },
  };
}
