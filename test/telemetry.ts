import { afterEach } from 'node:test';
import type { Azure } from '../emulator/azure.ts';
import type { RegionMessage } from '../src/queues.ts';
import { type Shared, shared } from '../src/remediation/shared.ts';
import { startSweep } from '../src/remediation/startSweep.ts';
import { workRegion } from '../src/remediation/workRegion.ts';
import { type Origin, startTelemetry, type Telemetry } from '../src/telemetry/telemetry.ts';
import { anApp, azureForEachTest, quiet } from './azure.ts';

/** An embedded Azure that takes telemetry in, and an app that sends it there. */
export interface TelemetryForEachTest {
  readonly azure: Azure;
  readonly telemetry: Telemetry;
  /** What invocations of one process share. */
  aShared(settings?: Readonly<Record<string, string>>): Shared;
  /** A sweep from the timer to the end of all regions, and everything sent. */
  sweepThrough(one: Shared, options?: SweepOptions): Promise<void>;
}

interface SweepOptions {
  /** False: VMs are counted, and nothing is done about them. Default true. */
  readonly work?: boolean;
  /** The operation and invocation that all of it belongs to; none by default. */
  readonly origin?: Origin;
}

/**
 * The telemetry of a whole test file, with nothing received at the start of each test. Call it once in a process, outside
 * of tests: OpenTelemetry's context is global, and the tokens of two Azures may be mixed up.
 */
export async function telemetryForEachTest(): Promise<TelemetryForEachTest> {
  const azure = await azureForEachTest({ telemetry: 'keyless' });
  const telemetry = await startTelemetry(azure.env);
  afterEach(async () => {
    await telemetry.flush();
    azure.received.clear();
  });
  return {
    azure,
    telemetry,
    aShared: (settings = {}) => shared(anApp(azure, settings), telemetry),
    async sweepThrough(one, { work = true, origin = { traceParent: undefined } } = {}) {
      await telemetry.of(origin, async () => {
        const messages = await startSweep(one, quiet, origin.traceParent);
        for (const message of work ? messages : []) {
          // On a busy machine one run's time is not enough.
          let next: RegionMessage | undefined = message;
          while (next) next = await workRegion(one, next, quiet, { redelivered: false });
        }
      });
      await telemetry.flush();
    },
  };
}
