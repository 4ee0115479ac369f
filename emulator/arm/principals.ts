import { createHash } from 'node:crypto';

/** Who calls: what a token says. */
export interface Principal {
  readonly clientId: string;
  readonly objectId: string;
}

/** The Entra tenant everything lives in. */
export const TENANT_ID = '54826b22-38d6-4fb2-bad9-b7b93a3e9c5a';

/** The app's own pre-authorized identity. */
export const remediator: Principal = {
  clientId: 'c0ffee00-0000-4000-8000-000000000001',
  objectId: 'c0ffee00-0000-4000-8000-0000000000a1',
};

/** The system-assigned identity of the host: who calls when no client id is asked for. */
export const host: Principal = {
  clientId: 'c0ffee00-0000-4000-8000-000000000002',
  objectId: 'c0ffee00-0000-4000-8000-0000000000a2',
};

/** A GUID that follows from the text, so that runs can be repeated. */
export function guidOf(text: string): string {
  const hex = createHash('sha1').update(text.toLowerCase()).digest('hex');
  const parts = [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`];
  // Joined, not concatenated: a million VMs keep several each, and a flat string is a sixth of a rope's size.
  return [...parts, hex.slice(20, 32)].join('-');
}
