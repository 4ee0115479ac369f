import type { SweepCost } from './appSweep.ts';
import { type AzureDigest, refusals, withAzure } from './benchAzure.ts';
import { runProcess } from './process.ts';
import { number, type Scenario } from './scenario.ts';

interface Steady {
  readonly vms: number;
  readonly missingOneOf: number;
  readonly cost: SweepCost;
  readonly digest: AzureDigest;
}

const SPREAD = { subscriptions: 20, regions: 8 };

export const steady: Scenario = {
  about: 'what a sweep costs where nothing, or little, is to be done, and how that grows with the fleet',
  async run(quick, say, { sizes: asked }) {
    const sizes = asked.length > 0 ? asked : quick ? [2000, 10_000] : [10_000, 100_000, 1_000_000];
    const all: Steady[] = [];
    for (const missingOneOf of quick ? [0] : [0, 1000]) {
      for (const vms of sizes) {
        const fleet = { vms, ...SPREAD, missingOneOf };
        const done = await withAzure({ fleet, speed: 1 }, async (azure) => {
          const cost = await runProcess<SweepCost>('appSweep.ts', {}, azure.env);
          return { vms, missingOneOf, cost, digest: await azure.digest(cost.startedAt) };
        });
        say(
          `${number(vms)} VMs, ${nameOf(done)}: ${number(done.cost.wallMs)} ms, ${number(done.cost.peakMB)} MB`,
        );
        all.push(done);
      }
    }
    const compliant = all.filter(({ missingOneOf }) => missingOneOf === 0);
    const [small, large] = [compliant[0], compliant.at(-1)];
    const slope = (of: (one: Steady) => number) =>
      small && large && large.vms > small.vms
        ? ((of(large) - of(small)) / (large.vms - small.vms)) * 100_000
        : Number.NaN;
    const growth = {
      msPer100000: slope(({ cost }) => cost.wallMs),
      cpuMsPer100000: slope(({ cost }) => cost.cpuSeconds * 1000),
      mbPer100000: slope(({ cost }) => cost.peakMB),
    };
    return {
      figures: { all, growth },
      tables: [
        {
          title: 'A sweep where little is to be done, 20 subscriptions, 8 regions (machine’s time)',
          head: [
            'VMs',
            'lacking',
            'ARG queries',
            'reads',
            'writes',
            'wall ms',
            'CPU ms',
            'peak MB',
            'before MB',
          ],
          rows: all.map((one) => [
            number(one.vms),
            nameOf(one),
            number(one.digest.calls.resourceGraph),
            number(one.digest.calls.reads),
            number(one.digest.calls.writes),
            number(one.cost.wallMs),
            number(one.cost.cpuSeconds * 1000),
            number(one.cost.peakMB),
            number(one.cost.idleMB),
          ]),
          notes: [
            `Growth for each 100,000 compliant VMs more: ${number(growth.msPer100000)} ms, ${number(growth.cpuMsPer100000, 1)} ms of CPU, ${number(growth.mbPer100000, 1)} MB.`,
            'Wall time is the embedded Azure’s work on the query, on one core.',
          ],
        },
      ],
      regressions: all.flatMap((one) => regressionsOf(one)),
    };
  },
};

function nameOf({ missingOneOf }: Pick<Steady, 'missingOneOf'>): string {
  return missingOneOf === 0 ? 'none' : `${100 / missingOneOf} %`;
}

function regressionsOf({ vms, missingOneOf, digest }: Steady): string[] {
  const { reads, writes, resourceGraph } = digest.calls;
  const wrong: string[] = [];
  if (refusals(digest) > 0) wrong.push(`${number(vms)} VMs: ${refusals(digest)} 429s, expected none`);
  if (missingOneOf > 0) return wrong;
  // Resource Graph knows no locks: whether an identity has lost its lock is asked once for each subscription (R6).
  const lists = SPREAD.subscriptions;
  if (writes > 0) wrong.push(`${number(vms)} compliant VMs: ${writes} writes, expected none`);
  if (reads > lists)
    wrong.push(`${number(vms)} compliant VMs: ${reads} reads, expected at most ${lists} lists of locks`);
  if (resourceGraph > 3)
    wrong.push(`${number(vms)} compliant VMs: ${resourceGraph} queries, expected at most 3`);
  return wrong;
}
