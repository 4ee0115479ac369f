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
  /** The limit that refused it, where one did (docs/emulator.md, "Throttling"). */
  readonly refusedBy?: string;
}

/** What was called, in order of arrival at the end of each call. */
export interface Journal {
  add(
    time: number,
    principal: string,
    method: string,
    path: string,
    status: number,
    refusedBy?: string | undefined,
  ): void;
  calls(): Call[];
  clear(): void;
}

const MOST_CALLS = 2_000_000;

/** Keeps the last two million calls. */
export function createJournal(): Journal {
  let entries: (Omit<Call, 'time'> & { readonly time: number })[] = [];
  return {
    add(time, principal, method, path, status, refusedBy) {
      if (entries.length >= MOST_CALLS) entries = entries.slice(MOST_CALLS / 10);
      entries.push({ time, principal, method, path, status, ...(refusedBy !== undefined && { refusedBy }) });
    },
    calls: () => entries.map((entry) => ({ ...entry, time: new Date(entry.time).toISOString() })),
    clear() {
      entries = [];
    },
  };
}
