import type { QueryRequest } from '@azure/arm-resourcegraph';
import { z } from 'zod';
import type { AzureClients } from './clients.ts';
import { AzureError, toAzureError } from './errors.ts';

/** Whom a query is about: a management group, or at most 300 subscriptions; never both in one request. */
export type QueryScope = { readonly managementGroup: string } | { readonly subscriptions: readonly string[] };

/** Most subscriptions in one request. Source: Resource Graph's throttling guidance. */
export const MAX_SUBSCRIPTIONS = 300;

const PAGE_SIZE = 1000;
// Five million rows. An answer without an end would keep a worker busy for ever.
const MOST_PAGES = 5_000;

/**
 * The pages of a query's answer, one request each, rows checked against `row`. The query must project `id` and be
 * ordered by it, or pages could repeat or skip rows. Goes on while there is a `$skipToken` and by nothing else.
 * Throws AzureError, also where the pages have no end.
 */
export async function* queryPages<T>(
  clients: Pick<AzureClients, 'resourceGraph'>,
  scope: QueryScope,
  query: string,
  row: z.ZodType<T>,
): AsyncGenerator<T[], void, undefined> {
  const about: Pick<QueryRequest, 'managementGroups' | 'subscriptions'> =
    'managementGroup' in scope
      ? { managementGroups: [scope.managementGroup] }
      : { subscriptions: [...scope.subscriptions] };
  let skipToken: string | undefined;
  for (let pages = 1; ; pages++) {
    const options = { top: PAGE_SIZE, resultFormat: 'objectArray' as const, ...(skipToken && { skipToken }) };
    const asked = clients.resourceGraph.resources({ ...about, query, options });
    const page = await asked.catch((error: unknown) => {
      throw toAzureError(error);
    });
    const rows = z.array(row).safeParse(page.data);
    if (!rows.success) {
      throw new AzureError(
        'unexpected',
        `Resource Graph answered rows of another form: ${z.prettifyError(rows.error)}`,
      );
    }
    yield rows.data;
    // Null and an empty text are no token either: with them, the first page would come again.
    const next = page.skipToken || undefined;
    if (next === undefined && page.resultTruncated === 'true') {
      throw new AzureError('unexpected', 'Resource Graph left out rows and gave no token to go on.');
    }
    if (next === undefined) return;
    if (next === skipToken || pages >= MOST_PAGES) {
      throw new AzureError('unexpected', `Resource Graph goes on for ever: page ${pages} is not the last.`);
    }
    skipToken = next;
  }
}

/** Splits a list into requests of as many subscriptions as Resource Graph takes. */
export function inRequests(subscriptions: readonly string[]): QueryScope[] {
  const requests: QueryScope[] = [];
  for (let start = 0; start < subscriptions.length; start += MAX_SUBSCRIPTIONS) {
    requests.push({ subscriptions: subscriptions.slice(start, start + MAX_SUBSCRIPTIONS) });
  }
  return requests;
}
