import { z } from 'zod';
import { FEWEST_REMOVALS, type PropertyChange } from '../domain/contest.ts';
import { fold, parseVmId, type ResourceId } from '../domain/resourceId.ts';
import type { AzureClients } from './clients.ts';
import { changedOftenQuery, changesQuery } from './identityKql.ts';
import { type QueryScope, queryPages } from './resourceGraph.ts';

/** A change of a VM that concerns an identity, as Azure's change history has it. */
export interface VmChange {
  readonly vm: ResourceId;
  /** Ms since 1970. */
  readonly at: number;
  readonly by: string;
  readonly client: string;
  readonly changes: Readonly<Record<string, PropertyChange>>;
}

const MOST_VMS = 1000;
const VMS_IN_A_QUERY = 100;

const oftenRow = z.object({ id: z.string(), total: z.number() });
const value = z.unknown().transform((one) => (typeof one === 'string' ? one : JSON.stringify(one)));
const changeRow = z.object({
  id: z.string(),
  target: z.string(),
  changedBy: z.string(),
  clientType: z.string(),
  timestamp: z.string(),
  changes: z
    .record(z.string(), z.object({ previousValue: value.optional(), newValue: value.optional() }))
    .nullable()
    .catch(null),
});

/**
 * The changes of the last 14 days in which identities of this name, or beginning of a name, appear, for VMs that have
 * three of them or more: one query where there are none, which is nearly always. At most the 1,000 VMs that have
 * most. Throws AzureError.
 */
export async function identityChanges(
  clients: Pick<AzureClients, 'resourceGraph'>,
  requests: readonly QueryScope[],
  identityName: string,
): Promise<VmChange[]> {
  const found: VmChange[] = [];
  for (const request of requests) {
    const often: z.infer<typeof oftenRow>[] = [];
    const query = changedOftenQuery(identityName, FEWEST_REMOVALS);
    for await (const rows of queryPages(clients, request, query, oftenRow)) often.push(...rows);
    const ids = often
      .sort((a, b) => b.total - a.total)
      .slice(0, MOST_VMS)
      .map(({ id }) => parseVmId(id)?.id)
      .filter((id) => id !== undefined);
    for (let start = 0; start < ids.length; start += VMS_IN_A_QUERY) {
      const some = changesQuery(identityName, ids.slice(start, start + VMS_IN_A_QUERY));
      for await (const rows of queryPages(clients, request, some, changeRow))
        found.push(...rows.flatMap(toChange));
    }
  }
  return found;
}

/** The same of one VM, however few. Throws AzureError. */
export async function identityChangesOf(
  clients: Pick<AzureClients, 'resourceGraph'>,
  vm: ResourceId,
  identityName: string,
): Promise<VmChange[]> {
  const found: VmChange[] = [];
  const query = changesQuery(identityName, [vm.id]);
  for await (const rows of queryPages(clients, { subscriptions: [vm.subscriptionId] }, query, changeRow)) {
    found.push(...rows.flatMap(toChange));
  }
  return found;
}

function toChange({
  target,
  timestamp,
  changedBy,
  clientType,
  changes,
}: z.infer<typeof changeRow>): VmChange[] {
  const vm = parseVmId(target);
  const at = Date.parse(timestamp);
  return vm && changes && !Number.isNaN(at)
    ? [{ vm, at, by: fold(changedBy), client: clientType, changes }]
    : [];
}
