import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { TypedData } from '../../local/coreTypes.ts';
import { decodeMessage, encodeMessage } from '../../local/messageText.ts';
import { messagesOf } from '../../local/queueOutput.ts';

const cases: [what: string, value: TypedData | undefined, messages: unknown[]][] = [
  ['nothing', undefined, []],
  ['a text', { string: 'hello' }, ['hello']],
  ['an empty array', { json: '[]' }, []],
  ['an array', { json: '[1,"two",{"three":3},true]' }, ['1', 'two', '{\n  "three": 3\n}', 'True']],
  ['a text that is a JSON array', { string: ' ["a","b"]' }, ['a', 'b']],
  ['a text that is a JSON object', { string: '{"a":1}' }, ['{\n  "a": 1\n}']],
  ['a text that only looks like JSON', { string: '[oops]' }, ['[oops]']],
  ['a number', { int: 5 }, ['5']],
  ['an array in an array', { json: '[[1,2]]' }, ['[\n  1,\n  2\n]']],
];
for (const [what, value, messages] of cases) {
  test(`${what} becomes ${messages.length} messages as the host writes them`, () => {
    assert.deepEqual(messagesOf(value), messages);
  });
}

test('what is encoded is decoded to the same, and what is not base64 is noticed', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme' }),
      fc.constantFrom('base64' as const, 'none' as const),
      (text, encoding) => {
        assert.equal(decodeMessage(encodeMessage(text, encoding), encoding), text);
      },
    ),
  );
  assert.equal(decodeMessage('{"a":1}', 'base64'), undefined);
});
