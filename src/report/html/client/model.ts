import { withIds } from '../../../domain/outcome.ts';
import { resourceGroupId } from '../../../domain/resourceId.ts';
import { adviceOn, ownNext } from '../../advice.ts';
import type { LastOutcome, ReasonCount, Report, ReportRow } from '../../report.ts';
import type { Standing } from '../../standing.ts';
import { byState } from '../../stateOrder.ts';
import type { PackedRow, PageData } from '../pageData.ts';

/** A VM of the page: a row of the report, less what is made from the rest when asked for. */
export interface Vm extends Omit<ReportRow, 'id' | 'next' | 'last'> {
  readonly last: LastOutcome | undefined;
  /** Everything the search looks into, in lower case. */
  readonly search: string;
}

/** What the page shows. */
export interface Model {
  readonly report: Omit<Report, 'rows'>;
  readonly vms: readonly Vm[];
}

/** Reads the data of the page. */
export function readModel(data: PageData): Model {
  const identityNames = data.identities.map(({ identities }) => identities.join(' '));
  return { report: data.report, vms: data.rows.map((row) => unpack(data, identityNames, row)) };
}

/** The id of a VM. */
export function idOf(vm: Vm): string {
  const group = resourceGroupId(vm.subscriptionId, vm.resourceGroup);
  return `${group}/providers/Microsoft.Compute/virtualMachines/${vm.name}`;
}

/** What to do about a VM; empty when there is nothing to do. */
export function nextOf(vm: Vm): string {
  return ownNext(vm.reason, vm.last) ?? withIds(adviceOn(vm.reason).next, { ...vm, id: idOf(vm) }, vm.goal);
}

/** The VM as a row of the report. */
export function rowOf(vm: Vm): ReportRow {
  const { last, search: _, ...rest } = vm;
  return { ...rest, id: idOf(vm), next: nextOf(vm), ...(last && { last }) };
}

/** How many VMs of a subscription have which reason: those listed, and the compliant ones that are not. */
export function reasonsIn(standing: Standing, listed: readonly Vm[]): ReasonCount[] {
  const counts = [...Map.groupBy(listed, ({ state, reason }) => `${state} ${reason}`).values()].map((vms) => {
    const { state, reason, meaning } = vms[0] as Vm;
    return { state, reason, meaning, vms: vms.length };
  });
  const compliant = standing.compliant - listed.filter(({ state }) => state === 'compliant').length;
  if (compliant > 0) {
    const { meaning } = adviceOn('goal-present');
    counts.push({ state: 'compliant', reason: 'goal-present', meaning, vms: compliant });
  }
  return counts.sort((a, b) => byState(a, b) || b.vms - a.vms);
}

function unpack(data: PageData, identityNames: readonly string[], row: PackedRow): Vm {
  const [name, subscription, group, location, reason, goal, identity, last] = row;
  const vm = {
    name,
    ...(data.subscriptions[subscription] as PageData['subscriptions'][number]),
    resourceGroup: data.groups[group] as string,
    location: data.locations[location] as string,
    ...(data.reasons[reason] as PageData['reasons'][number]),
    goal: data.goals[goal] as string,
    ...(data.identities[identity] as PageData['identities'][number]),
    last: data.lasts[last],
  };
  const { subscriptionName, subscriptionId, resourceGroup } = vm;
  const words = [name, resourceGroup, subscriptionName, subscriptionId, vm.location, vm.state, vm.reason];
  return { ...vm, search: `${words.join('\n')}\n${identityNames[identity]}`.toLowerCase() };
}
