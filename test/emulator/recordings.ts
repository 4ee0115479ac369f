import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One request and answer as recorded. */
export interface Exchange {
  readonly method: string;
  readonly url: string;
  readonly requestBody?: unknown;
  readonly status: number;
  readonly responseHeaders?: Record<string, unknown>;
  readonly responseBody?: unknown;
}

/** Recorded exchanges with real Azure. They are kept beside the repository, never in it. */
const folder = join(import.meta.dirname, '../../../shared/wire');

/** Why recordings cannot be replayed here; undefined when they can. */
export const missing = existsSync(folder)
  ? undefined
  : 'the folder with recordings is not beside this repository';

/** The recordings by short name, `a01` to `h05`. */
export function recordings(): Map<string, Exchange[]> {
  if (missing) return new Map();
  const files = readdirSync(folder).filter((file) => file.endsWith('.json'));
  return new Map(
    files.sort().map((file) => {
      const { exchanges } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as { exchanges: Exchange[] };
      return [file.slice(0, 3), exchanges.filter(({ method }) => method !== undefined)];
    }),
  );
}

/** The header of an answer, whatever its letter case. */
export function header({ responseHeaders = {} }: Exchange, name: string): string | undefined {
  const found = Object.entries(responseHeaders).find(([key]) => key.toLowerCase() === name);
  return found === undefined ? undefined : String(found[1]);
}
