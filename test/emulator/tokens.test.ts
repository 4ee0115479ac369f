import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { ArmError } from '../../emulator/arm/errors.ts';
import { remediator } from '../../emulator/arm/principals.ts';
import { createTokens } from '../../emulator/arm/tokens.ts';

it('a token says whose it is, and is refused once it is over', () => {
  const tokens = createTokens();

  assert.deepEqual(tokens.check(`Bearer ${tokens.issue(remediator, 'arm', 60).token}`), remediator);
  assert.throws(
    () => tokens.check(`Bearer ${tokens.issue(remediator, 'arm', -1).token}`),
    ({ code, status, headers }: ArmError) => {
      assert.deepEqual([code, status], ['ExpiredAuthenticationToken', 401]);
      assert.match(headers['www-authenticate'] ?? '', /error_description="The access token has expired\."$/);
      return true;
    },
  );
});
