import type { State } from '../../standing.ts';

/** What the page shows, as its address says after the `#`: so the browser's back button and bookmarks work. */
export interface Route {
  /** Folded id of the subscription looked into; undefined for the whole tenant. */
  readonly subscription: string | undefined;
  /** Id of the VM whose details are open. */
  readonly vm: string | undefined;
  readonly filter: Filter;
}

/** Which VMs the table has. */
export interface Filter {
  readonly text: string;
  readonly state: State | '';
  readonly reason: string;
  readonly region: string;
}

export const noFilter: Filter = { text: '', state: '', reason: '', region: '' };

const STATES: readonly string[] = ['lacking', 'compliant', 'excluded'];

/** Reads an address. Anything unknown in it is left out. */
export function readRoute(hash: string): Route {
  const fields = new URLSearchParams(hash.replace(/^#/, ''));
  const state = fields.get('state') ?? '';
  return {
    subscription: fields.get('subscription') ?? undefined,
    vm: fields.get('vm') ?? undefined,
    filter: {
      text: fields.get('text') ?? '',
      state: STATES.includes(state) ? (state as State) : '',
      reason: fields.get('reason') ?? '',
      region: fields.get('region') ?? '',
    },
  };
}

/** The address of what is to be shown. */
export function hashOf({ subscription, vm, filter }: Route): string {
  const fields = Object.entries({ subscription, vm, ...filter }).filter(([, value]) => value);
  return `#${new URLSearchParams(fields as [string, string][])}`;
}

/** The address of a view with nothing else in it. */
export function linkTo(to: Partial<Omit<Route, 'filter'>> & { readonly filter?: Partial<Filter> }): string {
  return hashOf({
    subscription: to.subscription,
    vm: to.vm,
    filter: { ...noFilter, ...to.filter },
  });
}
