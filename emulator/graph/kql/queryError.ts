/** A query that Resource Graph, or this one, does not run. Becomes the details of a 400. */
export class QueryError extends Error {
  override readonly name = 'QueryError';
  readonly details: Readonly<Record<string, unknown>>;

  constructor(message: string, details: Record<string, unknown>) {
    super(message);
    this.details = details;
  }
}

/** Text that is no KQL, in the form recorded in e23. */
export function parserFailure(query: string, start: number, message: string): QueryError {
  const before = query.slice(0, start).split('\n');
  const token = /^\w+|^\S/.exec(query.slice(start))?.[0] ?? '<EOF>';
  return new QueryError(message, {
    code: 'ParserFailure',
    message: 'ParserFailure',
    line: before.length,
    characterPositionInLine: before.at(-1)?.length ?? 0,
    token,
    expectedToken: message,
  });
}

/** KQL that Resource Graph refuses (azure-facts, section 4 "Dialect"). */
export function refused(message: string): QueryError {
  return new QueryError(message, { code: 'InvalidQuery', message });
}

/** KQL that may well run in Azure, and not here: refused rather than answered wrongly. */
export function unsupported(what: string, start: number): QueryError {
  const message = `The embedded Resource Graph does not support ${what} (at character ${start}).`;
  return new QueryError(message, { code: 'UnsupportedByEmbeddedAzure', message });
}
