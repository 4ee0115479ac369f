import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { stdoutWidth, table } from '../../../src/cli/table.ts';

describe('table', () => {
  it('lines columns up, numbers flush right', () => {
    const text = table([
      ['Name', 'VMs', 'Why'],
      ['a', '12', 'because'],
      ['longer', '3', ''],
    ]);

    assert.equal(text, '  Name    VMs  Why\n  a        12  because\n  longer    3');
  });

  it('fits a narrow terminal: the widest columns give way, ids from the left', () => {
    const text = table(
      [
        ['VM', 'Has now'],
        ['/subscriptions/s/resourceGroups/g/vm-1', 'system-assigned and 12 user-assigned'],
      ],
      40,
    );

    assert.ok(
      text.split('\n').every((line) => line.length <= 40),
      text,
    );
    assert.match(text, /…\S*vm-1 {2}system-assigned.*…$/m);
  });

  it('is not cut for a terminal that says it has no columns', (t) => {
    const before = Object.getOwnPropertyDescriptor(process.stdout, 'columns');
    t.after(() => Object.defineProperty(process.stdout, 'columns', before ?? { value: undefined }));
    Object.defineProperty(process.stdout, 'columns', { value: 0, configurable: true, writable: true });

    assert.match(table([['VM'], ['a name that is long']], stdoutWidth()), /a name that is long$/);
  });

  it('never makes more lines than rows, whatever cells hold', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' })), { minLength: 1 }),
        (rows) => {
          assert.equal(table(rows, 30).split('\n').length, rows.length);
        },
      ),
    );
  });
});
