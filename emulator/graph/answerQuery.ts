import type { GraphSource } from './graphSource.ts';
import type { KeptResults } from './keptResults.ts';
import { type QueryResult, runQuery } from './kql/query.ts';
import { QueryError } from './kql/queryError.ts';
import { toText, type Value, type ValueType } from './kql/values.ts';
import { type GraphRequest, RequestError, readRequest, skipToken } from './request.ts';

/** What Resource Graph answers. */
export interface GraphAnswer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: unknown;
}

/** A request for an answer. */
export interface GraphCall {
  readonly apiVersion: string;
  readonly body: unknown;
  readonly now: Date;
  /** That of the answer, which errors name (e20). */
  readonly correlationId: string;
  /** Who asks, and where results are kept for the pages to come; without it each page runs the query. */
  readonly paging?: { readonly caller: string; readonly kept: KeptResults };
}

/** A management group covers its first 10,000 subscriptions (azure-facts, section 4). */
const MOST_SUBSCRIPTIONS = 10_000;

/** Answers POST /providers/Microsoft.ResourceGraph/resources (e01-e10, e23; wire-behaviour, section 5). */
export function answerQuery(request: GraphCall, source: GraphSource): GraphAnswer {
  const startedAt = performance.now();
  const headers = (): Record<string, string> => ({
    'x-ms-resource-graph-request-duration': duration(performance.now() - startedAt),
  });
  try {
    const wanted = readRequest(request.body, request.apiVersion);
    const { subscriptions, limitHit } = scopeOf(wanted, source);
    if (subscriptions.size === 0 && (wanted.subscriptions || wanted.managementGroups)) {
      return refuse(403, 'Forbidden', request, headers(), [
        {
          code: 'AccessDenied',
          message:
            'The client does not have access to any of the subscriptions or management groups of the request.',
        },
      ]);
    }
    const run = () => runQuery(wanted.query, { source, subscriptions, now: request.now });
    const result = request.paging ? paged(request.paging, wanted, run) : run();
    const limit = limitHit ? { 'x-ms-tenant-subscription-limit-hit': 'true' } : {};
    return { status: 200, headers: { ...headers(), ...limit }, body: page(result, wanted) };
  } catch (error) {
    if (error instanceof RequestError) {
      return refuse(400, 'BadRequest', request, headers(), [
        { code: 'InvalidRequest', message: error.message },
      ]);
    }
    if (!(error instanceof QueryError)) throw error;
    const { code } = error.details;
    const general = { code: 'InvalidQuery', message: INVALID_QUERY };
    const details = code === 'InvalidQuery' ? [error.details] : [general, error.details];
    return refuse(400, 'BadRequest', request, headers(), details);
  }
}

// The first page runs the query; those after it are cut from the same result while it is fresh enough.
function paged(
  { caller, kept }: NonNullable<GraphCall['paging']>,
  { query, subscriptions, managementGroups, top, skip }: GraphRequest,
  run: () => QueryResult,
): QueryResult {
  const key = JSON.stringify([caller, query, subscriptions, managementGroups]);
  const known = skip > 0 ? kept.find(key) : undefined;
  if (known) return known;
  const result = run();
  if (result.rows.length > skip + top) kept.keep(key, result);
  return result;
}

const INVALID_QUERY =
  'Query is invalid. Please refer to the documentation for the Azure Resource Graph service and fix the error before retrying.';

// What cannot be read is left out silently, as long as something can (azure-facts, section 4).
function scopeOf({ subscriptions, managementGroups }: GraphRequest, source: GraphSource) {
  const readable = source.readableSubscriptions();
  if (!subscriptions && !managementGroups) return { subscriptions: readable, limitHit: false };
  const asked =
    subscriptions ?? (managementGroups ?? []).flatMap((name) => source.subscriptionsUnder(name) ?? []);
  const known = [...new Set(asked.map((id) => id.toLowerCase()))].filter((id) => readable.has(id));
  const limitHit = managementGroups !== undefined && known.length > MOST_SUBSCRIPTIONS;
  return { subscriptions: new Set(limitHit ? known.slice(0, MOST_SUBSCRIPTIONS) : known), limitHit };
}

function page({ columns, rows, limited }: QueryResult, { top, skip, resultFormat }: GraphRequest): unknown {
  const shown = rows.slice(skip, skip + top);
  const remain = skip + shown.length < rows.length;
  // Paging needs the query to leave its rows alone and a column that is not dynamic (azure-facts, section 4).
  const pageable = !limited && columns.some(({ type }) => type !== 'dynamic');
  const data =
    resultFormat === 'table'
      ? {
          columns: columns.map(({ name, type }) => ({ name, type: wireType(type) })),
          rows: shown.map((row) => row.map(wireValue)),
        }
      : shown.map((row) =>
          Object.fromEntries(columns.map(({ name }, index) => [name, wireValue(row[index])])),
        );
  return {
    totalRecords: rows.length,
    count: shown.length,
    data,
    facets: [],
    resultTruncated: remain && !pageable ? 'true' : 'false',
    ...(remain && pageable && { $skipToken: skipToken(top, skip + shown.length) }),
  };
}

function wireType(type: ValueType): string {
  return { dynamic: 'object', long: 'integer', real: 'number', bool: 'boolean' }[type as string] ?? type;
}

function wireValue(value: Value): Value {
  if (value === undefined) return null;
  return value instanceof Date ? toText(value) : value;
}

function refuse(
  status: number,
  code: string,
  { now, correlationId }: GraphCall,
  headers: Record<string, string>,
  details: unknown[],
): GraphAnswer {
  return { status, headers, body: { error: { code, message: supportText(now, correlationId), details } } };
}

/** The message of every error of Resource Graph's; what went wrong is in its details (e05, e20, e23). */
export function supportText(now: Date, correlationId: string): string {
  return `Please provide below info when asking for support: timestamp = ${toText(now)}, correlationId = ${correlationId}.`;
}

// "0:00:00:00.4039490": days, hours, minutes, seconds (e09).
function duration(ms: number): string {
  return `0:00:00:${(ms / 1000).toFixed(7).padStart(10, '0')}`;
}
