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
  /** The correlation id, where the caller chose it; else Azure makes one. */
  readonly correlationId?: string;
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
    correlationId?: string | undefined,
  ): void;
  calls(): Call[];
  clear(): void;
}

const MOST_CALLS = 2_000_000;

/** Keeps the last two million calls. */
export function createJournal(): Journal {
  let entries: (Omit<Call, 'time'> & { readonly time: number })[] = [];
  return {
    add(time, principal, method, path, status, refusedBy, correlationId) {
      if (entries.length >= MOST_CALLS) entries = entries.slice(MOST_CALLS / 10);
      const more = { ...(refusedBy && { refusedBy }), ...(correlationId && { correlationId }) };
      entries.push({ time, principal, method, path, status, ...more });
    },
    calls: () => entries.map((entry) => ({ ...entry, time: new Date(entry.time).toISOString() })),
    clear() {
      entries = [];
    },
  };
}
