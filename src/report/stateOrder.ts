import type { State } from './standing.ts';

const order: Readonly<Record<State, number>> = { lacking: 0, compliant: 1, excluded: 2 };

/** Orders by state, what may need somebody first. */
export function byState(a: { readonly state: State }, b: { readonly state: State }): number {
  return order[a.state] - order[b.state];
}
