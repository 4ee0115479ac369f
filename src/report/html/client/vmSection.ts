import { toCsv } from '../../csv.ts';
import type { State } from '../../standing.ts';
import { h, name } from './dom.ts';
import { rowOf, type Vm } from './model.ts';
import { type Filter, hashOf, noFilter, type Route } from './route.ts';
import { stateBadge } from './standings.ts';
import { type Table, table } from './table.ts';
import { count, lastPart, time } from './texts.ts';

/** The VMs of a view: filters, and the table of what they leave. */
export interface VmSection {
  readonly element: HTMLElement;
  readonly table: Table<Vm>;
}

/** Makes it. `idLink` makes the address of a VM's details, `changed` hears of each new filter. */
export function vmSection(
  vms: readonly Vm[],
  route: Route,
  notes: readonly string[],
  changed: (filter: Filter) => void,
  idLink: (vm: Vm) => string,
): VmSection {
  let filter = route.filter;
  let shown = matching(vms, filter);
  const rows = table<Vm>({
    caption: 'Virtual machines',
    rowIs: 'VM',
    rows: shown,
    pageSize: 50,
    whenEmpty: 'No VM of the list matches. The filters above say what is looked for.',
    columns: [
      {
        title: 'VM',
        kind: 'name',
        value: (vm) => vm.name,
        cell: (vm) => h('a', { href: idLink(vm) }, name(vm.name)),
      },
      { title: 'State', value: ({ state }) => state, cell: ({ state }) => stateBadge(state) },
      { title: 'Reason', value: ({ reason }) => reason, cell: ({ reason }) => h('code', {}, reason) },
      { title: 'Subscription', value: (vm) => vm.subscriptionName, cell: (vm) => name(vm.subscriptionName) },
      {
        title: 'Resource group',
        kind: 'minor',
        value: (vm) => vm.resourceGroup,
        cell: (vm) => name(vm.resourceGroup),
      },
      { title: 'Region', kind: 'minor', value: ({ location }) => location },
      { title: 'Identities', kind: 'minor', value: identitiesOf, cell: (vm) => name(identitiesOf(vm)) },
      {
        title: 'Last look',
        kind: 'minor',
        value: ({ last }) => last?.at ?? '',
        cell: ({ last }) => (last ? time(last.at) : '–'),
      },
    ],
  });

  const search = h('input', {
    type: 'search',
    id: 'search',
    value: filter.text,
    placeholder: 'Name, group, subscription, region, reason, identity',
    autocomplete: 'off',
    spellcheck: 'false',
    input: () => change({ text: search.value }),
  });
  const states = h('fieldset', { class: 'states' }, h('legend', { class: 'hidden' }, 'State'));
  const reason = select(
    'Reason',
    vms,
    (vm) => vm.reason,
    filter.reason,
    (value) => change({ reason: value }),
  );
  const region = select(
    'Region',
    vms,
    (vm) => vm.location,
    filter.region,
    (value) => change({ region: value }),
  );
  for (const state of ['', 'lacking', 'compliant', 'excluded'] as const) {
    const many = state === '' ? vms.length : vms.filter((vm) => vm.state === state).length;
    const input = h('input', {
      type: 'radio',
      name: 'state',
      value: state,
      checked: filter.state === state,
      change: () => change({ state: state as State | '' }),
    });
    states.append(h('label', {}, input, h('span', {}, `${state || 'all'} ${count(many)}`)));
  }
  const clear = h('button', { type: 'button', click: reset }, 'Clear filters');
  const section = h(
    'section',
    { class: 'card vms', id: 'vms', 'aria-labelledby': 'vms-title' },
    h('h2', { id: 'vms-title', tabindex: -1 }, 'Virtual machines'),
    ...notes.map((note) => h('p', { class: 'minor-text' }, note)),
    h(
      'div',
      { class: 'filters', role: 'search' },
      h('label', { class: 'field grow' }, h('span', {}, 'Search'), search),
      reason.label,
      region.label,
      states,
      clear,
      h('button', { type: 'button', click: () => download(shown) }, 'Save these as CSV'),
    ),
    rows.element,
  );
  markFiltered();

  function change(part: Partial<Filter>): void {
    filter = { ...filter, ...part };
    shown = matching(vms, filter);
    // First: the links of the rows lead to an address that has the filter in it.
    changed(filter);
    rows.show(shown);
    markFiltered();
  }

  function reset(): void {
    search.value = '';
    reason.box.value = '';
    region.box.value = '';
    for (const input of states.querySelectorAll('input')) input.checked = input.value === '';
    change(noFilter);
    search.focus();
  }

  function markFiltered(): void {
    clear.hidden = hashOf({ ...route, filter }) === hashOf({ ...route, filter: noFilter });
  }

  return { element: section, table: rows };
}

function matching(vms: readonly Vm[], { text, state, reason, region }: Filter): readonly Vm[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0 && !state && !reason && !region) return vms;
  return vms.filter(
    (vm) =>
      (!state || vm.state === state) &&
      (!reason || vm.reason === reason) &&
      (!region || vm.location === region) &&
      words.every((word) => vm.search.includes(word)),
  );
}

function select(
  title: string,
  vms: readonly Vm[],
  read: (vm: Vm) => string,
  chosen: string,
  change: (value: string) => void,
) {
  const counts = new Map<string, number>(chosen ? [[chosen, 0]] : []);
  for (const vm of vms) counts.set(read(vm), (counts.get(read(vm)) ?? 0) + 1);
  const box = h('select', { change: () => change(box.value) }, h('option', { value: '' }, 'any'));
  for (const [value, many] of [...counts].sort(([, a], [, b]) => b - a)) {
    box.append(h('option', { value, selected: value === chosen }, `${value} (${count(many)})`));
  }
  return { box, label: h('label', { class: 'field' }, h('span', {}, title), box) };
}

function identitiesOf({ identityType, identities }: Vm): string {
  const system = identityType.startsWith('SystemAssigned') ? ['system'] : [];
  return [...system, ...identities.map(lastPart)].join(', ') || 'none';
}

function download(vms: readonly Vm[]): void {
  const file = new Blob([...toCsv(vms.map(rowOf))], { type: 'text/csv' });
  const url = URL.createObjectURL(file);
  h('a', { href: url, download: 'vm-identity.csv' }).click();
  URL.revokeObjectURL(url);
}
