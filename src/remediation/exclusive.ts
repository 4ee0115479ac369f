/** Runs work under a key; work under the same key waits for its turn, in order, whether what went before failed or not. */
export type Exclusive = <T>(key: string, work: () => Promise<T>) => Promise<T>;

/** Makes one. It remembers only keys that have work now. */
export function exclusive(): Exclusive {
  const last = new Map<string, Promise<unknown>>();
  return async (key, work) => {
    const before = last.get(key);
    const mine = (async () => {
      await before?.catch(() => undefined);
      return work();
    })();
    last.set(key, mine);
    try {
      return await mine;
    } finally {
      if (last.get(key) === mine) last.delete(key);
    }
  };
}
