import { readFileSync } from 'node:fs';
import tls from 'node:tls';

/** Lets this process call an embedded Azure as its host: trusts its certificate, signs in where it says. */
export function trustAzure({ env }: { readonly env: Readonly<Record<string, string>> }): void {
  const authority = readFileSync(env.NODE_EXTRA_CA_CERTS ?? '', 'utf8');
  tls.setDefaultCACertificates([...tls.getCACertificates('default'), authority]);
  process.env.IDENTITY_ENDPOINT = env.IDENTITY_ENDPOINT ?? '';
  process.env.IDENTITY_HEADER = env.IDENTITY_HEADER ?? '';
}
