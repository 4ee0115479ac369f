import type { Clock } from '../clock.ts';
import type { CallContext } from './callContext.ts';
import { AzureError } from './errors.ts';

/**
 * How old the reading a write rests on may be when the write leaves, ms. An ETag of Compute counts from 1 for each VM, so
 * one deleted and made again has the ETag of the one that was read: `If-Match` cannot tell them apart (ETags "1" to "7" in
 * recordings a01-a07). Who deletes a VM is told to come back after 10 s, and only then can make it again.
 */
export const FRESH_MS = 8_000;

/**
 * Looks at the VM again where the reading a write rests on is older than FRESH_MS. Throws AzureError of kind `conflict`
 * when the VM is no longer as it was read, or nobody can tell; or what reading throws.
 */
export async function requireFresh(reading: CallContext['reading'], clock: Clock): Promise<void> {
  if (!reading || clock.now() - reading.at <= FRESH_MS || (await reading.stillHolds())) return;
  throw new AzureError('conflict', 'The VM changed, or may have, while the write waited for its turn.');
}
