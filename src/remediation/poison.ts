import type { Log } from '../log.ts';
import { messageOf } from './reportBlobs.ts';
import type { Shared } from './shared.ts';

/**
 * Tells of messages that lie in poison queues: a run that was killed five times could say nothing of it. What fails is
 * logged: never throws.
 */
export async function tellOfPoison({ app, telemetry }: Shared, log: Log): Promise<void> {
  try {
    for (const { queue, messages } of (await app.poison?.counts()) ?? []) {
      log.error('Messages lie in a poison queue', { queue, messages });
      telemetry.event('PoisonFound', { queue }, { messages });
    }
  } catch (error) {
    log.warn('Poison queues cannot be read', { message: messageOf(error) });
  }
}
