import type { App } from '../app.ts';
import { type ActionUse, actionsUsed } from '../azure/actions.ts';
import { allows, assignedBelow, type Permission, permissionsAt } from '../azure/permissions.ts';
import { type ProviderState, readProvider } from '../azure/resourceProviders.ts';
import { createIdentity, registerProvider } from '../domain/azCommands.ts';
import type { FailureReason } from '../domain/outcome.ts';
import { fold, foldLocation, type ResourceId, resourceGroupId } from '../domain/resourceId.ts';
import type { Settings } from '../settings.ts';
import { grantIn, grantOn } from './nextSteps.ts';
import { once } from './once.ts';

/** What is certain to keep VMs from being assigned, why, and what to do about it. */
export interface Gap {
  readonly reason: FailureReason;
  readonly detail: string;
  readonly next?: string;
}

/** What was found out about an identity before it is made or assigned. Undefined: it could not be read. */
export interface Found {
  readonly present: boolean | undefined;
  readonly groupPresent: boolean;
}

/** Looks before the first write, with few calls, each made once. Never throws: what cannot be found out is no gap. */
export interface Preflight {
  /**
   * What keeps every VM of the subscription from being assigned. At most four calls: permissions in `resourceGroup`,
   * any group of the subscription, two providers, and where rights are missing, whether some are granted further below.
   */
  subscription(subscriptionId: string, resourceGroup: string): Promise<Gap | undefined>;
  /** What keeps the identity from being made in this location, or assigned. At most one call more. */
  identity(id: ResourceId, location: string, found: Found): Promise<Gap | undefined>;
  /** Which of the actions we may not do at a place, a group or identity; undefined when Azure does not say. */
  missing(place: Place, actions: readonly string[]): Promise<string[] | undefined>;
  /** Whether roles are assigned to us below the subscription, on groups or resources; undefined when Azure does not say. */
  grantedBelow(subscriptionId: string): Promise<boolean | undefined>;
  /** What keeps an identity from being made in a location. */
  region(id: ResourceId, location: string): Promise<Gap | undefined>;
  /** The state of a resource provider; undefined when Azure does not say. */
  provider(subscriptionId: string, namespace: string): Promise<ProviderState | undefined>;
  /** Everything that is missing at a place, in words, and how to grant it. */
  lack(place: Place): Promise<Required<Omit<Gap, 'reason'>>>;
}

/** A resource group or, with `id`, an identity in it. */
type Place = Pick<ResourceId, 'subscriptionId' | 'resourceGroup'> & Partial<Pick<ResourceId, 'id'>>;

const PERMISSIONS_READ = 'Microsoft.Authorization/permissions/read';
const IDENTITIES = 'Microsoft.ManagedIdentity';

/** A group to ask in for what holds in a whole subscription. It need not exist: then the answer is what is inherited. */
export function anyGroup({ policy }: Pick<Settings, 'policy'>): string {
  return policy.identity.kind === 'ownCentral' ? 'built-in-identity-rg' : policy.identity.resourceGroup;
}

/** A preflight whose findings hold for its lifetime: make a new one for the next sweep or event. */
export function preflight({ clients, settings }: Pick<App, 'clients' | 'settings'>): Preflight {
  const permissions = new Map<string, Promise<Permission[] | undefined>>();
  const states = new Map<string, Promise<ProviderState | undefined>>();
  const used = actionsUsed(settings);
  const { policy } = settings;
  const mode = policy.identity.kind;
  const usedOf = (suffix: string) => namesOf(used.filter(({ action }) => action.endsWith(suffix)));

  function permissionsOf(place: Place): Promise<Permission[] | undefined> {
    const key = fold(place.id ?? resourceGroupId(place.subscriptionId, place.resourceGroup));
    return once(permissions, key, async () => {
      const held = await unlessRefused(permissionsAt(clients, place));
      // A list that lacks the right by which it was read does not tell all.
      return held && allows(held, PERMISSIONS_READ) ? held : undefined;
    });
  }

  function provider(subscriptionId: string, namespace: string): Promise<ProviderState | undefined> {
    return once(states, fold(`${subscriptionId} ${namespace}`), () =>
      unlessRefused(readProvider(clients, subscriptionId, namespace)),
    );
  }

  async function missing(place: Place, actions: readonly string[]): Promise<string[] | undefined> {
    const held = await permissionsOf(place);
    return held && actions.filter((action) => !allows(held, action));
  }

  async function lack(place: Place): Promise<Required<Omit<Gap, 'reason'>>> {
    const { subscriptionId } = place;
    // A central identity is granted by itself.
    const wanted = namesOf(mode === 'ownCentral' ? used.filter(({ on }) => on !== 'identity') : used);
    const names = (await missing(place, wanted)) ?? wanted;
    // Whoever has one of our rights that no reader has must have the role, which then lacks the others.
    const roleAssigned = wanted.some((action) => !names.includes(action) && !action.endsWith('/read'));
    return {
      detail: `The remediator lacks ${names.join(', ')} over scope '/subscriptions/${subscriptionId}'.`,
      next: grantIn(
        settings,
        subscriptionId,
        names,
        await clients.signedInAs().catch(() => undefined),
        roleAssigned,
      ),
    };
  }

  async function vmRights(subscriptionId: string, resourceGroup: string): Promise<Gap | undefined> {
    const onVms = used.filter(({ on, action }) => {
      const asksForGroup = action.endsWith('/resourceGroups/read');
      return on === 'virtualMachine' && !(asksForGroup && policy.includeManagedGroups);
    });
    const absent = await missing({ subscriptionId, resourceGroup }, namesOf(onVms));
    // Rights may be granted on groups or single VMs: only where nothing is can none of them be written.
    if (!absent?.length || (await grantedBelow(subscriptionId)) !== false) return undefined;
    return { reason: 'forbidden', ...(await lack({ subscriptionId, resourceGroup })) };
  }

  async function grantedBelow(subscriptionId: string): Promise<boolean | undefined> {
    const objectId = await unlessRefused(clients.signedInAs());
    if (objectId === undefined) return undefined;
    return unlessRefused(assignedBelow(clients, subscriptionId, objectId));
  }

  async function unregistered(subscriptionId: string): Promise<Gap | undefined> {
    const namespaces = mode === 'builtIn' ? ['Microsoft.Compute', IDENTITIES] : ['Microsoft.Compute'];
    const found = await Promise.all(namespaces.map((namespace) => provider(subscriptionId, namespace)));
    const lacking = namespaces.filter((_, index) => found[index]?.registered === false);
    if (lacking.length === 0) return undefined;
    return {
      reason: 'provider-not-registered',
      detail: `${lacking.join(' and ')} not registered in /subscriptions/${subscriptionId}.`,
      next: `Register: ${lacking.map((namespace) => registerProvider(namespace, subscriptionId)).join('; ')}`,
    };
  }

  async function region(id: ResourceId, location: string): Promise<Gap | undefined> {
    const state = await provider(id.subscriptionId, IDENTITIES);
    const offered = state?.locationsOf('userAssignedIdentities') ?? new Set();
    if (offered.size === 0 || offered.has(foldLocation(location))) return undefined;
    const nearby = settings.resourceGroupLocation;
    return {
      reason: 'identity-region',
      detail: `Azure makes no identities in ${location} for /subscriptions/${id.subscriptionId}.`,
      next: `Create it in another region; it serves VMs of every region: ${createIdentity(id, nearby)}`,
    };
  }

  return {
    missing,
    grantedBelow,
    region,
    provider,
    lack,
    async subscription(subscriptionId, resourceGroup) {
      const gaps = await Promise.all([vmRights(subscriptionId, resourceGroup), unregistered(subscriptionId)]);
      return joined(gaps.filter((gap) => gap !== undefined));
    },
    async identity(id, location, { present, groupPresent }) {
      const needed = [
        ...usedOf('/assign/action'),
        ...(present === false ? usedOf('/userAssignedIdentities/write') : []),
        ...(groupPresent ? [] : usedOf('/resourceGroups/write')),
      ];
      // Rights on the identity itself are seen there alone; a group that is not there tells what is inherited.
      const { subscriptionId, resourceGroup } = id;
      const inGroup =
        mode === 'ownCentral' ? needed : await missing({ subscriptionId, resourceGroup }, needed);
      const absent = inGroup?.length && present !== false ? await missing(id, inGroup) : inGroup;
      if (absent?.length) {
        const place = present === false ? { subscriptionId, resourceGroup } : id;
        if (mode !== 'ownCentral') return { reason: 'forbidden', ...(await lack(place)) };
        const detail = `The remediator lacks ${absent.join(', ')} over scope '${id.id}'.`;
        return { reason: 'identity-forbidden', detail, next: grantOn(settings, id.id) };
      }
      return present === false ? region(id, location) : undefined;
    },
  };
}

function namesOf(uses: readonly ActionUse[]): string[] {
  return uses.map(({ action }) => action);
}

function joined([first, ...more]: readonly Gap[]): Gap | undefined {
  if (!first) return undefined;
  const next = [first, ...more].map((gap) => gap.next).join(' ');
  return { reason: first.reason, detail: [first, ...more].map(({ detail }) => detail).join(' '), next };
}

// Refused, not there, broken: nothing is known then, and writes tell.
async function unlessRefused<T>(asked: Promise<T>): Promise<T | undefined> {
  return asked.catch(() => undefined);
}
