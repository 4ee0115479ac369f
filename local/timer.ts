import { parseSchedule } from './nCrontab.ts';
import type { HostInvocation } from './protocol.ts';
import { type ScheduleStatus, timerInput } from './triggerData.ts';
import { WorkerLost } from './workerProcess.ts';

const NEVER = '0001-01-01T00:00:00+00:00';
const END_OF_TIME = 8.64e15;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** A timer function and what it needs. */
export interface TimerOptions {
  readonly functionName: string;
  readonly trigger: {
    readonly schedule: string;
    readonly runOnStartup: boolean;
    readonly useMonitor: boolean;
  };
  /** The status recorded by an earlier run of the host, if any. */
  readonly recorded: ScheduleStatus | undefined;
  /** Keeps the status for the next run of the host. */
  record(status: ScheduleStatus): void;
  invoke(invocation: HostInvocation): Promise<void>;
}

/** A timer that ticks. */
export interface Timer {
  readonly functionName: string;
  /** The next tick, ms since 1970. */
  next(): number;
  /** Ticks now, beside its schedule. Rejects with what failed the function. */
  fire(): Promise<void>;
  stop(): void;
}

/**
 * Starts a timer. One tick runs at a time; a tick that takes longer than the interval is followed by one more at once. A
 * tick missed while the host was not running, or lost with its worker process, is made up for with `isPastDue`
 * (TimerListener.cs). What fails a function does not stop its timer.
 */
export function startTimer(options: TimerOptions): Timer {
  const { functionName, trigger, recorded, record, invoke } = options;
  const schedule = parseSchedule(trigger.schedule);
  const monitored = trigger.useMonitor && schedule.monitored;
  const after = (at: number) => new Date(schedule.next(at) ?? END_OF_TIME).toISOString();
  let status = (monitored && stillTrue(recorded)) || {
    last: NEVER,
    next: after(Date.now()),
    lastUpdated: new Date().toISOString(),
  };
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let ticking: Promise<unknown> = Promise.resolve();

  if (monitored) record(status);
  if (Date.parse(status.next) < Date.now()) void tick(true);
  else if (trigger.runOnStartup) void tick(false, 'start of the host');
  else wait();

  // A status made by another schedule says nothing (ScheduleMonitor.cs).
  function stillTrue(earlier: ScheduleStatus | undefined): ScheduleStatus | undefined {
    const from = earlier?.last === NEVER ? earlier.lastUpdated : earlier?.last;
    return from !== undefined && after(Date.parse(from)) === earlier?.next ? earlier : undefined;
  }

  function wait(): void {
    if (stopped) return;
    const left = Date.parse(status.next) - Date.now();
    const due = left <= LONGEST_TIMER_MS;
    timer = setTimeout(
      () => (due ? void tick(false) : wait()),
      Math.min(Math.max(left, 0), LONGEST_TIMER_MS),
    );
  }

  async function tick(isPastDue: boolean, reason = isPastDue ? 'timer, past due' : 'timer'): Promise<void> {
    const at = Math.max(Date.now(), isPastDue || reason !== 'timer' ? 0 : Date.parse(status.next));
    try {
      await run(isPastDue, reason);
    } catch (error) {
      // The status is not written when an instance is lost, so the next one finds the tick past due.
      if (error instanceof WorkerLost && monitored && !stopped) return tick(true);
    }
    const last = new Date(at).toISOString();
    status = { last, next: after(at), lastUpdated: last };
    if (monitored) record(status);
    wait();
  }

  function run(isPastDue: boolean, reason: string): Promise<void> {
    const next = ticking.then(() =>
      invoke({
        functionName,
        reason,
        input: timerInput(monitored ? status : undefined, isPastDue),
        triggerMetadata: {},
      }),
    );
    ticking = next.catch(() => undefined);
    return next;
  }

  return {
    functionName,
    next: () => Date.parse(status.next),
    fire: () => run(false, 'fired by hand'),
    stop: () => {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
