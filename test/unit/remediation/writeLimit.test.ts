import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { writeLimit } from '../../../src/remediation/writeLimit.ts';

describe('writeLimit', () => {
  it('is spent exactly where there is enough to spend it on, in whatever order things end', async () => {
    const anyWork = fc.array(fc.record({ spends: fc.boolean(), ms: fc.integer({ min: 0, max: 3 }) }));
    await fc.assert(
      fc.asyncProperty(anyWork, fc.integer({ min: 0, max: 20 }), async (work, most) => {
        const limit = writeLimit(most);
        let spent = 0;
        let refused = 0;

        await Promise.all(
          work.map(async ({ spends, ms }) => {
            if (!(await limit.take())) {
              refused++;
              return;
            }
            for (let turn = 0; turn < ms; turn++) await Promise.resolve();
            if (spends) spent++;
            if (spends) limit.spend();
            else limit.giveBack();
            assert.ok(spent <= most);
          }),
        );

        const wanted = work.filter(({ spends }) => spends).length;
        assert.equal(limit.left(), most - spent);
        if (refused === 0) assert.equal(spent, wanted);
        else assert.equal(spent, most);
      }),
    );
  });

  it('without end refuses nobody', async () => {
    const limit = writeLimit(Number.POSITIVE_INFINITY);

    for (let n = 0; n < 100; n++) assert.equal(await limit.take(), true);
    assert.equal(limit.left(), Number.POSITIVE_INFINITY);
  });
});
