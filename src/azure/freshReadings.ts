import type { PipelinePolicy } from '@azure/core-rest-pipeline';
import type { Clock } from '../clock.ts';
import { callContext } from './callContext.ts';
import { AzureError } from './errors.ts';

/**
 * How old the reading a write rests on may be when the write leaves, ms. An ETag of Compute counts from 1 for each VM, so
 * one deleted and made again has the ETag of the one that was read: `If-Match` cannot tell them apart (ETags "1" to "7" in
 * recordings a01-a07). Who deletes a VM is told to come back after 10 s, and only then can make it again.
 */
export const FRESH_MS = 8_000;

/**
 * Looks at the VM again before a write that has waited for its turn, or for Azure's leave after a 429, until its reading
 * is old. Throws AzureError of kind `conflict`, and sends nothing, when the VM is no longer as it was read; or what
 * reading throws. It belongs after pacing, so that nothing more holds the write up.
 */
export function freshReadings(clock: Clock): PipelinePolicy {
  return {
    name: 'freshReadings',
    async sendRequest(request, next) {
      const { reading } = callContext();
      const rests = reading !== undefined && request.method === 'PATCH';
      if (rests && clock.now() - reading.at > FRESH_MS && !(await reading.stillHolds())) {
        throw new AzureError('conflict', 'The VM changed while the write waited for its turn.');
      }
      return next(request);
    },
  };
}
