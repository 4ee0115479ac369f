// What others do to the same fleet, by Azure's own SDK with the retries it comes with: `baselineClient.ts INPUT`.
import { ComputeManagementClient, type VirtualMachine } from '@azure/arm-compute';
import { ManagementLockClient } from '@azure/arm-locks';
import { ManagedServiceIdentityClient } from '@azure/arm-msi';
import { ResourceManagementClient } from '@azure/arm-resources';
import { ManagedIdentityCredential } from '@azure/identity';
import { type BenchFleet, GROUP, goalOf, LOCK_NAME, vmsOf } from './fleet.ts';

/** Who. What each does is said at its function. */
export type BaselineKind = 'sequential' | 'parallel' | 'unlimited' | 'policy' | 'delta';

/** What a baseline is to do. */
export interface BaselineInput {
  readonly kind: BaselineKind;
  /** How many VMs at the same time, where the kind has a limit. */
  readonly atOnce?: number;
  readonly fleet: BenchFleet;
  readonly speed: number;
  /** Only the first so many VMs. */
  readonly first?: number;
}

/** What came of it. */
export interface BaselineCost {
  /** Emulator's time when it began, ms. */
  readonly startedAt: number;
  readonly failed: number;
  readonly cpuSeconds: number;
}

interface Target {
  readonly subscriptionId: string;
  readonly group: string;
  readonly name: string;
  readonly location: string;
}

const input = JSON.parse(process.argv[2] ?? '{}') as BaselineInput;
const endpoint = process.env.ARM_ENDPOINT ?? '';
const credential = new ManagedIdentityCredential({ clientId: process.env.AZURE_CLIENT_ID ?? '' });
// The SDK's own 2 s between polls, in the embedded Azure's time.
const polling = { updateIntervalInMs: 2000 / input.speed };
// How often such a controller looks again, and how often it is let to, here.
const RECONCILE_MS = 180_000;
const MOST_PASSES = 20;

const clients = new Map<string, ReturnType<typeof clientsOf>>();
function clientsOf(subscriptionId: string) {
  const of = { endpoint, $host: endpoint };
  return {
    compute: new ComputeManagementClient(credential, subscriptionId, { endpoint }),
    identities: new ManagedServiceIdentityClient(credential, subscriptionId, of),
    locks: new ManagementLockClient(credential, subscriptionId, of),
    resources: new ResourceManagementClient(credential, subscriptionId, { endpoint }),
  };
}
function clientOf({ subscriptionId }: Target) {
  const client = clients.get(subscriptionId) ?? clientsOf(subscriptionId);
  clients.set(subscriptionId, client);
  return client;
}

/** A script: GET, PATCH, the poller to its end; one VM after the other, or so many at a time, or all at once. */
async function script(vm: Target): Promise<void> {
  const { virtualMachines } = clientOf(vm).compute;
  const { identity } = await virtualMachines.get(vm.group, vm.name);
  await virtualMachines.update(vm.group, vm.name, { identity: withGoal(vm, identity, false) }, polling);
}

/**
 * A model of the call order of the built-in policy's deployment for one VM: 8 writes. The nested deployments, of which the
 * embedded Azure knows nothing, are stood in for by a PUT of the existing group, one Resource Manager write too.
 */
async function policy(vm: Target): Promise<void> {
  const { compute, identities, locks, resources } = clientOf(vm);
  const name = `built-in-identity-${vm.location}`;
  const deployment = () => resources.resourceGroups.createOrUpdate(GROUP, { location: 'eastus' });
  await deployment();
  await resources.resourceGroups.createOrUpdate(GROUP, { location: 'eastus' });
  await deployment();
  await identities.userAssignedIdentities.createOrUpdate(GROUP, name, { location: vm.location });
  await locks.managementLocks.createOrUpdateByScope(goalOf(vm.subscriptionId, vm.location), LOCK_NAME, {
    level: 'CanNotDelete',
  });
  await deployment();
  const { identity, location } = await compute.virtualMachines.get(vm.group, vm.name);
  await deployment();
  const body = { location, identity: withGoal(vm, identity, true) };
  await compute.virtualMachines.createOrUpdate(vm.group, vm.name, body, polling);
}

/** A model of a controller that sends deltas and does not pace itself: all at once; after a failure the VM is read again. */
async function delta(vm: Target): Promise<void> {
  try {
    await script(vm);
  } catch (error) {
    await clientOf(vm).compute.virtualMachines.get(vm.group, vm.name);
    throw error;
  }
}

function withGoal(vm: Target, identity: VirtualMachine['identity'], whole: boolean) {
  const known = whole ? Object.keys(identity?.userAssignedIdentities ?? {}) : [];
  const ids = [...known, goalOf(vm.subscriptionId, vm.location)];
  return {
    type: 'SystemAssigned, UserAssigned' as const,
    userAssignedIdentities: Object.fromEntries(ids.map((id) => [id, {}])),
  };
}

/** Does something with each, so many at a time; returns those it failed for. */
async function each(vms: readonly Target[], atOnce: number, work: (vm: Target) => Promise<void>) {
  const failed: Target[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let vm = vms[next++]; vm; vm = vms[next++]) {
      const one = vm;
      await work(one).catch(() => failed.push(one));
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, vms.length) }, worker));
  return failed;
}

async function run(vms: readonly Target[]): Promise<number> {
  const { kind, atOnce = Number.POSITIVE_INFINITY } = input;
  if (kind === 'policy') return (await each(vms, atOnce, policy)).length;
  if (kind !== 'delta') return (await each(vms, kind === 'sequential' ? 1 : atOnce, script)).length;
  let left = await each(vms, Number.POSITIVE_INFINITY, delta);
  for (let pass = 1; left.length > 0 && pass < MOST_PASSES; pass++) {
    await new Promise((resolve) => setTimeout(resolve, RECONCILE_MS / input.speed));
    left = await each(left, Number.POSITIVE_INFINITY, delta);
  }
  return left.length;
}

const targets: Target[] = [];
for (const { id, location } of vmsOf(input.fleet)) {
  const [, , subscriptionId = '', , group = '', , , , name = ''] = id.split('/');
  targets.push({ subscriptionId, group, name, location });
  if (targets.length === input.first) break;
}
const [, origin] = (process.env.EMBEDDED_AZURE_CLOCK ?? `1@${Date.now()}`).split('@').map(Number);
const startedAt = (origin ?? 0) + (Date.now() - (origin ?? 0)) * input.speed;
const before = process.cpuUsage();
const failed = await run(targets);
const spent = process.cpuUsage(before);
const cost: BaselineCost = { startedAt, failed, cpuSeconds: (spent.user + spent.system) / 1e6 };
process.send?.(cost);
