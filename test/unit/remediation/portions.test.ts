import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { portions } from '../../../src/remediation/portions.ts';

const anyWork = fc.array(fc.record({ subscriptionId: fc.uuid(), vms: fc.integer({ min: 1, max: 5000 }) }));

describe('portions', () => {
  it('puts every subscription in exactly one portion, and shares one only where all fit a page', () => {
    fc.assert(
      fc.property(anyWork, (work) => {
        const packed = portions(work);

        assert.deepEqual(new Set(packed.flat()), new Set(work));
        assert.equal(packed.flat().length, work.length);
        for (const portion of packed) {
          const vms = portion.reduce((sum, { vms }) => sum + vms, 0);
          assert.ok(portion.length === 1 || vms <= 1000);
        }
      }),
    );
  });
});
