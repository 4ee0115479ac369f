// One sweep of the app, in a process of its own: `appSweep.ts {}`, settings from the environment.
import { createApp } from '../src/app.ts';
import { total } from '../src/domain/outcome.ts';
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

if (process.send) {
  const app = createApp(process.env);
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
