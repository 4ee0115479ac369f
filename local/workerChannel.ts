import type { LogLevel } from './coreTypes.ts';
import { hostSays } from './events.ts';
import type { FromWorker } from './protocol.ts';

/** Tells the host something. Resolves when it is on its way; a host that is gone is no error here. */
export function send(message: FromWorker): Promise<void> {
  return new Promise((resolve) => process.send?.(message, undefined, {}, () => resolve()) ?? resolve());
}

/** A line of the host's own log, about one function or about none. */
export function say(level: LogLevel, message: string, functionName?: string): Promise<void> {
  const about = functionName === undefined ? {} : { functionName };
  return send({ kind: 'event', event: hostSays(level, message, about) });
}

/** Ends this worker process when all it had to say is on its way. */
export async function exit(code: number): Promise<never> {
  await say('debug', `Ending with exit code ${code}`);
  process.exit(code);
}
