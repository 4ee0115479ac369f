import type { QueueOptions } from './hostJson.ts';

type Encoding = QueueOptions['messageEncoding'];

/** What a queue message says; undefined where it is not in the encoding of host.json. */
export function decodeMessage(text: string, encoding: Encoding): string | undefined {
  if (encoding === 'none') return text;
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  return Buffer.from(text, 'base64').toString('utf8');
}

/** A message as it is stored. */
export function encodeMessage(content: string | Uint8Array, encoding: Encoding): string {
  const bytes = Buffer.from(content as Uint8Array);
  return bytes.toString(encoding === 'base64' ? 'base64' : 'utf8');
}
