import { hash } from 'node:crypto';
import { z } from 'zod';
import type { Policy } from '../domain/policy.ts';
import { fold, parseVmId, type ResourceId } from '../domain/resourceId.ts';
import { type VmIdentity, vmIdentity } from '../domain/vmIdentity.ts';
import type { AzureClients } from './clients.ts';
import type { VmSettings } from './inventory.ts';
import {
  type Order,
  oneVmQuery,
  renewalIdsQuery,
  renewalsQuery,
  vmIdsQuery,
  vmsQuery,
  type Wanted,
} from './kql.ts';
import { inRequests, queryPages } from './resourceGraph.ts';
import type { Coverage } from './scopeResolution.ts';
import { GOAL_MISSING } from './verdictsKql.ts';

/** A VM that is to be written. */
export interface FoundVm {
  readonly vm: ResourceId;
  /** True when Resource Graph showed its resource group, so that the query has judged by it. */
  readonly groupSeen: boolean;
}

/** A VM as Resource Graph shows it. */
export interface ListedVm {
  readonly vm: ResourceId;
  readonly location: string;
  readonly identity: VmIdentity;
  readonly provisioningState: string;
  readonly verdict: string;
}

type Clients = Pick<AzureClients, 'resourceGraph'>;

const idRow = z.object({ id: z.string(), groupSeen: z.string().nullish() });
const vmRow = z.object({
  id: z.string(),
  location: z.string(),
  provisioningState: z.string().nullish(),
  verdict: z.string(),
  identityType: z.string().nullish(),
  identities: z.array(z.string()).nullish(),
});

/**
 * Pages of such VMs in these subscriptions, as far as Resource Graph knows: at most 1,000 a page, each id once. VMs that
 * are written meanwhile leave the answer, and where its pages are counted off anew each time, as nothing says they are
 * not, others move up into pages that were read already. So it is asked again as long as fewer VMs were seen than the
 * `counted` ones and more of them turn up. Remembers a number for each VM and no id. From which end it begins `random`
 * says (numbers in [0, 1)). Throws AzureError.
 */
export function vmIds(
  clients: Clients,
  coverage: Coverage,
  settings: VmSettings,
  wanted: Wanted,
  subscriptions: readonly string[],
  counted = 0,
  random: () => number = Math.random,
): AsyncGenerator<FoundVm[], void, undefined> {
  const query = vmIdsQuery(filterOf(coverage, settings), wanted, eitherWay(random));
  return idPages(clients, settings.policy, query, subscriptions, counted);
}

/** The same of the VMs of one location that carry a goal identity which is gone, or was deleted and made again. */
export function renewalIds(
  clients: Clients,
  coverage: Coverage,
  settings: VmSettings,
  location: string,
  subscriptions: readonly string[],
  random: () => number = Math.random,
): AsyncGenerator<FoundVm[], void, undefined> {
  const query = renewalIdsQuery(filterOf(coverage, settings), location, eitherWay(random));
  return idPages(clients, settings.policy, query, subscriptions, Number.POSITIVE_INFINITY);
}

// Every run lists anew and ends when its time is over: VMs that fail each time must not stand before the others always.
function eitherWay(random: () => number): Order {
  return random() < 0.5 ? 'asc' : 'desc';
}

async function* idPages(
  clients: Clients,
  policy: Policy,
  query: string,
  subscriptions: readonly string[],
  counted: number,
): AsyncGenerator<FoundVm[], void, undefined> {
  const seen = new Set<number>();
  let before: number;
  do {
    before = seen.size;
    for (const request of inRequests(subscriptions)) {
      for await (const rows of queryPages(clients, request, query, idRow)) {
        const fresh = rows.filter(({ id }) => !seen.has(fingerprint(id)));
        for (const { id } of fresh) seen.add(fingerprint(id));
        yield fresh.flatMap(({ id, groupSeen }) => {
          const vm = parseVmId(id);
          return vm ? [{ vm, groupSeen: policy.includeManagedGroups || Boolean(groupSeen) }] : [];
        });
      }
    }
  } while (seen.size < counted && seen.size > before);
}

/**
 * Pages of such VMs in these subscriptions, with what they look like to Resource Graph: at most 1,000 a page, ordered
 * by id. What has no readable id is left out. Throws AzureError.
 */
export function listVms(
  clients: Clients,
  coverage: Coverage,
  settings: VmSettings,
  wanted: Wanted,
  subscriptions: readonly string[],
): AsyncGenerator<ListedVm[], void, undefined> {
  return vmPages(clients, vmsQuery(filterOf(coverage, settings), wanted), subscriptions);
}

/** The same of the VMs that carry a goal identity which is no more; they are as those that lack it. Throws AzureError. */
export function listRenewals(
  clients: Clients,
  coverage: Coverage,
  settings: VmSettings,
  subscriptions: readonly string[],
): AsyncGenerator<ListedVm[], void, undefined> {
  return vmPages(clients, renewalsQuery(filterOf(coverage, settings), GOAL_MISSING), subscriptions);
}

/** What Resource Graph knows of one VM; undefined when it does not know it. Throws AzureError. */
export async function oneVm(
  clients: Clients,
  coverage: Coverage,
  settings: VmSettings,
  vm: ResourceId,
): Promise<ListedVm | undefined> {
  const query = oneVmQuery(filterOf(coverage, settings), vm.id);
  for await (const [found] of vmPages(clients, query, [vm.subscriptionId])) if (found) return found;
  return undefined;
}

async function* vmPages(
  clients: Clients,
  query: string,
  subscriptions: readonly string[],
): AsyncGenerator<ListedVm[], void, undefined> {
  for (const request of inRequests(subscriptions)) {
    for await (const rows of queryPages(clients, request, query, vmRow)) {
      yield rows.flatMap(({ id, identityType, identities, ...row }) => {
        const vm = parseVmId(id);
        const userAssignedIdentities = Object.fromEntries((identities ?? []).map((key) => [key, {}]));
        const identity = vmIdentity({ type: identityType ?? '', userAssignedIdentities });
        const { location, verdict } = row;
        return vm
          ? [
              {
                vm,
                location: fold(location),
                verdict,
                provisioningState: row.provisioningState ?? '',
                identity,
              },
            ]
          : [];
      });
    }
  }
}

function filterOf({ groups }: Coverage, { policy, excludedScopes }: VmSettings) {
  return { policy, excluded: excludedScopes, groups };
}

// 48 bits of an id: a region of a million VMs has two alike once in five hundred sweeps, and the next sweep finds the one.
function fingerprint(id: string): number {
  return hash('sha1', fold(id), 'buffer').readUIntBE(0, 6);
}
