import { demoFleet, demoSettings } from '../../emulator/fleet/demo.ts';
import { startAzurite } from '../../local/azurite.ts';
import type { Clock } from '../../src/clock.ts';
import type { Log } from '../../src/log.ts';
import { gatherReport } from '../../src/remediation/gatherReport.ts';
import { planSweep } from '../../src/remediation/plan.ts';
import { shared } from '../../src/remediation/shared.ts';
import { startSweep } from '../../src/remediation/startSweep.ts';
import { workRegion } from '../../src/remediation/workRegion.ts';
import type { Report } from '../../src/report/report.ts';
import { anApp, anAzure, vmIn } from '../azure.ts';

const SHOP = '5ca1ab1e-0001-4000-8000-000000000001';
const HOUR = 3_600_000;
const quiet: Log = { debug() {}, info() {}, warn: console.error, error() {} };

/** The report of the demo tenant after some days of sweeps, each an hour after the other, in a few seconds. */
export async function demoReport(): Promise<Report> {
  const azure = await anAzure();
  const storage = await startAzurite();
  let now = Date.parse('2026-11-22T15:00:00Z');
  const clock: Clock = { speed: 1, now: () => now, sleep: async () => undefined };
  try {
    await azure.seed(demoFleet());
    const env = { ...demoSettings, AzureWebJobsStorage: storage.connectionString };
    for (let sweep = 0; sweep < 40; sweep++) {
      const limit = sweep < 20 ? { MAX_ASSIGNMENTS_PER_SWEEP: '60' } : undefined;
      const app = { ...anApp(azure, { ...env, ...limit }), clock };
      const process = shared(app);
      await azure.seed(
        Array.from({ length: (sweep * 7) % 5 }, (_, n) =>
          vmIn(SHOP, `vm-web-new-${sweep}-${n}`, { group: 'rg-web-2', location: 'westeurope' }),
        ),
      );
      for (const message of await startSweep(process, quiet)) {
        await workRegion(process, message, quiet, { redelivered: false });
      }
      now += HOUR;
    }
    const app = { ...anApp(azure, env), clock };
    const coverage = await shared(app).coverage();
    const plan = await planSweep(app, coverage);
    const sweep = { id: '6f0c9c1e-7c1b-4a53-9c55-2f6b7e1d8a10', nextAt: new Date(now + HOUR).toISOString() };
    return await gatherReport(app, { coverage, plan, sweep }, quiet);
  } finally {
    await azure.close();
    await storage.stop();
  }
}
