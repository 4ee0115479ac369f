/** The JSON of a request body; undefined, which no schema takes, when it is none. */
export function parseJson(body: unknown): unknown {
  try {
    return JSON.parse(String(body ?? ''));
  } catch {
    return undefined;
  }
}
