import type { AccessToken, GetTokenOptions, TokenCredential } from '@azure/identity';

// As long before its end a token is renewed as the identity SDK does, and as seldom tried again where that fails.
const RENEW_BEFORE_MS = 5 * 60_000;
const RENEW_AGAIN_MS = 30_000;
// A token that ends on the way is none.
const SPARE_MS = 5_000;

interface Kept {
  token?: AccessToken;
  /** The request for the next one, while it is under way. */
  asked?: Promise<AccessToken>;
  askedAt: number;
}

/**
 * Keeps the tokens of a credential and renews them ahead of time; a token that still holds is used while no new one can
 * be had. Rejects only when there is none, to whoever asked.
 *
 * The SDKs' pipelines do the same, each for itself, but nobody awaits their renewals: one that fails until the token has
 * ended is an unhandled rejection (`createTokenCycler` of @azure/core-rest-pipeline 1.25), which kills a Functions worker
 * and everything it is at. So they are told that each token ends now, and ask here every time.
 */
export function steadyCredential(credential: TokenCredential): TokenCredential {
  const known = new Map<string, Kept>();

  function ask(kept: Kept, scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
    kept.askedAt = Date.now();
    kept.asked = request(credential, scopes, options)
      .then((token) => {
        kept.token = token;
        return token;
      })
      .finally(() => delete kept.asked);
    return kept.asked;
  }

  return {
    async getToken(scopes, options) {
      // Azure wants another token than the one it was shown.
      if (options?.claims) return credential.getToken(scopes, options);
      const key = [options?.tenantId, scopes].flat().join(' ');
      const kept: Kept = known.get(key) ?? { askedAt: 0 };
      known.set(key, kept);
      const { token } = kept;
      const now = Date.now();
      if (!token || token.expiresOnTimestamp - SPARE_MS < now) {
        return endingNow(await (kept.asked ?? ask(kept, scopes, lasting(options))));
      }
      const renewAt = token.refreshAfterTimestamp ?? token.expiresOnTimestamp - RENEW_BEFORE_MS;
      if (renewAt < now && !kept.asked && kept.askedAt + RENEW_AGAIN_MS < now) {
        ask(kept, scopes, lasting(options)).catch(() => undefined);
      }
      return endingNow(token);
    },
  };
}

async function request(
  credential: TokenCredential,
  scopes: string | string[],
  options?: GetTokenOptions,
): Promise<AccessToken> {
  const token = await credential.getToken(scopes, options);
  if (!token) throw new Error('The credential gave no token.');
  return token;
}

// Others wait for the same token: one request that is called off must not take it from them.
function lasting(options: GetTokenOptions | undefined): GetTokenOptions | undefined {
  if (!options) return undefined;
  const { abortSignal: _, ...rest } = options;
  return rest;
}

function endingNow({ token }: AccessToken): AccessToken {
  return { token, expiresOnTimestamp: Date.now() };
}
