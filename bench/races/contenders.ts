import { ComputeManagementClient, type VirtualMachine } from '@azure/arm-compute';
import type { Pipeline } from '@azure/core-rest-pipeline';
import { ManagedIdentityCredential } from '@azure/identity';
import { host, remediator } from '../../emulator/arm/principals.ts';
import type { Azure } from '../../emulator/azure.ts';
import { type App, createApp } from '../../src/app.ts';
import { count, emptyTally, type Tally } from '../../src/domain/outcome.ts';
import type { Log } from '../../src/log.ts';
import { shared } from '../../src/remediation/shared.ts';
import { sweep } from '../../src/remediation/sweep.ts';
import { workVm } from '../../src/remediation/workVm.ts';
import { goalOf } from '../fleet.ts';
import { subscriptions } from './fleet.ts';

/** Somebody who brings VMs to their goal: one copy sweeps them, a second one works on single VMs. */
export interface Contender {
  /** How the VMs that were looked at ended, as far as it says. */
  readonly tally: Tally;
  /** Works on all VMs that lack their goal identity; `ids` are those, for who cannot find them. */
  sweep(ids: readonly { readonly id: string; readonly location: string }[]): Promise<void>;
  /** Works on one VM, by the second copy. */
  event(id: string, location: string): Promise<void>;
}

/** Makes one against an embedded Azure; what is done to the pipelines of its sweep and of its second copy is given. */
export type MakeContender = (
  azure: Azure,
  toSweep: (pipeline: Pipeline) => void,
  toSecond: (pipeline: Pipeline) => void,
) => Contender;

const ONCE_A_YEAR = '0 0 0 1 1 *';
const quiet: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** This app: a sweep, and beside it the handler of events in another copy that signs in as somebody else. */
export const thisApp: MakeContender = (azure, toSweep, toSecond) => {
  const copyAs = (clientId: string, lay: (pipeline: Pipeline) => void): App => {
    const app = createApp({ ...azure.env, SWEEP_SCHEDULE: ONCE_A_YEAR, AZURE_CLIENT_ID: clientId });
    for (const id of subscriptions) {
      lay(app.clients.compute(id).pipeline);
    }
    return app;
  };
  const sweeper = copyAs(remediator.clientId, toSweep);
  const second = shared(copyAs(host.clientId, toSecond));
  const tally = emptyTally();
  return {
    tally,
    async sweep() {
      await sweep(sweeper, { onVm: ({ outcome }) => count(tally, outcome) });
    },
    // What it throws is for the queue, which hands the message over again; here the last sweep does.
    event: (id) => workVm(second, { version: 1, id }, quiet, { lastTry: false }).catch(() => undefined),
  };
};

interface Model {
  readonly compute: (id: string) => ComputeManagementClient;
}
type Assign = (model: Model, id: string, location: string) => Promise<void>;

const AT_ONCE = 64;
// 2 s of the embedded Azure's.
const polling = { updateIntervalInMs: 80 };

/** A model of the built-in policy's call order: reads the identity, merges, and puts the whole list back. */
export const policyModel = modelOf(async ({ compute }, id, location) => {
  const { virtualMachines } = compute(id);
  const [group, name] = placeOf(id);
  const { identity } = await virtualMachines.get(group, name);
  const goal = goalOf(id.split('/')[2] ?? '', location);
  if (isCompliant(identity, goal)) return;
  const ids = [...Object.keys(identity?.userAssignedIdentities ?? {}), goal];
  const whole = { type: typeWithUser(identity), userAssignedIdentities: mapOf(ids) };
  // `*`: Azure refuses to make a VM from such a body, the embedded one would make it.
  const options = { ...polling, ifMatch: '*' };
  await virtualMachines.createOrUpdate(group, name, { location, identity: whole }, options);
});

/** A model of a controller that patches with what it adds only, its type from its reading, without `If-Match`. */
export const deltaModel = modelOf(async ({ compute }, id, location) => {
  const { virtualMachines } = compute(id);
  const [group, name] = placeOf(id);
  const { identity } = await virtualMachines.get(group, name);
  const goal = goalOf(id.split('/')[2] ?? '', location);
  if (isCompliant(identity, goal)) return;
  const delta = { type: typeWithUser(identity), userAssignedIdentities: mapOf([goal]) };
  await virtualMachines.update(group, name, { identity: delta }, polling);
});

/** A model in two copies, which leaves VMs alone as the app does (R5). The goal identities must be there. */
function modelOf(assign: Assign): MakeContender {
  return (azure, toSweep, toSecond) => {
    const copyAs = (clientId: string, lay: (pipeline: Pipeline) => void): Model => {
      const credential = new ManagedIdentityCredential({ clientId });
      const clients = new Map(
        subscriptions.map((id) => {
          const client = new ComputeManagementClient(credential, id, { endpoint: azure.armEndpoint });
          lay(client.pipeline);
          return [id, client];
        }),
      );
      return { compute: (id) => clients.get(id.split('/')[2] ?? '') as ComputeManagementClient };
    };
    const sweeper = copyAs(remediator.clientId, toSweep);
    const second = copyAs(host.clientId, toSecond);
    return {
      tally: emptyTally(),
      async sweep(ids) {
        const left = ids.values();
        const worker = async () => {
          for (const { id, location } of left) await assign(sweeper, id, location).catch(() => undefined);
        };
        await Promise.all(Array.from({ length: AT_ONCE }, worker));
      },
      event: (id, location) => assign(second, id, location).catch(() => undefined),
    };
  };
}

type SdkIdentity = VirtualMachine['identity'];

function isCompliant(identity: SdkIdentity, goal: string): boolean {
  const ids = Object.keys(identity?.userAssignedIdentities ?? {});
  if (ids.some((id) => id.toLowerCase() === goal.toLowerCase())) return true;
  return identity?.type === 'UserAssigned' && ids.length === 1;
}

function typeWithUser(identity: SdkIdentity): 'UserAssigned' | 'SystemAssigned, UserAssigned' {
  return identity?.type?.includes('SystemAssigned') ? 'SystemAssigned, UserAssigned' : 'UserAssigned';
}

function mapOf(ids: readonly string[]): Record<string, object> {
  return Object.fromEntries(ids.map((id) => [id, {}]));
}

function placeOf(id: string): [group: string, name: string] {
  const [, , , , group = '', , , , name = ''] = id.split('/');
  return [group, name];
}
