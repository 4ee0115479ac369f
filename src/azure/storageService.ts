import type { TokenCredential } from '@azure/identity';
import { STORAGE_CONNECTION } from '../queues.ts';

/** How a service of a storage account is reached: by connection string, or by its URL and a credential. */
export type StorageService =
  | { readonly connectionString: string }
  | { readonly url: string; readonly credential: TokenCredential };

/** Attempts, and their times in ms, for storage: worth some seconds of a sweep, not more. */
export const storageRetries = { maxTries: 3, tryTimeoutInMs: 20_000, retryDelayInMs: 500 } as const;

/**
 * The storage account of the Functions host, reached as the host reaches it. Undefined when none is set.
 */
export function storageService(
  env: Readonly<Record<string, string | undefined>>,
  service: 'blob' | 'queue',
  credential: TokenCredential,
): StorageService | undefined {
  const connectionString = env[STORAGE_CONNECTION];
  if (connectionString) return { connectionString };
  const account = env[`${STORAGE_CONNECTION}__accountName`];
  const url =
    env[`${STORAGE_CONNECTION}__${service}ServiceUri`] ??
    (account && `https://${account}.${service}.core.windows.net`);
  return url ? { url, credential } : undefined;
}
