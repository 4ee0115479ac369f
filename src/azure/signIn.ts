import type { TokenCredential } from '@azure/identity';
import { z } from 'zod';
import { isGuid } from '../domain/resourceId.ts';
import { toAzureError } from './errors.ts';

const claims = z.object({ oid: z.string().refine(isGuid) });

/**
 * Signs in, and reads from the token whom Azure takes us for: the object id of an identity or a person, or undefined
 * when the token does not say. Throws AzureError, kind `signed-out`.
 */
export async function signedInAs(
  credential: TokenCredential,
  tokenScope: string,
): Promise<string | undefined> {
  const token = await credential.getToken(tokenScope).catch((error: unknown) => {
    throw toAzureError(error);
  });
  try {
    const payload = Buffer.from(token?.token.split('.')[1] ?? '', 'base64url').toString();
    return claims.parse(JSON.parse(payload)).oid;
  } catch {
    return undefined;
  }
}
