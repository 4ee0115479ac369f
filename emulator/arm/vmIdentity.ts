import { parseArmPath } from '../state/armPath.ts';
import type { ArmIdentity, ArmResource } from '../state/armResource.ts';
import type { Entry } from '../state/store.ts';
import { errors } from './errors.ts';
import { guidOf, TENANT_ID } from './principals.ts';
import type { ArmRequest, World } from './request.ts';

const ASSIGN = 'Microsoft.ManagedIdentity/userAssignedIdentities/assign/action';
const MOST_IN_ONE_REQUEST = 150;
type Values = Record<string, { principalId?: string; clientId?: string }>;

/** What a write makes of a VM's identity. */
export interface IdentityChange {
  /** The identity afterwards, complete; undefined when there is none. */
  readonly stored: ArmIdentity | undefined;
  /** The same as the answer shows it: `{}` for ids that are new to this VM (wire-behaviour 1.2). */
  readonly shown: ArmIdentity | undefined;
  /** Ids that are gone, in lower case. */
  readonly removed: readonly string[];
}

/** A write that says nothing of identity. */
export function unchanged(identity: ArmIdentity | undefined): IdentityChange {
  return { stored: identity, shown: identity, removed: [] };
}

/**
 * Applies the `identity` of a request (wire-behaviour 1.1, recorded in a01-a09). In a PATCH the map merges: `{}` adds,
 * `null` removes, what is not mentioned stays; in a PUT it is the whole map. `type` is always a whole value: leaving
 * SystemAssigned out removes the system identity, leaving UserAssigned out removes all user-assigned ones.
 * Throws ArmError as Azure refuses: see docs/emulator.md for which error rests on what.
 */
export function applyIdentity(
  world: World,
  request: ArmRequest,
  vm: Pick<ArmResource, 'id' | 'location'>,
  entry: Entry | undefined,
  wanted: unknown,
): IdentityChange {
  const before = entry?.resource.identity;
  const { type, userAssignedIdentities } = readIdentity(wanted);
  const types = type.split(',').map((part) => part.trim());
  const system = types.includes('SystemAssigned');
  const user = types.includes('UserAssigned');
  const named = Object.entries(userAssignedIdentities ?? {});
  const added = named.filter(([, value]) => value !== null).map(([id]) => id);
  if (!user && added.length > 0) {
    throw errors.invalidParameter(
      'identity.userAssignedIdentities',
      `The identity type '${type}' cannot be combined with user assigned identities. Use 'UserAssigned' or 'SystemAssigned, UserAssigned'.`,
    );
  }
  const old = before?.userAssignedIdentities ?? {};
  const oldKeys = new Map(Object.keys(old).map((key) => [key.toLowerCase(), key]));
  requireAssignable(world, request, vm.id, added);
  const newToVm = added.filter((id) => !oldKeys.has(id.toLowerCase())).length;
  if (newToVm > 0) world.throttle.assignIdentities(request.counted, vm.id, vm.location ?? '', newToVm);
  requireVisible(world, vm.id, added);

  const merged: Values = user && request.method === 'PATCH' ? { ...old } : {};
  const shown: Values = { ...merged };
  for (const [id, value] of user ? named : []) {
    const known = oldKeys.get(id.toLowerCase());
    if (value === null) {
      delete merged[known ?? id];
      delete shown[known ?? id];
      continue;
    }
    const key = known ?? id;
    merged[key] = valuesOf(world, id);
    const isNew = known === undefined && !entry?.formerIdentities?.has(id.toLowerCase());
    shown[key] = isNew ? {} : merged[key];
  }
  if (user && Object.keys(merged).length === 0) {
    throw errors.missingIdentityIds(type);
  }
  const common = systemPart(vm.id, before, system);
  const typeText = [...(system ? ['SystemAssigned'] : []), ...(user ? ['UserAssigned'] : [])].join(', ');
  const make = (map: Values): ArmIdentity | undefined =>
    typeText === '' ? undefined : { type: typeText, ...common, ...(user && { userAssignedIdentities: map }) };
  const kept = new Set(Object.keys(merged).map((key) => key.toLowerCase()));
  const removed = [...oldKeys.keys()].filter((key) => !kept.has(key));
  return { stored: make(merged), shown: make(shown), removed };
}

function readIdentity(wanted: unknown): {
  type: string;
  userAssignedIdentities?: Record<string, object | null>;
} {
  if (wanted === null || typeof wanted !== 'object' || Array.isArray(wanted)) {
    throw errors.invalidContent('The identity property must be an object.');
  }
  const { type, userAssignedIdentities } = wanted as { type?: unknown; userAssignedIdentities?: unknown };
  const spelled = ['None', 'SystemAssigned', 'UserAssigned', 'SystemAssigned, UserAssigned'].find(
    (known) =>
      known.replace(' ', '').toLowerCase() ===
      String(type ?? '')
        .replaceAll(' ', '')
        .toLowerCase(),
  );
  if (spelled === undefined) {
    throw errors.invalidParameter(
      'identity.type',
      `The value '${String(type ?? '')}' of parameter 'identity.type' is invalid.`,
    );
  }
  if (userAssignedIdentities === undefined || userAssignedIdentities === null) return { type: spelled };
  for (const [id, value] of Object.entries(userAssignedIdentities)) {
    const empty = value !== null && typeof value === 'object' && Object.keys(value).length === 0;
    if (value !== null && !empty) throw errors.invalidIdentityValues(id);
  }
  return { type: spelled, userAssignedIdentities: userAssignedIdentities as Record<string, object | null> };
}

// The right to assign is checked first: by it a dangling id is refused as a linked scope (azure-facts, section 5).
// Who holds the right anyway, by a role higher up, hears of the missing identity instead (f07).
function requireAssignable(world: World, request: ArmRequest, vmId: string, ids: readonly string[]): void {
  for (const id of ids) {
    if (!isIdentityId(id)) throw errors.invalidPropertyId(id);
  }
  const { principal } = request;
  const access = world.access();
  const refused = ids.filter((id) => !access.allowed(principal, ASSIGN, id));
  if (refused.length > 0) {
    const action = 'Microsoft.Compute/virtualMachines/write';
    throw errors.linkedAuthorizationFailed(principal.clientId, principal.objectId, action, vmId, refused);
  }
  if (ids.length > MOST_IN_ONE_REQUEST) throw errors.tooManyIdentities(vmId, ids.length);
}

// An assignment that fails here was counted all the same: a dangling id, tried again and again, has throttled a whole
// subscription (aad-pod-identity#1139).
function requireVisible(world: World, vmId: string, ids: readonly string[]): void {
  const now = world.clock.now();
  for (const id of ids) {
    const entry = world.store.get(id);
    const visible = entry && entry.visibleAt <= now;
    if (!visible) {
      throw errors.identityNotFound(vmId, id.replace(/\/resourcegroups\//i, '/resourcegroups/'));
    }
  }
}

function isIdentityId(id: string): boolean {
  const path = id.startsWith('/') && !id.includes('%') ? parseArmPath(id) : undefined;
  const type = `${path?.namespace}/${path?.type}`.toLowerCase();
  return type === 'microsoft.managedidentity/userassignedidentities' && !path?.isCollection;
}

function valuesOf(world: World, id: string): { principalId: string; clientId: string } {
  const properties = world.store.get(id)?.resource.properties ?? {};
  return { principalId: String(properties.principalId), clientId: String(properties.clientId) };
}

function systemPart(vmId: string, before: ArmIdentity | undefined, system: boolean) {
  if (!system) return {};
  const principalId = before?.principalId ?? guidOf(`system ${vmId} ${Date.now()}`);
  return { principalId, tenantId: before?.tenantId ?? TENANT_ID };
}
