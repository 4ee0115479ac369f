import type { App } from '../app.ts';
import { actionsUsed } from '../azure/actions.ts';
import { toAzureError } from '../azure/errors.ts';
import { identityExists } from '../azure/managedIdentities.ts';
import { type Coverage, coveredSubscriptions } from '../azure/scopeResolution.ts';
import { systemTopics } from '../azure/systemTopics.ts';
import { createIdentity, registerProvider } from '../domain/azCommands.ts';
import { goalIdentity } from '../domain/goalIdentity.ts';
import { parseIdentityId, type ResourceId } from '../domain/resourceId.ts';
import type { Check } from './check.ts';
import { eventCheck } from './eventChecks.ts';
import { grantIn, stepFor } from './nextSteps.ts';
import { planSweep } from './plan.ts';
import { anyGroup, type Preflight, preflight } from './preflight.ts';
import { slots } from './slots.ts';

const SUBSCRIPTIONS_AT_ONCE = 8;

/**
 * Looks at what the app needs in every subscription in scope: rights, resource providers, identities of your own,
 * regions, and whether events bring new VMs.
 * Writes nothing. `onSubscription` is told of each that was looked at. Throws AzureError when VMs cannot be counted.
 */
export async function examine(app: App, coverage: Coverage, onSubscription: () => void): Promise<Check[]> {
  const { policy } = app.settings;
  const { counts } = await planSweep(app, coverage);
  const locations = Map.groupBy(counts, ({ subscriptionId }) => subscriptionId);
  const checks = preflight(app);
  const places = slots(SUBSCRIPTIONS_AT_ONCE);
  const central = policy.identity.kind === 'ownCentral' ? parseIdentityId(policy.identity.id) : undefined;
  const ofIdentity = central ? [await ownIdentity(app, checks, central, central.id)] : [];
  const subscriptions = subscriptionsOf(coverage);
  const topics = systemTopics(app.clients, subscriptions);
  topics.catch(() => undefined);
  const found = await Promise.all(
    subscriptions.map(async (subscriptionId) => {
      await places.enter();
      try {
        const regions = (locations.get(subscriptionId) ?? []).map(({ location }) => location);
        return await subscriptionChecks(app, checks, topics, subscriptionId, [...new Set(regions)]);
      } finally {
        places.leave();
        onSubscription();
      }
    }),
  );
  return [...ofIdentity, ...found.flat()];
}

/** Folded ids of the subscriptions that are in scope, whole or in part. */
export function subscriptionsOf(coverage: Coverage): string[] {
  const { excluded } = coverage.scopes;
  return [...coveredSubscriptions(coverage)].filter((id) => !excluded.subscriptions.has(id));
}

async function subscriptionChecks(
  app: App,
  checks: Preflight,
  topics: ReturnType<typeof systemTopics>,
  subscriptionId: string,
  locations: readonly string[],
): Promise<Check[]> {
  const { identity } = app.settings.policy;
  const providers = [
    'Microsoft.Compute',
    ...(identity.kind === 'ownCentral' ? [] : ['Microsoft.ManagedIdentity']),
  ].map((namespace) => provider(app, checks, subscriptionId, namespace));
  const goals = locations.map((location) => goalIdentity(identity, { subscriptionId, location }));
  const id = parseIdentityId(goalIdentity(identity, { subscriptionId, location: '' }));
  return Promise.all([
    rights(app, checks, subscriptionId),
    ...providers,
    ...(identity.kind === 'builtIn'
      ? [regions(app, checks, subscriptionId, goals, locations)]
      : identity.kind === 'ownInSubscription' && id
        ? [ownIdentity(app, checks, id, subscriptionId)]
        : []),
    eventCheck(app, checks, topics, { subscriptionId, resourceGroup: anyGroup(app.settings) }),
  ]);
}

async function rights(app: App, checks: Preflight, subscriptionId: string): Promise<Check> {
  const { settings } = app;
  const about = { subject: subscriptionId, check: 'rights' };
  const place = { subscriptionId, resourceGroup: anyGroup(settings) };
  const used = actionsUsed(settings).filter(
    ({ on }) => on !== 'identity' || settings.policy.identity.kind !== 'ownCentral',
  );
  const names = used.map(({ action }) => action);
  const absent = await checks.missing(place, names);
  if (!absent) {
    const detail = `Azure did not say which rights the remediator has over scope '/subscriptions/${subscriptionId}'.`;
    return { ...about, state: 'unknown', detail, next: grantRead(app, subscriptionId, 'permissions') };
  }
  if (absent.length === 0) return { ...about, state: 'ok', detail: `all ${names.length}`, next: '' };
  const { detail, next } = await checks.lack(place);
  const below = await checks.grantedBelow(subscriptionId);
  return below
    ? { ...about, state: 'unknown', detail: `${detail} Roles assigned below it may have them.`, next }
    : { ...about, state: 'missing', detail, next };
}

async function provider(
  app: App,
  checks: Preflight,
  subscriptionId: string,
  namespace: string,
): Promise<Check> {
  const about = { subject: subscriptionId, check: namespace };
  const state = await checks.provider(subscriptionId, namespace);
  if (!state) {
    const detail = `Azure did not say whether it is registered over scope '/subscriptions/${subscriptionId}'.`;
    return { ...about, state: 'unknown', detail, next: grantRead(app, subscriptionId, 'providers') };
  }
  return state.registered
    ? { ...about, state: 'ok', detail: 'registered', next: '' }
    : {
        ...about,
        state: 'missing',
        detail: 'not registered',
        next: `Register it: ${registerProvider(namespace, subscriptionId)}`,
      };
}

async function ownIdentity(app: App, checks: Preflight, id: ResourceId, subject: string): Promise<Check> {
  const { clients, settings } = app;
  const about = { subject, check: 'identity' };
  const read = await identityExists(clients, id).catch(toAzureError);
  if (read === false) {
    const next = `Create it, or correct the settings that name it: ${createIdentity(id, settings.resourceGroupLocation)}`;
    return { ...about, state: 'missing', detail: `${id.id} does not exist.`, next };
  }
  const gap = await checks.identity(id, '', { present: read === true || undefined, groupPresent: true });
  if (gap) return { ...about, state: 'missing', detail: gap.detail, next: gap.next ?? '' };
  if (read === true) return { ...about, state: 'ok', detail: id.id, next: '' };
  const next = stepFor(settings, read, id.subscriptionId) ?? '';
  return { ...about, state: 'unknown', detail: read.message, next };
}

// Only what would have to be made counts: an identity that is there serves VMs wherever it is.
async function regions(
  app: App,
  checks: Preflight,
  subscriptionId: string,
  goals: readonly string[],
  locations: readonly string[],
): Promise<Check> {
  const gaps = await Promise.all(
    goals.map(async (goal, index) => {
      const id = parseIdentityId(goal);
      const gap = id && (await checks.region(id, locations[index] ?? ''));
      const present = gap && (await identityExists(app.clients, id).catch(() => false));
      return present ? undefined : gap;
    }),
  );
  const bad = gaps.filter((gap) => gap !== undefined);
  return {
    subject: subscriptionId,
    check: 'regions',
    state: bad.length > 0 ? 'missing' : 'ok',
    detail: bad.length > 0 ? bad.map(({ detail }) => detail).join(' ') : `all ${locations.length}`,
    next: bad.map(({ next }) => next).join(' '),
  };
}

function grantRead(app: App, subscriptionId: string, what: 'permissions' | 'providers'): string {
  const action =
    what === 'permissions'
      ? 'Microsoft.Authorization/permissions/read'
      : 'Microsoft.Resources/subscriptions/providers/read';
  return grantIn(app.settings, subscriptionId, [action]);
}
