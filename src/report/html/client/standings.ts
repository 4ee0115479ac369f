import type { ReasonCount, RegionStanding, SubscriptionStanding } from '../../report.ts';
import { sharePercent, shareText } from '../../share.ts';
import type { Standing } from '../../standing.ts';
import { type Child, h, name } from './dom.ts';
import { bar } from './headline.ts';
import { type Filter, linkTo } from './route.ts';
import { type Column, type Table, table } from './table.ts';
import { count } from './texts.ts';

const figures: readonly Column<Standing>[] = [
  {
    title: 'Share',
    kind: 'number share-cell',
    value: (row) => sharePercent(row) ?? 101,
    cell: (row): readonly Child[] => [
      bar([
        ['good', row.compliant],
        ['warn', row.lacking],
      ]),
      h('span', {}, shareText(row)),
    ],
  },
  { title: 'VMs', kind: 'number', value: ({ vms }) => vms, cell: ({ vms }) => count(vms) },
  {
    title: 'Lacking',
    kind: 'number',
    value: ({ lacking }) => lacking,
    cell: ({ lacking }) => count(lacking),
  },
  {
    title: 'Excluded',
    kind: 'number minor',
    value: ({ excluded }) => excluded,
    cell: ({ excluded }) => count(excluded),
  },
];

/** How each subscription stands; its name leads into it. */
export function subscriptionTable(rows: readonly SubscriptionStanding[]): Table<SubscriptionStanding> {
  return table({
    caption: 'Subscriptions',
    rowIs: 'subscription',
    rows,
    pageSize: 10,
    whenEmpty: 'No subscription has a VM in scope.',
    columns: [
      {
        title: 'Subscription',
        kind: 'wide',
        value: (row) => row.name,
        cell: (row) => h('a', { href: linkTo({ subscription: row.id }) }, name(row.name)),
      },
      ...figures,
    ],
  });
}

/** How each region stands; its name leads to its VMs. */
export function regionTable(
  rows: readonly RegionStanding[],
  subscription: string | undefined,
): Table<RegionStanding> {
  return table({
    caption: 'Regions',
    rowIs: 'region',
    rows,
    pageSize: 10,
    whenEmpty: 'No region has a VM in scope.',
    columns: [
      {
        title: 'Region',
        kind: 'wide',
        value: (row) => row.location,
        cell: (row) =>
          h('a', { href: linkTo({ subscription, filter: { region: row.location } }) }, row.location),
      },
      ...figures,
    ],
  });
}

/** How many VMs have which reason; its code leads to those that are listed. */
export function reasonTable(
  rows: readonly ReasonCount[],
  subscription: string | undefined,
  listed: ReadonlySet<string>,
): Table<ReasonCount> {
  return table({
    caption: 'Reasons',
    rowIs: 'reason',
    rows,
    pageSize: 12,
    whenEmpty: 'No VM was counted.',
    columns: [
      {
        title: 'Reason',
        value: ({ reason }) => reason,
        cell: ({ reason, state }) => {
          const filter: Partial<Filter> = { reason, state };
          const code = h('code', {}, reason);
          return listed.has(reason) ? h('a', { href: linkTo({ subscription, filter }) }, code) : code;
        },
      },
      { title: 'State', value: ({ state }) => state, cell: ({ state }) => stateBadge(state) },
      { title: 'VMs', kind: 'number', value: ({ vms }) => vms, cell: ({ vms }) => count(vms) },
      { title: 'Meaning', kind: 'widest minor', value: ({ meaning }) => meaning },
    ],
  });
}

/** How a VM stands, as a badge. */
export function stateBadge(state: string): HTMLElement {
  const kinds: Readonly<Record<string, string>> = { lacking: 'warn', compliant: 'good', excluded: 'rest' };
  return h('span', { class: `badge ${kinds[state] ?? ''}` }, state);
}
