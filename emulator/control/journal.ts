/** One call that reached Resource Manager. */
export interface Call {
  /** ISO 8601, in the emulator's time. */
  readonly time: string;
  /** Client id of the caller; empty when there was no valid token. */
  readonly principal: string;
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly status: number;
}

/** What was called, in order of arrival at the end of each call. */
export interface Journal {
  add(time: number, principal: string, method: string, path: string, status: number): void;
  calls(): Call[];
  clear(): void;
}

const MOST_CALLS = 2_000_000;

/** Keeps the last two million calls. */
export function createJournal(): Journal {
  let entries: { time: number; principal: string; method: string; path: string; status: number }[] = [];
  return {
    add(time, principal, method, path, status) {
      if (entries.length >= MOST_CALLS) entries = entries.slice(MOST_CALLS / 10);
      entries.push({ time, principal, method, path, status });
    },
    calls: () => entries.map((entry) => ({ ...entry, time: new Date(entry.time).toISOString() })),
    clear() {
      entries = [];
    },
  };
}
