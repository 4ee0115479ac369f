import { printableJson } from './printable.ts';
import { type Reason, reasons } from './reasons.ts';
import { type ResourceId, resourceGroupId } from './resourceId.ts';

type Reasons = typeof reasons;

/** The names of the closed union: assigned, removed, compliant, excluded, deferred, failed (R12). */
export type OutcomeName = keyof Reasons;
/** The reason codes an outcome can have. */
export type ReasonOf<N extends OutcomeName> = keyof Reasons[N];
/** Why something failed: the reason codes of `failed`. */
export type FailureReason = ReasonOf<'failed'>;

/**
 * How the look at one VM ended. `detail` is Azure's own message, where there was one; `next` the next step where more is
 * known than the reason's own says.
 */
export type Outcome = {
  [N in OutcomeName]: {
    readonly outcome: N;
    readonly reason: ReasonOf<N>;
    readonly detail?: string;
    readonly next?: string;
  };
}[OutcomeName];

/** Makes an outcome; the type holds reasons to their outcome. */
export function outcome<N extends OutcomeName>(
  name: N,
  reason: ReasonOf<N>,
  detail?: string,
  next?: string,
): Outcome {
  const more = { ...(detail !== undefined && { detail }), ...(next !== undefined && { next }) };
  return { outcome: name, reason, ...more } as Outcome;
}

/** The outcome a verdict of the Resource Graph query stands for: VMs that are left alone. Throws on any other text. */
export function outcomeOfVerdict(verdict: string): Outcome {
  for (const name of ['compliant', 'excluded'] as const) {
    if (Object.hasOwn(reasons[name], verdict)) return outcome(name, verdict as never);
  }
  throw new Error(
    `The inventory query gave the verdict ${printableJson(verdict.slice(0, 100))}, which no reason code is.`,
  );
}

/** What the reason of an outcome means and what to do about it. */
export function reasonText(of: Pick<Outcome, 'outcome' | 'reason'>): Reason {
  const known = reasons[of.outcome] as Readonly<Record<string, Reason>>;
  return known[of.reason] as Reason;
}

/** The next step for an operator, with the ids of this VM filled in; empty when there is nothing to do. */
export function nextStep(
  of: Pick<Outcome, 'outcome' | 'reason' | 'next'>,
  vm: Pick<ResourceId, 'id' | 'subscriptionId' | 'resourceGroup'>,
  goal: string,
): string {
  if (of.next !== undefined) return of.next;
  return withIds(reasonText(of).next, vm, goal);
}

/** The text of a next step with the ids of this VM in its places. */
export function withIds(
  next: string,
  vm: Pick<ResourceId, 'id' | 'subscriptionId' | 'resourceGroup'>,
  goal: string,
): string {
  const ids = {
    '{vm}': vm.id,
    '{subscription}': `/subscriptions/${vm.subscriptionId}`,
    '{subscriptionId}': vm.subscriptionId,
    '{group}': resourceGroupId(vm.subscriptionId, vm.resourceGroup),
    '{identity}': goal,
  };
  // All at once and by a function, so that what is put in is neither a place itself nor a pattern such as `$'`.
  return next.replace(/\{\w+\}/g, (place) => ids[place as keyof typeof ids] ?? place);
}

/** True when trying the same again within minutes may help; otherwise only a person, or the next sweep, can. */
export function isPassing(reason: FailureReason): boolean {
  const { passing }: Reason = reasons.failed[reason];
  return passing === true;
}

/** True of an end that a person should look at: the VM failed, or others keep undoing what we do. */
export function needsPerson(of: Pick<Outcome, 'outcome' | 'reason'>): boolean {
  return of.outcome === 'failed' || of.reason === 'contested';
}

/** How many VMs ended with which reason. Size does not grow with the fleet. */
export type Tally = Record<OutcomeName, Record<string, number>>;

/** A tally with nothing counted. */
export function emptyTally(): Tally {
  return { assigned: {}, removed: {}, compliant: {}, excluded: {}, deferred: {}, failed: {} };
}

/** Counts `times` VMs that ended this way. */
export function count(tally: Tally, of: Pick<Outcome, 'outcome' | 'reason'>, times = 1): void {
  const row = tally[of.outcome];
  row[of.reason] = (Object.hasOwn(row, of.reason) ? (row[of.reason] ?? 0) : 0) + times;
}

/** How many VMs ended with this outcome, whatever the reason. */
export function total(tally: Tally, name: OutcomeName): number {
  return Object.values(tally[name]).reduce((sum, times) => sum + times, 0);
}
