import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { oneLine, printable } from '../../../src/domain/printable.ts';

describe('printable', () => {
  it('never lets anything through that ends a line or turns writing around', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        assert.doesNotMatch(printable(text), /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u);
      }),
    );
    assert.equal(printable('a\r\nb\u202ec'), 'a b c');
  });
});

describe('oneLine', () => {
  it('bounds the length', () => assert.equal(oneLine('x'.repeat(5000)).length, 1000));
});
