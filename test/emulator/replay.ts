import type { Azure } from '../../emulator/azure.ts';
import { type Exchange, header } from './recordings.ts';

/** What the embedded Azure answered to a recorded request. */
export interface Replayed {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

/** Sends recorded requests to the embedded Azure, following its own operation URLs in place of the recorded ones. */
export function replayer(azure: Azure, token: string | undefined) {
  const ownUrls = new Map<string, string>();
  return async (exchange: Exchange): Promise<Replayed> => {
    const { method, url, requestBody } = exchange;
    const target = ownUrls.get(operationKey(url)) ?? azure.armEndpoint + pathOf(url);
    // One suite's recorder keeps no request bodies: what it put is what came back (wire-behaviour, section 0).
    const sent = requestBody ?? (method === 'PUT' ? exchange.responseBody : undefined);
    const hasBody = sent !== undefined && sent !== null && method !== 'GET';
    const response = await fetch(target, {
      method,
      headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
      ...(hasBody && { body: JSON.stringify(sent) }),
    });
    for (const name of ['azure-asyncoperation', 'location']) {
      const recorded = header(exchange, name);
      const own = response.headers.get(name);
      if (recorded?.startsWith('https://') && own) ownUrls.set(operationKey(recorded), own);
    }
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: text === '' ? null : JSON.parse(text),
    };
  };
}

/** Path and query of a recorded URL, encoded as it was. */
export function pathOf(url: string): string {
  return url.replace(/^https:\/\/[^/]+/, '').replaceAll(' ', '%20');
}

function operationKey(url: string): string {
  return url.replace(/\?.*/, '').toLowerCase();
}

/** Where an answer differs in shape from the recorded one: keys, types, casing of ids, names and types. */
export function shapeDifferences(recorded: unknown, own: unknown, at = ''): string[] {
  if (recorded === null || typeof recorded !== 'object') {
    if (typeof recorded !== typeof own) return [`${at}: ${typeof own} instead of ${typeof recorded}`];
    const literal = /\.(id|name|type|code|status|location|provisioningState|level)$/.test(at);
    return literal && recorded !== own ? [`${at}: ${own} instead of ${recorded}`] : [];
  }
  if (own === null || typeof own !== 'object') return [`${at}: ${own} instead of an object`];
  if (Array.isArray(recorded)) {
    if (!Array.isArray(own)) return [`${at}: no array`];
    if (own.length !== recorded.length) return [`${at}: ${own.length} items instead of ${recorded.length}`];
    // Lists have no promised order.
    const [left, right] = [byId(recorded), byId(own)];
    return left.flatMap((item, index) => shapeDifferences(item, right[index], `${at}[${index}]`));
  }
  const keys = new Set([...Object.keys(recorded), ...Object.keys(own)]);
  return [...keys].flatMap((key) => {
    const where = `${at}.${key}`;
    if (!Object.hasOwn(own, key)) return [`${where} is missing`];
    if (!Object.hasOwn(recorded, key)) return [`${where} was not recorded`];
    return shapeDifferences(
      (recorded as Record<string, unknown>)[key],
      (own as Record<string, unknown>)[key],
      where,
    );
  });
}

function byId(items: readonly unknown[]): unknown[] {
  const idOf = (item: unknown) => String((item as { id?: string } | null)?.id ?? '').toLowerCase();
  return [...items].sort((a, b) => (idOf(a) < idOf(b) ? -1 : 1));
}
