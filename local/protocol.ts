import type { TypedData } from './coreTypes.ts';
import type { InvocationEnded, InvocationStarted, LogLine } from './events.ts';
import type { HostJson } from './hostJson.ts';
import type { Trigger } from './plan.ts';

/** What a worker process is started with, as JSON in its first argument. */
export interface WorkerStart {
  readonly mainFile: string;
  readonly hostJson: HostJson;
  readonly leaseMs: number;
}

/** What the host tells a worker. */
export type ToWorker =
  | ({ readonly kind: 'invoke'; readonly request: number } & HostInvocation)
  /** Receive no more messages, finish what runs within `graceMs`, let go of the rest, exit with 0. */
  | { readonly kind: 'drain'; readonly graceMs: number }
  /** Fail every running invocation, then exit: a function ran too long. */
  | { readonly kind: 'fail'; readonly reason: string };

/** An invocation that the host starts itself: timer ticks and events. Queue messages are fetched by the workers. */
export interface HostInvocation {
  readonly functionName: string;
  readonly reason: string;
  readonly input: TypedData;
  readonly triggerMetadata: Readonly<Record<string, TypedData>>;
}

/** A function that a worker found ready. */
export interface ReadyFunction {
  readonly name: string;
  readonly trigger: Trigger;
  readonly outputQueues: readonly string[];
}

/** What a worker tells the host. */
export type FromWorker =
  | {
      readonly kind: 'ready';
      readonly functions: readonly ReadyFunction[];
      readonly inError: readonly { readonly name: string; readonly problem: string }[];
    }
  | { readonly kind: 'loadFailed'; readonly message: string }
  | { readonly kind: 'event'; readonly event: WorkerEvent }
  /** An `invoke` is done; `error` where it failed. */
  | { readonly kind: 'invoked'; readonly request: number; readonly error?: string };

type WithoutWorker<E> = E extends unknown ? Omit<E, 'worker'> : never;
export type WorkerEvent = WithoutWorker<InvocationStarted | InvocationEnded | LogLine> & {
  readonly time: string;
};
