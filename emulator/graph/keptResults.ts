import type { Clock } from '../state/clock.ts';
import type { QueryResult } from './kql/query.ts';

/** Results of queries whose first page was answered, for the pages that follow. */
export interface KeptResults {
  /** The result kept under this key, unless it is too old. */
  find(key: string): QueryResult | undefined;
  keep(key: string, result: QueryResult): void;
  clear(): void;
}

const MOST_ROWS = 2_000_000;

/**
 * Keeps results for `maxAgeMs` of the emulator's time. A page cut from a kept result is as old as Resource Graph's
 * answers are anyway: by the lag up to twice the lag. Without a lag nothing is kept, so that every page is of now.
 */
export function createKeptResults(clock: Clock, maxAgeMs: number): KeptResults {
  // Oldest first.
  const kept = new Map<string, { readonly result: QueryResult; readonly at: number }>();

  function dropOld(): void {
    const oldest = clock.now() - maxAgeMs;
    let rows = 0;
    for (const { result } of kept.values()) rows += result.rows.length;
    for (const [key, { result, at }] of kept) {
      if (at > oldest && rows <= MOST_ROWS) return;
      rows -= result.rows.length;
      kept.delete(key);
    }
  }

  return {
    find(key) {
      dropOld();
      return kept.get(key)?.result;
    },
    keep(key, result) {
      kept.delete(key);
      kept.set(key, { result, at: clock.now() });
      dropOld();
    },
    clear: () => kept.clear(),
  };
}
