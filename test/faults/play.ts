import type { Azure } from '../../emulator/azure.ts';
import { type App, createApp } from '../../src/app.ts';
import { AzureError } from '../../src/azure/errors.ts';
import { ScopeError } from '../../src/azure/scopeResolution.ts';
import { systemClock } from '../../src/clock.ts';
import { isPassing, nextStep, type Outcome } from '../../src/domain/outcome.ts';
import { MAX_DEQUEUE_COUNT, type RegionMessage } from '../../src/queues.ts';
import { failureReason } from '../../src/remediation/goalIdentities.ts';
import { type Shared, shared } from '../../src/remediation/shared.ts';
import { startSweep } from '../../src/remediation/startSweep.ts';
import { sweep } from '../../src/remediation/sweep.ts';
import type { VmReport } from '../../src/remediation/vm.ts';
import { workRegion } from '../../src/remediation/workRegion.ts';
import { workVm } from '../../src/remediation/workVm.ts';
import { silent, type Telemetry } from '../../src/telemetry/telemetry.ts';
import { aLog } from '../azure.ts';
import { carriesGoal, fleet, fleetSettings, touched } from './fleet.ts';
import type { JumpingClock } from './jumpingClock.ts';
import type { Phase } from './schedule.ts';

/** How the look at a VM ended, as it was told to the operator. */
export interface Told {
  readonly id: string;
  readonly outcome: string;
  readonly reason: string;
  readonly next: string | undefined;
  readonly detail: string | undefined;
}

/** One sweep as its operator sees it. */
export interface SweepRun {
  readonly told: Told[];
  /** What broke a promise. */
  readonly broken: string[];
}

/** A way to sweep. `phase` has what becomes of events and messages; the last sweeps have none. */
export type Sweeper = (phase: Phase | undefined) => Promise<SweepRun>;

const NEVER = '0 0 0 1 1 *';
const LONGEST_CHAIN = 20;

function anApp(azure: Azure, clock: JumpingClock, skewMs: () => number, more = {}): App {
  const settings = { ...azure.env, ...fleetSettings, SWEEP_SCHEDULE: NEVER, ...more };
  return createApp(settings, {
    now: () => clock.now() + skewMs(),
    sleep: (ms, abortSignal) => systemClock.sleep(ms / clock.speed, abortSignal),
    speed: clock.speed,
  });
}

/** Sweeps as the command line does. */
export function byCommandLine(azure: Azure, clock: JumpingClock): Sweeper {
  let skewMs = 0;
  let app = anApp(azure, clock, () => skewMs);
  return async (phase) => {
    skewMs = phase?.skewMs ?? 0;
    if (phase?.restarts) app = anApp(azure, clock, () => skewMs);
    const reports: VmReport[] = [];
    const broken: string[] = [];
    try {
      const { problems } = await sweep(app, { onVm: (report) => reports.push(report) });
      for (const { reason, next } of problems) if (!next) broken.push(`problem ${reason} has no next step`);
    } catch (error) {
      broken.push(...unlessExpected(error));
    }
    const told = reports.map(({ vm, goal, outcome }) => ({
      ...{ id: vm.id.toLowerCase(), outcome: outcome.outcome, reason: outcome.reason },
      next: nextStep(outcome, vm, goal),
      detail: outcome.detail,
    }));
    return {
      told,
      broken: [
        ...broken,
        ...toldTwice(told),
        ...notTold(azure, told),
        ...untrue(azure, told),
        ...misleading(told),
      ],
    };
  };
}

/**
 * Sweeps as the functions do, with messages, their redelivery and events. `more` are settings, `telemetry` is told
 * everything, and flushed after each invocation.
 */
export function byFunctions(
  azure: Azure,
  clock: JumpingClock,
  more: Readonly<Record<string, string>> = {},
  telemetry: Telemetry = silent,
): Sweeper {
  let skewMs = 0;
  const start = () => shared(anApp(azure, clock, () => skewMs, more));
  let one = start();
  return async (phase) => {
    skewMs = phase?.skewMs ?? 0;
    if (phase?.restarts) one = start();
    const all: Told[] = [];
    const broken: string[] = [];

    /** One invocation: what it told is looked at by itself, since others run at the same time. */
    async function invoke<T>(work: (of: Shared, log: ReturnType<typeof aLog>) => Promise<T>): Promise<T> {
      const told: Told[] = [];
      const log = aLog();
      try {
        return await work({ ...one, telemetry: telling(told, telemetry) }, log);
      } finally {
        await telemetry.flush();
        for (const { level, message, properties } of log.lines) {
          if (level === 'error' && !properties.next) broken.push(`error without next step: ${message}`);
        }
        broken.push(...toldTwice(told), ...misleading(told));
        all.push(...told);
      }
    }

    async function deliver(first: RegionMessage): Promise<void> {
      let message: RegionMessage | undefined = first;
      for (let link = 0; message && link < LONGEST_CHAIN; link++) {
        const now: RegionMessage = message;
        message = await tries((attempt) =>
          invoke((of, log) => workRegion(of, now, log, { redelivered: attempt > 1 })),
        );
      }
    }

    /** As the host does: up to five times, then the message is put aside. */
    async function tries<T>(work: (attempt: number) => Promise<T>): Promise<T | undefined> {
      for (let attempt = 1; attempt <= MAX_DEQUEUE_COUNT; attempt++) {
        try {
          return await work(attempt);
        } catch (error) {
          broken.push(...unlessExpected(error, true));
        }
      }
      return undefined;
    }

    async function timer(): Promise<void> {
      const messages = await invoke((of, log) => startSweep(of, log)).catch((error: unknown) => {
        broken.push(...unlessExpected(error));
        return [];
      });
      const kept = messages.filter((_, number) => !phase?.lost.includes(number));
      const twice = messages.filter((_, number) => phase?.doubled.includes(number));
      await Promise.all([...kept, ...twice].map(deliver));
    }

    const events = (phase?.events ?? []).map((number) =>
      tries((attempt) =>
        invoke((of, log) =>
          workVm(of, { version: 1, id: fleet[number]?.id ?? '' }, log, {
            lastTry: attempt === MAX_DEQUEUE_COUNT,
          }),
        ),
      ),
    );
    await Promise.all([timer(), ...events]);
    return { told: all, broken: [...broken, ...notTold(azure, all), ...untrue(azure, all)] };
  };
}

function telling(told: Told[], telemetry: Telemetry): Telemetry {
  return {
    ...telemetry,
    event(name, properties, measurements) {
      telemetry.event(name, properties, measurements);
      if (name !== 'VmRemediated') return;
      const { vmId, outcome, reason, next, detail } = properties as Record<string, string>;
      told.push({
        id: String(vmId).toLowerCase(),
        outcome: outcome ?? '',
        reason: reason ?? '',
        next,
        detail,
      });
    },
  };
}

// Verbs throw what they say they throw and nothing else: where a message is tried again, only what may pass.
function unlessExpected(error: unknown, triedAgain = false): string[] {
  if (error instanceof ScopeError) return [];
  if (error instanceof AzureError) {
    const passes = isPassing(failureReason(error));
    return triedAgain && !passes ? [`thrown, though it will not pass: ${error.kind}`] : [];
  }
  const [, reason] = /^\/subscriptions\/\S+: ([a-z-]+)\. /.exec((error as Error).message) ?? [];
  if (triedAgain && reason && isPassing(reason as (Outcome & { outcome: 'failed' })['reason'])) return [];
  return [`thrown: ${(error as Error).stack}`];
}

function toldTwice(told: readonly Told[]): string[] {
  const times = Map.groupBy(told, ({ id }) => id);
  return [...times].filter(([, of]) => of.length > 1).map(([id, of]) => `${id} reported ${of.length} times`);
}

function notTold(azure: Azure, told: readonly Told[]): string[] {
  const ids = new Set(told.map(({ id }) => id));
  return [...touched(azure)].filter((id) => !ids.has(id)).map((id) => `${id} was looked at and not reported`);
}

// Nobody takes identities away during a sweep: what was said to be assigned is. That an identity was made again since is
// not looked for where a VM seems to need nothing (the sweep's query is).
function untrue(azure: Azure, told: readonly Told[]): string[] {
  return told
    .filter(
      ({ id, outcome, reason }) =>
        (outcome === 'assigned' && !carriesGoal(azure, id)) ||
        (reason === 'goal-present' && !carriesGoal(azure, id, true)),
    )
    .map(({ id, outcome, reason }) => `${id} does not carry its identity, though ${outcome}: ${reason}`);
}

// Nothing here is a defect of the app, and so none may be reported as one.
const DEFECTS = ['unexpected', 'invalid-request'];

function misleading(told: readonly Told[]): string[] {
  return told
    .filter(({ outcome, reason, next }) => outcome === 'failed' && (!next || DEFECTS.includes(reason)))
    .map(({ id, reason, detail, next }) => `${id} failed: ${reason} (${detail}), next: ${next}`);
}
