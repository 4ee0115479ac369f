import { randomBytes, randomUUID } from 'node:crypto';
import { type Counts, counting, inOperation } from '../azure/callContext.ts';
import { count, emptyTally, type Tally } from '../domain/outcome.ts';
import { recordVm } from '../remediation/recording.ts';
import type { VmReport } from '../remediation/vm.ts';
import { startTelemetry, type Telemetry } from '../telemetry/telemetry.ts';

/** What a run from the command line tells Application Insights, where the settings name one. */
export interface Recorder {
  readonly telemetry: Telemetry;
  /** Names the run, in place of the id of a sweep. */
  readonly runId: string;
  /** How the VMs that were told of ended. */
  readonly tally: Tally;
  /** Requests of the run so far. */
  readonly counts: Counts;
  /** Tells of a VM and counts it. */
  vm(report: VmReport): void;
}

/**
 * Runs work as one operation of its own: Azure's activity log and all telemetry of it share an id. What it told is under
 * way when this ends, in bounded time.
 */
export async function recorded<T>(
  env: Readonly<Record<string, string | undefined>>,
  work: (recorder: Recorder) => Promise<T>,
): Promise<T> {
  const telemetry = await startTelemetry(env);
  const runId = randomUUID();
  const traceId = randomBytes(16).toString('hex');
  const traceParent = `00-${traceId}-${randomBytes(8).toString('hex')}-01`;
  const tally = emptyTally();
  const vm = (report: VmReport): void => {
    count(tally, report.outcome);
    recordVm(telemetry, report, { trigger: 'cli', sweepId: runId });
  };
  return telemetry.of({ traceParent }, async () => {
    try {
      return await inOperation(traceId, () =>
        counting((counts) => work({ telemetry, runId, tally, counts, vm })),
      );
    } finally {
      await telemetry.flush();
    }
  });
}
