import { randomBytes, randomUUID } from 'node:crypto';
import { inOperation } from '../azure/callContext.ts';
import type { Tally } from '../domain/outcome.ts';
import { recordOutcomes, recordVm } from '../remediation/recording.ts';
import type { VmReport } from '../remediation/vm.ts';
import { startTelemetry, type Telemetry } from '../telemetry/telemetry.ts';

/** What a run from the command line tells Application Insights, where the settings name one. */
export interface Recorder {
  readonly telemetry: Telemetry;
  /** Names the run, in place of the id of a sweep. */
  readonly runId: string;
  vm(report: VmReport): void;
  outcomes(tally: Tally): void;
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
  const recorder: Recorder = {
    telemetry,
    runId,
    vm: (report) => recordVm(telemetry, report, { trigger: 'cli', sweepId: runId }),
    outcomes: (tally) => recordOutcomes(telemetry, 'cli', tally),
  };
  return telemetry.of({ traceParent }, async () => {
    try {
      return await inOperation(traceId, () => work(recorder));
    } finally {
      await telemetry.flush();
    }
  });
}
