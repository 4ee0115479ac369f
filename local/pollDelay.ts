const MINIMUM_MS = 100;

/**
 * How long to wait between polls of an empty queue, in ms: 100 after a message was found, then twice as long each time,
 * a fifth more or less, up to `maximumMs` (RandomizedExponentialBackoffStrategy.cs).
 */
export function createPollDelay(maximumMs: number): (found: boolean) => number {
  let exponent = 0;
  return (found) => {
    if (found) exponent = 0;
    const more = exponent === 0 ? 0 : MINIMUM_MS * 2 ** (exponent - 1) * (0.8 + 0.4 * Math.random());
    exponent = Math.min(exponent + 1, 30);
    return Math.min(MINIMUM_MS + more, maximumMs);
  };
}
