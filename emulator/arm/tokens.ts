import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { errors } from './errors.ts';
import { type Principal, TENANT_ID } from './principals.ts';

/** Makes and checks bearer tokens. */
export interface Tokens {
  /** A token that is good for `lifetimeSeconds`, in the machine's time as the SDKs see it. */
  issue(
    principal: Principal,
    audience: string,
    lifetimeSeconds: number,
  ): { token: string; expiresOn: number };
  /** Whose token it is. Throws ArmError 401 when there is none, or it is not ours, or is over. */
  check(authorization: string | undefined): Principal;
}

// One key for the process: the SDKs share their token cache between clients, and so may tests between two Azures.
const key = randomBytes(32);

/** Tokens look like JWTs; nobody but this process can make them. */
export function createTokens(): Tokens {
  const known = new Map<string, { principal: Principal; expiresOn: number }>();
  const sign = (text: string) => createHmac('sha256', key).update(text).digest('base64url');

  return {
    issue(principal, audience, lifetimeSeconds) {
      const now = Math.floor(Date.now() / 1000);
      const expiresOn = now + lifetimeSeconds;
      const header = encode({ typ: 'JWT', alg: 'HS256' });
      const payload = encode({
        aud: audience,
        iss: `https://sts.windows.net/${TENANT_ID}/`,
        iat: now,
        nbf: now,
        tid: TENANT_ID,
        appid: principal.clientId,
        oid: principal.objectId,
        exp: expiresOn,
      });
      return { token: `${header}.${payload}.${sign(`${header}.${payload}`)}`, expiresOn };
    },
    check(authorization) {
      if (authorization === undefined) throw errors.missingToken(TENANT_ID);
      const seen = known.get(authorization) ?? read(authorization);
      known.set(authorization, seen);
      if (seen.expiresOn * 1000 <= Date.now()) {
        throw errors.expiredToken(TENANT_ID, new Date(seen.expiresOn * 1000), new Date());
      }
      return seen.principal;
    },
  };

  function read(authorization: string): { principal: Principal; expiresOn: number } {
    const [header = '', payload = '', signature = ''] = authorization.replace(/^Bearer /i, '').split('.');
    const expected = Buffer.from(sign(`${header}.${payload}`));
    const given = Buffer.from(signature);
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
      throw errors.invalidToken(TENANT_ID);
    }
    const { appid, oid, exp } = JSON.parse(Buffer.from(payload, 'base64url').toString());
    return { principal: { clientId: appid, objectId: oid }, expiresOn: exp };
  }
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
