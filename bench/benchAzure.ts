import type { BenchFleet } from './fleet.ts';
import { startProcess } from './process.ts';

/** What the embedded Azure of a case is like; see `AzureOptions`. */
export interface BenchAzureOptions {
  readonly fleet: BenchFleet;
  readonly speed: number;
  readonly graphLagSeconds?: number;
  readonly operationScale?: number;
}

/** What the journal says of the caller under test, times in ms of the embedded Azure. */
export interface AzureDigest {
  readonly calls: { readonly reads: number; readonly writes: number; readonly resourceGraph: number };
  /** 429s by the limit that refused. */
  readonly refused: Readonly<Record<string, number>>;
  readonly acceptedWrites: number;
  readonly lastAcceptedAt: number;
  /** VMs that carry no goal identity now. */
  readonly undone: number;
}

/** An embedded Azure in its own process. */
export interface BenchAzure {
  readonly env: Readonly<Record<string, string>>;
  readonly controlEndpoint: string;
  /** `since` leaves out what was before, ms of the embedded Azure. */
  digest(since?: number): Promise<AzureDigest>;
  acceptedAt(): Promise<Record<string, number>>;
  stop(): Promise<void>;
}

/** Starts one. */
export async function startBenchAzure(options: BenchAzureOptions): Promise<BenchAzure> {
  const { first, ask, stop } = await startProcess<Pick<BenchAzure, 'env' | 'controlEndpoint'>>(
    'azureServer.ts',
    options,
  );
  return {
    ...first,
    digest: (since = 0) => ask(`digest ${since}`),
    acceptedAt: () => ask('acceptedAt'),
    stop,
  };
}

/** Starts one, does something with it and stops it, whatever comes of it. */
export async function withAzure<T>(
  options: BenchAzureOptions,
  use: (azure: BenchAzure) => Promise<T>,
): Promise<T> {
  const azure = await startBenchAzure(options);
  try {
    return await use(azure);
  } finally {
    await azure.stop();
  }
}

/** How many 429s the caller under test got. */
export function refusals({ refused }: AzureDigest): number {
  return Object.values(refused).reduce((sum, count) => sum + count, 0);
}
