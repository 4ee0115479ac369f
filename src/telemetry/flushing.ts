import { FLUSH_MS } from './telemetry.ts';

/**
 * Makes a flush that never rejects and takes at most `boundMs`. All who ask while one is under way share the next. One
 * that did not end in time goes on by itself, and as long as it does nobody waits: an endpoint that hangs costs a process
 * the bound once, not once for each invocation.
 */
export function flushing(send: () => Promise<void>, boundMs = FLUSH_MS): () => Promise<void> {
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  let late = false;

  function begin(): Promise<void> {
    const mine = send()
      .catch(() => undefined)
      .then(() => {
        late = false;
        running = undefined;
      });
    running = mine;
    return mine;
  }

  function afterRunning(before: Promise<void>): Promise<void> {
    next ??= before.then(() => {
      next = undefined;
      return begin();
    });
    return next;
  }

  return async () => {
    const sent = running ? afterRunning(running) : begin();
    if (late) return;
    const bound = Promise.withResolvers<void>();
    const timer = setTimeout(() => {
      late = true;
      bound.resolve();
    }, boundMs);
    await Promise.race([sent, bound.promise]);
    clearTimeout(timer);
  };
}
