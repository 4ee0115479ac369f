import type { SweepCost } from './appSweep.ts';
import type { BaselineCost, BaselineInput } from './baselineClient.ts';
import { type AzureDigest, type BenchAzure, withAzure } from './benchAzure.ts';
import type { BenchFleet } from './fleet.ts';
import { runProcess } from './process.ts';

/** Somebody who brings a fleet to its goal. */
export interface Contender {
  readonly name: string;
  /** Of the app: its share of Azure's limits, percent. */
  readonly sharePercent?: number;
  readonly baseline?: Omit<BaselineInput, 'fleet' | 'speed'>;
}

/** How one did. Times are the embedded Azure's. */
export interface Done {
  readonly name: string;
  readonly vms: number;
  /** From its begin to the last accepted write. */
  readonly seconds: number;
  readonly digest: AzureDigest;
}

/** The app, at two shares. */
export const ours: readonly Contender[] = [
  { name: 'this app, share 70 %', sharePercent: 70 },
  { name: 'this app, share 100 %', sharePercent: 100 },
];

/** Whom it is compared with. Models are models of the order of calls, not the thing itself. */
export const baselines: readonly Contender[] = [
  { name: 'script, one VM after the other', baseline: { kind: 'sequential', first: 60 } },
  { name: 'script, 32 VMs at a time', baseline: { kind: 'parallel', atOnce: 32 } },
  { name: 'script, all at once (Promise.all)', baseline: { kind: 'unlimited' } },
  { name: 'policy, 10 deployments (model)', baseline: { kind: 'policy', atOnce: 10 } },
  { name: 'policy, 30 deployments (model)', baseline: { kind: 'policy', atOnce: 30 } },
  { name: 'delta controller (model)', baseline: { kind: 'delta' } },
];

/** Lets one work on a fleet in an embedded Azure of its own. `beside` is called before it begins. */
export async function contend<T>(
  { name, sharePercent, baseline }: Contender,
  fleet: BenchFleet,
  speed: number,
  after: (azure: BenchAzure) => Promise<T>,
  beside?: (azure: BenchAzure) => Promise<unknown>,
): Promise<Done & { readonly after: T }> {
  return withAzure({ fleet, speed }, async (azure) => {
    await beside?.(azure);
    const cost = baseline
      ? await runProcess<BaselineCost>('baselineClient.ts', { ...baseline, fleet, speed }, azure.env)
      : await runProcess<SweepCost>(
          'appSweep.ts',
          {},
          { ...azure.env, CAPACITY_SHARE_PERCENT: String(sharePercent) },
        );
    const digest = await azure.digest(cost.startedAt);
    const seconds = (digest.lastAcceptedAt - cost.startedAt) / 1000;
    return { name, vms: baseline?.first ?? fleet.vms, seconds, digest, after: await after(azure) };
  });
}
