import type { Azure } from '../../emulator/azure.ts';
import type { ArmIdentity } from '../../emulator/state/armResource.ts';
import { lockOn, vmIn } from '../azure.ts';
import { OTHER_SUBSCRIPTION, regionalIdentity, SUBSCRIPTION } from '../builders.ts';
import { nameOf, type Phase } from './schedule.ts';

const GROUP_ONLY = '33333333-3333-3333-3333-333333333333';
const FOREIGN = '44444444-4444-4444-4444-444444444444';

const own = (name: string) =>
  `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg-identities/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${name}`;
const user = (...names: string[]) => Object.fromEntries(names.map((name) => [own(name), {}]));

/** What becomes of a VM: it gets its identity, is left as it is, or cannot be written, which is said. */
type End = 'carries' | 'untouched' | 'refused';

interface Member {
  readonly end: End;
  readonly subscription: string;
  readonly more: Record<string, unknown>;
}

const member = (end: End, subscription = SUBSCRIPTION, more: Record<string, unknown> = {}): Member => ({
  end,
  subscription,
  more,
});

const MEMBERS: readonly Member[] = [
  member('carries'),
  member('carries', SUBSCRIPTION, { identity: { type: 'SystemAssigned' } }),
  member('carries', SUBSCRIPTION, {
    identity: { type: 'SystemAssigned, UserAssigned', userAssignedIdentities: user('app') },
  }),
  member('carries', SUBSCRIPTION, {
    identity: { type: 'UserAssigned', userAssignedIdentities: user('app', 'db') },
  }),
  member('carries', SUBSCRIPTION, { location: 'westeurope' }),
  member('carries', OTHER_SUBSCRIPTION),
  member('carries', OTHER_SUBSCRIPTION, { location: 'westeurope', identity: { type: 'SystemAssigned' } }),
  member('carries', GROUP_ONLY, { group: 'rg-in' }),
  member('refused'),
  member('untouched', SUBSCRIPTION, {
    identity: { type: 'UserAssigned', userAssignedIdentities: user('app') },
  }),
  member('untouched', SUBSCRIPTION, { tags: { 'no-identity': 'true' } }),
  member('untouched', SUBSCRIPTION, { group: 'rg-excluded' }),
  member('untouched', SUBSCRIPTION, { group: 'MC_managed' }),
  member('untouched', GROUP_ONLY, { group: 'rg-out' }),
  member('untouched', FOREIGN),
  member('untouched', FOREIGN, { identity: { type: 'SystemAssigned' } }),
];

/** A VM of the fleet, with what must become of it. */
export interface FleetVm {
  readonly id: string;
  readonly end: End;
  /** The identity it shall carry. */
  readonly goal: string;
}

/** Every VM, in scope and out of it; their names are `nameOf` their number. */
export const fleet: readonly FleetVm[] = MEMBERS.map(({ end, subscription, more }, number) => {
  const { id } = vmIn(subscription, nameOf(number), more);
  return { id, end, goal: regionalIdentity(String(more.location ?? 'eastus'), subscription) };
});

/** The settings with which those, and no others, are in scope. */
export const fleetSettings = {
  SCOPES: [
    `/subscriptions/${SUBSCRIPTION}`,
    `/subscriptions/${OTHER_SUBSCRIPTION}`,
    `/subscriptions/${GROUP_ONLY}/resourceGroups/rg-in`,
  ].join(),
  EXCLUDED_SCOPES: `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg-excluded`,
  EXCLUSION_TAG: 'no-identity',
};

/** Puts an Azure back to the fleet, as before the first sweep. */
export async function seedFleet(azure: Azure): Promise<void> {
  await fetch(`${azure.controlEndpoint}/reset`, { method: 'POST' });
  await azure.seed([
    { id: `/subscriptions/${SUBSCRIPTION}/resourceGroups/MC_managed`, location: 'eastus', managedBy: '/x' },
    ...['app', 'db'].map((name) => ({ id: own(name), location: 'eastus' })),
    ...MEMBERS.map(({ subscription, more }, number) => vmIn(subscription, nameOf(number), more)),
    ...fleet.filter(({ end }) => end === 'refused').map(lockOn),
  ]);
}

/** What befalls the fleet between two sweeps. */
export async function befall(azure: Azure, { anew, gone }: Pick<Phase, 'anew' | 'gone'>): Promise<void> {
  await azure.seed(
    anew.map((number) => {
      const { subscription, more } = MEMBERS[number] as Member;
      return vmIn(subscription, nameOf(number), more);
    }),
  );
  if (gone === 'nothing') return;
  for (const goal of new Set(fleet.map((vm) => vm.goal))) {
    const locks = [...azure.store.list('microsoft.authorization/locks')].filter(({ resource }) =>
      resource.id.toLowerCase().startsWith(`${goal.toLowerCase()}/`),
    );
    for (const entry of locks) azure.store.remove(entry);
    const identity = gone === 'identities' && azure.store.get(goal);
    if (identity) azure.store.remove(identity);
  }
}

/** The identity of each VM, by id. */
export function identitiesNow(azure: Azure): Map<string, ArmIdentity | undefined> {
  return new Map(fleet.map(({ id }) => [id, azure.store.get(id)?.resource.identity]));
}

/** Everything that is not as it must be when all is done; empty when it is. */
export function wrongNow(azure: Azure, before: ReadonlyMap<string, ArmIdentity | undefined>): string[] {
  const wrong: string[] = [];
  const locks = [...azure.store.list('microsoft.authorization/locks')].map(({ resource }) =>
    resource.id.toLowerCase(),
  );
  for (const { id, end, goal } of fleet) {
    if (end !== 'carries') continue;
    if (!carriesGoal(azure, id)) wrong.push(`${id} does not carry its identity as it is now`);
    if (!azure.store.get(goal)) wrong.push(`${goal} does not exist`);
    if (!locks.some((lock) => lock.startsWith(`${goal.toLowerCase()}/`))) wrong.push(`${goal} is not locked`);
  }
  return [...wrong, ...lostNow(azure, before)];
}

/** True when the VM carries its goal identity, and not, unless `orDead`, one that was deleted and made again since. */
export function carriesGoal(azure: Azure, vmId: string, orDead = false): boolean {
  const vm = fleet.find(({ id }) => id.toLowerCase() === vmId.toLowerCase());
  const carried = azure.store.get(vmId)?.resource.identity?.userAssignedIdentities ?? {};
  const [, values] =
    Object.entries(carried).find(([key]) => key.toLowerCase() === vm?.goal.toLowerCase()) ?? [];
  if (orDead) return values !== undefined;
  const principal = azure.store.get(vm?.goal ?? '')?.resource.properties?.principalId;
  return (
    principal !== undefined && (values as { principalId?: string } | undefined)?.principalId === principal
  );
}

/** What was lost or changed that never may be. */
export function lostNow(azure: Azure, before: ReadonlyMap<string, ArmIdentity | undefined>): string[] {
  const lost: string[] = [];
  for (const { id, end, goal } of fleet) {
    const was = before.get(id);
    const now = azure.store.get(id)?.resource.identity;
    const added = keysOf(now).filter((key) => !keysOf(was).includes(key));
    const allowed = end === 'carries' ? [goal.toLowerCase()] : [];
    if (keysOf(was).some((key) => !keysOf(now).includes(key))) lost.push(`${id} lost an identity`);
    if (was?.principalId !== now?.principalId) lost.push(`${id} has another system identity`);
    if (added.some((key) => !allowed.includes(key))) lost.push(`${id} got ${added.join()}`);
  }
  return lost;
}

function keysOf(identity: ArmIdentity | undefined): string[] {
  return Object.keys(identity?.userAssignedIdentities ?? {}).map((key) => key.toLowerCase());
}

const MAY_BE_WRITTEN = new Set(
  fleet
    .filter(({ end }) => end !== 'untouched')
    .flatMap(({ id, goal }) => {
      const [group = ''] = goal.split('/providers/');
      const name = goal.split('/').at(-1);
      const lock = `${goal}/providers/Microsoft.Authorization/locks/CanNotDeleteLock-${name}`;
      return [`PATCH ${id}`, `PUT ${goal}`, `PUT ${group}`, `PUT ${lock}`];
    })
    .map((write) => write.toLowerCase()),
);

/** Writes that reached Azure, accepted or not, and were not allowed. */
export function forbiddenWrites(azure: Azure): string[] {
  return azure.journal
    .calls()
    .filter(({ method, path }) => !['GET', 'HEAD'].includes(method) && !/ResourceGraph/i.test(path))
    .map(({ method, path }) => `${method} ${path.replace(/\/{2,}/g, '/')}`)
    .filter((write) => !MAY_BE_WRITTEN.has(write.toLowerCase()));
}

/** Ids, in lower case, of the VMs that were read or written since the journal was cleared. */
export function touched(azure: Azure): Set<string> {
  const ids = azure.journal.calls().map(({ path }) => path.toLowerCase());
  return new Set(ids.filter((id) => /\/virtualmachines\/[^/]+$/.test(id)));
}
