import { z } from 'zod';

/** A Resource Graph request, checked. */
export interface GraphRequest {
  readonly query: string;
  /** Undefined: everything the caller can read. */
  readonly subscriptions: readonly string[] | undefined;
  readonly managementGroups: readonly string[] | undefined;
  readonly top: number;
  readonly skip: number;
  readonly resultFormat: 'objectArray' | 'table';
}

/** A request that cannot be used; the message says why. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
}

const MOST_ROWS = 1000;
// Sources disagree between 100 and 1,000 (azure-facts, section 4); the older, smaller one finds more mistakes.
const DEFAULT_ROWS = 100;
const OBJECTS_SINCE = '2021-03-01';

const bodySchema = z.looseObject({
  query: z.string().min(1),
  subscriptions: z.array(z.string()).nullish(),
  managementGroups: z.array(z.string()).nullish(),
  facets: z.array(z.unknown()).nullish(),
  options: z
    .looseObject({
      $top: z.int().min(1).max(MOST_ROWS).nullish(),
      $skip: z.int().min(0).nullish(),
      $skipToken: z.string().nullish(),
      resultFormat: z.enum(['objectArray', 'table']).nullish(),
      allowPartialScopes: z.boolean().nullish(),
      authorizationScopeFilter: z
        .enum(['AtScopeAndBelow', 'AtScopeAndAbove', 'AtScopeExact', 'AtScopeAboveAndBelow'])
        .nullish(),
    })
    .nullish(),
});

const tokenSchema = z.object({ $id: z.string(), MaxRows: z.int().min(1), RowsToSkip: z.int().min(0) });

/** Reads the body of a query request. `$top` and `$skip` override what the token says (e22). Throws RequestError. */
export function readRequest(body: unknown, apiVersion: string): GraphRequest {
  const parsed = bodySchema.safeParse(body);
  if (!parsed.success) throw new RequestError(z.prettifyError(parsed.error));
  const { query, subscriptions, managementGroups, facets, options } = parsed.data;
  if (subscriptions?.length && managementGroups?.length) {
    throw new RequestError('Only one of subscriptions and managementGroups can be given.');
  }
  if (facets?.length) throw new RequestError('The embedded Azure does not support facets.');
  const token = options?.$skipToken ? readToken(options.$skipToken) : undefined;
  return {
    query,
    subscriptions: subscriptions?.length ? subscriptions : undefined,
    managementGroups: managementGroups?.length ? managementGroups : undefined,
    top: options?.$top ?? token?.MaxRows ?? DEFAULT_ROWS,
    skip: options?.$skip ?? token?.RowsToSkip ?? 0,
    resultFormat: options?.resultFormat ?? (apiVersion >= OBJECTS_SINCE ? 'objectArray' : 'table'),
  };
}

/** The token of the next page, in the form recorded in e03 and e04. Callers should not look inside. */
export function skipToken(top: number, skip: number): string {
  const token = { $id: '1', MaxRows: top, RowsToSkip: skip, KustoClusterUrl: 'https://embedded.invalid' };
  return Buffer.from(JSON.stringify(token, null, 2)).toString('base64');
}

function readToken(text: string): z.infer<typeof tokenSchema> {
  try {
    return tokenSchema.parse(JSON.parse(Buffer.from(text, 'base64').toString()));
  } catch {
    throw new RequestError('The $skipToken is not valid.');
  }
}
