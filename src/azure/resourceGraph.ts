import type { QueryRequest } from '@azure/arm-resourcegraph';
import { z } from 'zod';
import type { AzureClients } from './clients.ts';
import { AzureError } from './errors.ts';

/** Whom a query is about: a management group, or at most 300 subscriptions; never both in one request. */
export type QueryScope = { readonly managementGroup: string } | { readonly subscriptions: readonly string[] };

/** Most subscriptions in one request. Source: Resource Graph's throttling guidance. */
export const MAX_SUBSCRIPTIONS = 300;

const PAGE_SIZE = 1000;

/**
 * The pages of a query's answer, one request each, rows checked against `row`. The query must project `id` and be
 * ordered by it, or pages could repeat or skip rows. Goes on while there is a `$skipToken` and by nothing else.
 * Throws AzureError.
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
  do {
    const options = { top: PAGE_SIZE, resultFormat: 'objectArray' as const, ...(skipToken && { skipToken }) };
    const page = await clients.resourceGraph.resources({ ...about, query, options });
    const rows = z.array(row).safeParse(page.data);
    if (!rows.success) {
      throw new AzureError(
        'unexpected',
        `Resource Graph answered rows of another form: ${rows.error.message}`,
      );
    }
    yield rows.data;
    if (page.skipToken === undefined && page.resultTruncated === 'true') {
      throw new AzureError('unexpected', 'Resource Graph left out rows and gave no token to go on.');
    }
    skipToken = page.skipToken;
  } while (skipToken !== undefined);
}

/** Splits a list into requests of as many subscriptions as Resource Graph takes. */
export function inRequests(subscriptions: readonly string[]): QueryScope[] {
  const requests: QueryScope[] = [];
  for (let start = 0; start < subscriptions.length; start += MAX_SUBSCRIPTIONS) {
    requests.push({ subscriptions: subscriptions.slice(start, start + MAX_SUBSCRIPTIONS) });
  }
  return requests;
}
