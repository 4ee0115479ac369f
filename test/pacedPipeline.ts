import { createEmptyPipeline, type Pipeline } from '@azure/core-rest-pipeline';
import { createPacer } from '../src/azure/pacer.ts';
import { pacing } from '../src/azure/pacing.ts';
import { retries } from '../src/azure/retry.ts';
import type { Clock } from '../src/clock.ts';

/** The app's retries and pacing, with `share` (0 to 1) of each limit and a pacer of its own; nothing of it is random. */
export function pacedPipeline(clock: Clock, share: number): Pipeline {
  const pipeline = createEmptyPipeline();
  const pacer = createPacer(clock, share, () => 0);
  pipeline.addPolicy(
    retries(clock, () => 0.5),
    { phase: 'Retry' },
  );
  pipeline.addPolicy(pacing(pacer, clock), { afterPhase: 'Retry' });
  return pipeline;
}
