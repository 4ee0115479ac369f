import { AzureError } from './errors.ts';

const MOST_PAGES = 1000;

/** The items of one of Azure's lists, page after page. Throws AzureError, also where the pages have no end. */
export async function* itemsOf<T>(list: {
  byPage(): AsyncIterable<T[]>;
}): AsyncGenerator<T, void, undefined> {
  let pages = 0;
  for await (const page of list.byPage()) {
    if (++pages > MOST_PAGES) {
      throw new AzureError(
        'unexpected',
        `A list of Azure goes on for ever: it has more than ${MOST_PAGES} pages.`,
      );
    }
    yield* page;
  }
}
