import type { LogLevel } from './coreTypes.ts';

/** What the local host tells: one event, one line. Every one carries `time`, ISO 8601. */
export type HostEvent = { readonly time: string } & (
  | InvocationStarted
  | InvocationEnded
  | LogLine
  | { readonly kind: 'worker'; readonly worker: number; readonly pid: number; readonly state: WorkerState }
);

export type WorkerState = 'ready' | 'stopped';

interface OfInvocation {
  readonly worker: number;
  readonly functionName: string;
  readonly invocationId: string;
}

export type InvocationStarted = OfInvocation & {
  readonly kind: 'started';
  /** What started it, in words. */
  readonly reason: string;
};

export type InvocationEnded = OfInvocation & {
  readonly kind: 'ended';
  readonly outcome: 'Succeeded' | 'Failed';
  readonly durationMs: number;
  /** The stack of what failed it. */
  readonly error?: string;
};

export interface LogLine {
  readonly kind: 'log';
  readonly level: LogLevel;
  /** `user`: the app's log, tied to an invocation. `console`: its standard output. `host`: the host's own. */
  readonly source: 'user' | 'console' | 'host';
  readonly message: string;
  readonly worker?: number;
  readonly functionName?: string;
  readonly invocationId?: string;
}

/** Something the host says: about a function or a worker, where `about` names one. */
export function hostSays<About extends Pick<LogLine, 'functionName' | 'worker'>>(
  level: LogLevel,
  message: string,
  about: About,
): LogLine & About & { readonly time: string } {
  return { kind: 'log', time: now(), source: 'host', level, message, ...about };
}

/** The time of an event. */
export function now(): string {
  return new Date().toISOString();
}
