import { GOAL_MISSING } from '../azure/verdictsKql.ts';
import { outcomeOfVerdict } from '../domain/outcome.ts';
import { sharePercent } from './share.ts';

/** How a VM stands, as Resource Graph sees it. */
export type State = 'lacking' | 'compliant' | 'excluded';

/** How VMs stand. Excluded ones are not part of `vms`. */
export interface Standing {
  /** The share of compliant ones, as `sharePercent` has it; null when there is no VM. */
  readonly percent: number | null;
  readonly vms: number;
  readonly compliant: number;
  readonly lacking: number;
  readonly excluded: number;
}

/** How a VM with this verdict of the inventory query stands. Throws on any other text. */
export function stateOf(verdict: string): State {
  if (verdict === GOAL_MISSING) return 'lacking';
  return outcomeOfVerdict(verdict).outcome === 'compliant' ? 'compliant' : 'excluded';
}

/** How all the VMs of some counts stand together. */
export function standingOf(counts: Iterable<{ readonly verdict: string; readonly total: number }>): Standing {
  const of = { lacking: 0, compliant: 0, excluded: 0 };
  for (const { verdict, total } of counts) of[stateOf(verdict)] += total;
  return standing(of);
}

/** How so many VMs of each state stand together. */
export function standing(of: Readonly<Record<State, number>>): Standing {
  const { compliant, lacking, excluded } = of;
  const vms = compliant + lacking;
  return { percent: sharePercent({ vms, compliant }) ?? null, vms, compliant, lacking, excluded };
}
