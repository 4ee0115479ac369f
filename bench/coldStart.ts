import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { bundle } from '../scripts/build.ts';
import { runProcess } from './process.ts';
import { number, quantile, type Scenario } from './scenario.ts';

const RUNS = 10;
const root = join(import.meta.dirname, '..');
// Inside the repository, as what is not bundled must find node_modules.
const folder = join(import.meta.dirname, 'results/coldStart');

export const coldStart: Scenario = {
  about: 'loading the bundle against loading the same code with its packages beside it',
  async run(quick, say) {
    const bundled = join(folder, 'bundled');
    const unbundled = join(folder, 'unbundled');
    await bundle(bundled);
    await build({
      entryPoints: [join(root, 'src/main.ts')],
      outdir: unbundled,
      bundle: true,
      splitting: true,
      platform: 'node',
      target: 'node22',
      format: 'esm',
      packages: 'external',
      logLevel: 'warning',
    });
    const times: Record<'bundled' | 'unbundled', number[]> = { bundled: [], unbundled: [] };
    const env = {
      SCOPES: '/subscriptions/00000000-0000-4000-8000-000000000000',
      SWEEP_SCHEDULE: '0 0 * * * *',
    };
    for (let run = 0; run < (quick ? 3 : RUNS); run++) {
      times.bundled.push(await runProcess<number>('coldStartLoad.ts', join(bundled, 'main.js'), env));
      times.unbundled.push(await runProcess<number>('coldStartLoad.ts', join(unbundled, 'main.js'), env));
      say(
        `run ${run + 1}: ${number(times.bundled.at(-1) ?? 0)} and ${number(times.unbundled.at(-1) ?? 0)} ms`,
      );
    }
    await rm(folder, { recursive: true, force: true });
    const medians = [quantile(times.bundled, 0.5), quantile(times.unbundled, 0.5)] as const;
    return {
      figures: { times, ratio: medians[1] / medians[0] },
      regressions: [],
      tables: [
        {
          title: `Cold start: loading the app, medians of ${times.bundled.length} runs in turn`,
          head: ['what', 'median ms', 'ratio'],
          rows: [
            ['bundle', number(medians[0]), number(1, 2)],
            ['packages beside it', number(medians[1]), number(medians[1] / medians[0], 2)],
          ],
          notes: ['Files are in the machine’s cache already, which favours what has more of them.'],
        },
      ],
    };
  },
};
