import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { tooManyFailed } from '../../../src/domain/failureThreshold.ts';

describe('tooManyFailed', () => {
  const rows: [string, number, number, number, number, boolean][] = [
    ['one failure of one VM, in a large region', 1, 1, 500, 0.1, false],
    ['two of the first two', 2, 2, 500, 0.1, false],
    ['three of the first three: more than 10 % of 20', 3, 3, 500, 0.1, true],
    ['three of thirty: 10 % and not more', 30, 3, 500, 0.1, false],
    ['four of thirty', 30, 4, 500, 0.1, true],
    ['three of a region of five, at half', 3, 3, 5, 0.5, true],
    ['two of a region of five, at half', 4, 2, 5, 0.5, false],
    ['one at zero percent', 1, 1, 500, 0, true],
    ['none at zero percent', 100, 0, 500, 0, false],
  ];
  for (const [name, looked, failed, total, threshold, expected] of rows) {
    it(`${name}: ${expected ? 'stop' : 'go on'}`, () => {
      assert.equal(tooManyFailed({ looked, failed }, total, threshold), expected);
    });
  }

  it('never stops at 100 %', () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.nat(1000), fc.nat(1000), (ended, failed, left) => {
        const looked = ended + failed;

        assert.equal(tooManyFailed({ looked, failed }, looked + left, 1), false);
      }),
    );
  });
});
