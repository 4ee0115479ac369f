// One sweep of the app, in a process of its own: `appSweep.ts {}`, settings from the environment.
import { type App, createApp } from '../src/app.ts';
import { resolveScopes } from '../src/azure/scopeResolution.ts';
import { readVm } from '../src/azure/virtualMachines.ts';
import { total } from '../src/domain/outcome.ts';
import { parseVmId } from '../src/domain/resourceId.ts';
import { planSweep } from '../src/remediation/plan.ts';
import { sweep } from '../src/remediation/sweep.ts';

/** What a sweep took. */
export interface SweepCost {
  /** The embedded Azure's time when it began, ms. */
  readonly startedAt: number;
  /** The machine's time, ms. */
  readonly wallMs: number;
  /** CPU of this process from the sweep's begin to its end. */
  readonly cpuSeconds: number;
  /** Most resident memory of this process, and what it was before the sweep, in MB (10^6 bytes). */
  readonly peakMB: number;
  readonly idleMB: number;
  readonly assigned: number;
  readonly failed: number;
  readonly problems: number;
}

const SAMPLE_MS = 20;
const VM_PATH = '/providers/Microsoft.Compute/virtualMachines';
// Resource Graph’s window.
const WARM_MS = 6000;

// What a worker in Azure has behind it when a sweep begins: code loaded, signed in, connected. Then all buckets are full.
async function warmUp(app: App): Promise<void> {
  const { settings, clients, clock } = app;
  const coverage = await resolveScopes(clients, settings.scopes, settings.excludedScopes);
  await planSweep(app, coverage);
  for (const subscription of coverage.subscriptionNames.keys()) {
    const nobody = parseVmId(`/subscriptions/${subscription}/resourceGroups/none${VM_PATH}/nobody`);
    if (nobody) await readVm(clients, nobody).catch(() => undefined);
  }
  await clock.sleep(WARM_MS);
}

if (process.send) {
  const app = createApp(process.env);
  await warmUp(app);
  const idleMB = process.memoryUsage.rss() / 1e6;
  let peakMB = idleMB;
  const sample = (): void => {
    peakMB = Math.max(peakMB, process.memoryUsage.rss() / 1e6);
  };
  const samples = setInterval(sample, SAMPLE_MS);
  const startedAt = app.clock.now();
  const from = performance.now();
  const { user, system } = process.cpuUsage();
  const { tally, problems } = await sweep(app);
  const spent = process.cpuUsage();
  sample();
  clearInterval(samples);
  const cost: SweepCost = {
    startedAt,
    wallMs: performance.now() - from,
    cpuSeconds: (spent.user + spent.system - user - system) / 1e6,
    peakMB,
    idleMB,
    assigned: total(tally, 'assigned'),
    failed: total(tally, 'failed'),
    problems: problems.length,
  };
  process.send?.(cost);
}
