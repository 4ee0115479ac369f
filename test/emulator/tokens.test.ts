import assert from 'node:assert/strict';
import { it } from 'node:test';
import { remediator } from '../../emulator/arm/principals.ts';
import { createTokens } from '../../emulator/arm/tokens.ts';

it('a token says whose it is, and is refused once it is over', () => {
  const tokens = createTokens();

  assert.deepEqual(tokens.check(`Bearer ${tokens.issue(remediator, 'arm', 60).token}`), remediator);
  assert.throws(() => tokens.check(`Bearer ${tokens.issue(remediator, 'arm', -1).token}`), {
    code: 'ExpiredAuthenticationToken',
    status: 401,
  });
});
