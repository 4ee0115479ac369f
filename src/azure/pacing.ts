import type { PipelinePolicy, PipelineRequest, PipelineResponse } from '@azure/core-rest-pipeline';
import type { Clock } from '../clock.ts';
import { type Lanes, lanesOf } from '../domain/throttleLimits.ts';
import { callContext } from './callContext.ts';
import { requireFresh } from './freshReadings.ts';
import type { Pacer, Pass } from './pacer.ts';
import { countsOf, DEFAULT_REFUSAL_MS, refusedLimit, toldWaitMs } from './throttleAnswer.ts';

/**
 * Holds every request back until the pacer's share of each of Azure's limits it counts in has room for it, and learns
 * from the answers: counts of what is left, and 429s, which close their lane to everybody. A write that has its turn
 * already goes at once; any other sees first that the reading it rests on is good still (`requireFresh`). One policy for
 * all clients; it belongs after the Retry phase, so that each try is paced. Rejects as `Pacer.enter` and `requireFresh`.
 *
 * The share is taken of every limit, also of those that Azure counts by caller: workers of other regions, events and
 * the command line are the same caller, and all must fit.
 */
export function pacing(pacer: Pacer, clock: Clock): PipelinePolicy {
  // Requests that were sent before, with the time before which they must not be sent again, ms.
  const notBefore = new WeakMap<PipelineRequest, number>();
  return {
    name: 'pacing',
    async sendRequest(request, next) {
      const { location, urgent = false, turn, reading } = callContext();
      const lanes = lanesOf(request.method, request.url, location);
      const again = notBefore.has(request);
      const abortSignal = request.abortSignal as AbortSignal | undefined;
      await untilTime(notBefore.get(request) ?? 0, clock, abortSignal);
      const inTurn = request.method === 'PATCH' ? turn?.take() : undefined;
      const pass = inTurn ?? (await pacer.enter({ ...lanes, urgent, again, abortSignal }));
      notBefore.set(request, 0);
      try {
        if (!inTurn && request.method === 'PATCH') await requireFresh(reading, clock);
        // Since it was let go, the VM may have been read.
        pass.leavesNow();
        const response = await next(request);
        notBefore.set(request, learn(pass, response, lanes, clock));
        return response;
      } finally {
        pass.end();
      }
    },
  };
}

/** The turn to update a VM, good for one request. */
export interface Turn {
  /** The pass, once; undefined afterwards. */
  take(): Pass | undefined;
  /** Gives it up, where nothing is to be written. Does nothing once it was taken. */
  end(): void;
}

/** Waits for the turn to update the VM of this URL. Rejects as `Pacer.enter`. */
export async function turnToWrite(pacer: Pacer, url: string, location: string): Promise<Turn> {
  const { urgent = false } = callContext();
  let pass: Pass | undefined = await pacer.enter({
    ...lanesOf('PATCH', url, location),
    urgent,
    again: false,
  });
  const take = (): Pass | undefined => {
    const mine = pass;
    pass = undefined;
    return mine;
  };
  return { take, end: () => take()?.end() };
}

/** Tells the lanes what the answer says. Returns when the request itself may go again, if its lanes let it. */
function learn(pass: Pass, response: PipelineResponse, { shared, vm }: Lanes, clock: Clock): number {
  if (response.status !== 429) {
    for (const [limit, count] of countsOf(response, clock)) pass.count(limit, count);
    return 0;
  }
  const limits = [...shared, ...(vm ? [vm] : [])].map(({ limit }) => limit);
  const limit = refusedLimit(response, limits);
  const ms = toldWaitMs(response, clock) ?? DEFAULT_REFUSAL_MS;
  // A limit without a lane, such as Compute's for reads of one VM, is the business of this request alone.
  if (!limit) return clock.now() + ms;
  pass.close(limit, ms);
  return 0;
}

async function untilTime(time: number, clock: Clock, abortSignal: AbortSignal | undefined): Promise<void> {
  // Timers may be early by a little.
  for (let now = clock.now(); now < time; now = clock.now()) await clock.sleep(time - now, abortSignal);
}
