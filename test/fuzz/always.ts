import assert from 'node:assert/strict';
import { after } from 'node:test';
import fc from 'fast-check';
import { runs } from './inputs.ts';

let inputs = 0;
/** A property of one input, whose inputs are counted: `quick` runs, and in a long run its share of FUZZ_RUNS, from 0 to 1. */
export function always<T>(
  quick: number,
  share: number,
  input: fc.Arbitrary<T>,
  holds: (input: T) => void | Promise<void>,
) {
  return fc.assert(
    fc.asyncProperty(input, async (one) => {
      inputs++;
      await holds(one);
      assert.equal(({} as { polluted?: unknown }).polluted, undefined, 'the prototype was polluted');
    }),
    runs(quick, share),
  );
}
after(() => console.log(`fuzzed functions with ${inputs} inputs`));
