import { AsyncLocalStorage } from 'node:async_hooks';

/** What pacing needs to know of a call and its URL does not say. */
export interface CallContext {
  /** Region of the VM or identity that is written. */
  readonly location?: string;
  readonly urgent?: boolean;
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

/** Runs work somebody waits for, such as that of an event: all its calls go before those that are not urgent. */
export function urgently<T>(work: () => T): T {
  return contexts.run({ ...callContext(), urgent: true }, work);
}
