import type { Clock } from '../clock.ts';

/** Keeps what `make` gives for `lifetimeMs`, and shares it between all who ask. A failure is not kept. */
export function expiring<T>(clock: Clock, lifetimeMs: number, make: () => Promise<T>): () => Promise<T> {
  let kept: { readonly value: Promise<T>; readonly until: number } | undefined;
  return () => {
    if (kept && clock.now() < kept.until) return kept.value;
    const value = make();
    const mine = { value, until: clock.now() + lifetimeMs };
    kept = mine;
    value.catch(() => {
      if (kept === mine) kept = undefined;
    });
    return value;
  };
}
