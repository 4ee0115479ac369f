import type { PipelinePolicy } from '@azure/core-rest-pipeline';
import { fold } from '../domain/resourceId.ts';
import { AzureError } from './errors.ts';

/**
 * Lets a client speak to one endpoint, below one path, and to nothing else: every request carries a token, and answers
 * name URLs that are followed (next pages, operations, redirects). What leads elsewhere is not sent, and fails as an
 * AzureError. Must come after all that changes URLs.
 */
export function staysAt(endpoint: string, path: string): PipelinePolicy {
  const { origin } = new URL(endpoint);
  return {
    name: 'staysAt',
    sendRequest(request, next) {
      const url = URL.canParse(request.url) ? new URL(request.url) : undefined;
      if (url?.origin === origin && asRead(url.pathname).startsWith(fold(path))) return next(request);
      throw new AzureError(
        'unexpected',
        `An answer led to ${request.url.slice(0, 200)}, which is not below ${origin}${path}: nothing was sent there.`,
      );
    },
  };
}

/** The path as whoever unescapes most would read it, folded; empty where it has steps upwards or is escaped twice. */
function asRead(pathname: string): string {
  // The clients escape the slashes of scopes, and leave empty parts where a parent is left out.
  const path = pathname
    .replaceAll(/%2f/gi, '/')
    .replaceAll(/%2e/gi, '.')
    .replaceAll(/\/{2,}/g, '/');
  return /\/\.{1,2}(\/|$)|\\|%5c|%25|%00/i.test(path) ? '' : fold(path);
}
