import { AsyncLocalStorage } from 'node:async_hooks';
import type { CallCounts } from './clients.ts';
import type { Turn } from './pacing.ts';

/** Numbers of requests of one piece of work: what went out, and what of it was answered 429. */
export interface Counts {
  readonly calls: CallCounts;
  readonly throttled: CallCounts;
}

/** What pacing and counting need to know of a call and its URL does not say. */
export interface CallContext {
  /** Region of the VM or identity that is written. */
  readonly location?: string;
  readonly urgent?: boolean;
  /** Operation id of the telemetry the call belongs to, 32 hexadecimal digits. */
  readonly operationId?: string;
  /** The turn a write has already. */
  readonly turn?: Turn | undefined;
  /**
   * What a write rests on: when the VM was read, ms, or -Infinity where that is no good but in the turn it was read in;
   * and whether the VM is still as it was then.
   */
  readonly reading?: { readonly at: number; stillHolds(): Promise<boolean> };
  /** Where the calls of the work they belong to are counted, beside those of the whole process. */
  readonly counts?: Counts;
}

// The SDKs build the requests themselves, some lazily, and hand nothing of ours through. Node's async context reaches
// every request made inside, whatever the SDK does with it, and all its retries.
const contexts = new AsyncLocalStorage<CallContext>();

/** What is known of the call being made. */
export function callContext(): CallContext {
  return contexts.getStore() ?? {};
}

/** Makes calls that write something in a region. */
export function inRegion<T>(location: string, call: () => T): T {
  return contexts.run({ ...callContext(), location }, call);
}

/** Makes a write that rests on a reading, in its turn where it has it already. */
export function restingOn<T>(
  reading: NonNullable<CallContext['reading']>,
  turn: Turn | undefined,
  write: () => T,
): T {
  return contexts.run({ ...callContext(), reading, turn }, write);
}

/** Runs work somebody waits for, such as that of an event: all its calls go before those that are not urgent. */
export function urgently<T>(work: () => T): T {
  return contexts.run({ ...callContext(), urgent: true }, work);
}

/** Runs work whose calls carry the id of an operation, so that Azure's activity log names it. */
export function inOperation<T>(operationId: string | undefined, work: () => T): T {
  return operationId === undefined ? work() : contexts.run({ ...callContext(), operationId }, work);
}

/** Counts the calls of a piece of work by themselves, whatever else runs in this process at the same time. */
export function counting<T>(work: (counts: Counts) => T): T {
  const none = (): CallCounts => ({ reads: 0, writes: 0, resourceGraph: 0 });
  const counts = { calls: none(), throttled: none() };
  return contexts.run({ ...callContext(), counts }, () => work(counts));
}

/** What was counted since `before` was copied from the same counts. */
export function countsSince(before: Counts, { calls, throttled }: Counts): Counts {
  const since = (now: CallCounts, then: CallCounts): CallCounts => ({
    reads: now.reads - then.reads,
    writes: now.writes - then.writes,
    resourceGraph: now.resourceGraph - then.resourceGraph,
  });
  return { calls: since(calls, before.calls), throttled: since(throttled, before.throttled) };
}
