import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { compileFilter, filterSchema } from '../../emulator/events/filters.ts';

type Advanced = { operatorType: string; key: string; values?: unknown[]; value?: unknown };
type Rest = Record<string, unknown>;

/** Whether an event with this data passes. */
function passes(data: unknown, advancedFilters: readonly Advanced[], rest: Rest = {}): boolean {
  const filter = filterSchema.parse({ ...rest, advancedFilters });
  return compileFilter(filter)({
    eventType: 'Microsoft.Resources.ResourceWriteSuccess',
    subject: '/subscriptions/s/resourcegroups/RG',
    envelope: { subject: '/subscriptions/s/resourcegroups/RG', data },
  });
}
const on = (operatorType: string, expected: object): Advanced => ({
  operatorType,
  key: 'data.key',
  ...expected,
});

describe('an advanced filter', () => {
  // Operator, its values, what matches, what does not (event-filtering).
  const rows: [string, object, unknown[], unknown[]][] = [
    ['StringIn', { values: ['Contoso', 'b'] }, ['contoso', 'B'], ['contos', '', 5, null, true]],
    ['StringNotIn', { values: ['Contoso', 'b'] }, ['contos', ''], ['CONTOSO', 'b']],
    [
      'StringContains',
      { values: ['ont', 'X'] },
      ['Contoso', 'axb'],
      ['onx'.replace('x', ''), 'cont0so'.slice(0, 2)],
    ],
    ['StringNotContains', { values: ['ont'] }, ['cooso'], ['CONTOSO']],
    ['StringBeginsWith', { values: ['con', 'x'] }, ['Contoso', 'X'], ['acon']],
    ['StringNotBeginsWith', { values: ['con', 'x'] }, ['acon'], ['Contoso', 'X']],
    ['StringEndsWith', { values: ['so'] }, ['CONTOSO'], ['contosos']],
    ['StringNotEndsWith', { values: ['so'] }, ['contosos'], ['CONTOSO']],
    ['NumberIn', { values: [1, 2.5] }, [1, 2.5], [2, '1', true]],
    ['NumberNotIn', { values: [1, 2.5] }, [2], [1, 2.5]],
    ['NumberLessThan', { value: 10 }, [9.9], [10, 11, '9']],
    ['NumberLessThanOrEquals', { value: 10 }, [9, 10], [10.1]],
    ['NumberGreaterThan', { value: 10 }, [10.1], [10, 9]],
    ['NumberGreaterThanOrEquals', { value: 10 }, [10, 11], [9.9]],
    [
      'NumberInRange',
      {
        values: [
          [1, 2],
          [5, 5],
        ],
      },
      [1, 1.5, 2, 5],
      [0.9, 3, 5.1],
    ],
    [
      'NumberNotInRange',
      {
        values: [
          [1, 2],
          [5, 5],
        ],
      },
      [0.9, 3],
      [1, 2, 5],
    ],
    ['BoolEquals', { value: true }, [true], [false, 'true', 1]],
    ['IsNullOrUndefined', {}, [null, undefined], ['', 0, false]],
    ['IsNotNull', {}, ['', 0, false], [null, undefined]],
  ];
  for (const [operatorType, expected, matching, others] of rows) {
    it(operatorType, () => {
      for (const key of matching) assert.equal(passes({ key }, [on(operatorType, expected)]), true, `${key}`);
      for (const key of others) assert.equal(passes({ key }, [on(operatorType, expected)]), false, `${key}`);
    });
  }

  it('whose key is missing matches for StringNotIn, NumberNotIn and IsNullOrUndefined only', () => {
    const matched = rows
      .filter(([operatorType, expected]) => passes({ other: 1 }, [on(operatorType, expected)]))
      .map(([operatorType]) => operatorType);

    assert.deepEqual(matched, ['StringNotIn', 'NumberNotIn', 'IsNullOrUndefined']);
  });

  it('goes down into objects by dots, without regard to case, and cannot reach a key that has one', () => {
    const data = { claims: { appId: 'me', 'http://a.b/oid': 'me' } };
    const equals = (key: string) => passes(data, [{ operatorType: 'StringIn', key, values: ['me'] }]);

    assert.equal(equals('Data.claims.APPID'), true);
    assert.equal(equals('data.claims.http://a.b/oid'), false);
    assert.equal(equals('data.claims'), false);
    assert.equal(equals('data.claims.appId.more'), false);
  });

  it('looks into arrays only when told to: any element, of a NOT filter none', () => {
    const data = { key: ['a', 5, 'b'] };
    const withArrays = { enableAdvancedFilteringOnArrays: true };

    assert.equal(passes(data, [on('StringIn', { values: ['B'] })]), false);
    assert.equal(passes(data, [on('StringNotIn', { values: ['z'] })]), false);
    assert.equal(passes(data, [on('StringIn', { values: ['B'] })], withArrays), true);
    assert.equal(passes(data, [on('NumberIn', { values: [5] })], withArrays), true);
    assert.equal(passes(data, [on('StringNotIn', { values: ['z'] })], withArrays), true);
    assert.equal(passes(data, [on('StringNotIn', { values: ['z', 'B'] })], withArrays), false);
  });
});

describe('types and subjects', () => {
  const rows: [Rest, boolean][] = [
    [{ includedEventTypes: ['microsoft.resources.resourcewritesuccess'] }, true],
    [{ includedEventTypes: ['Microsoft.Resources.ResourceDeleteSuccess'] }, false],
    [{ includedEventTypes: ['All'] }, true],
    [{ includedEventTypes: [] }, true],
    [{ includedEventTypes: null }, true],
    [{ subjectBeginsWith: '/SUBSCRIPTIONS/s/' }, true],
    [{ subjectBeginsWith: '/SUBSCRIPTIONS/s/', isSubjectCaseSensitive: true }, false],
    [{ subjectEndsWith: '/rg' }, true],
    [{ subjectEndsWith: '/rg', isSubjectCaseSensitive: true }, false],
    [{ subjectBeginsWith: '/subscriptions', subjectEndsWith: '/other' }, false],
  ];
  for (const [rest, expected] of rows) {
    it(`${JSON.stringify(rest)}: ${expected}`, () => assert.equal(passes({}, [], rest), expected));
  }
});

describe('always', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'B', 'c', '.'), maxLength: 3 });
  const small = fc.integer({ min: -3, max: 3 });
  const range = fc.tuple(small, small);
  const few = <T>(item: fc.Arbitrary<T>) => fc.array(item, { minLength: 1, maxLength: 3 });
  const positive = fc.oneof(
    fc.record({
      operatorType: fc.constantFrom('StringIn', 'StringContains', 'StringBeginsWith', 'StringEndsWith'),
      values: few(word),
    }),
    fc.record({ operatorType: fc.constant('NumberIn'), values: few(small) }),
    fc.record({ operatorType: fc.constant('NumberInRange'), values: few(range) }),
  );
  const negated = ({ operatorType, ...rest }: { operatorType: string; values: unknown[] }) => ({
    operatorType: operatorType.replace(/^(String|Number)/, '$1Not'),
    ...rest,
  });
  const value = fc.oneof(word, small, fc.boolean(), fc.constant(null));
  const ofItsType = ({ operatorType }: { operatorType: string }, key: unknown) =>
    typeof key === (operatorType.startsWith('String') ? 'string' : 'number');

  it('a NOT filter is the opposite of its twin, where the key is of its type', () => {
    fc.assert(
      fc.property(positive, value, (filter, key) => {
        fc.pre(ofItsType(filter, key));

        const matched = passes({ key }, [on(filter.operatorType, filter)]);
        assert.equal(passes({ key }, [on(negated(filter).operatorType, negated(filter))]), !matched);
      }),
    );
  });

  it('values are or-ed, and filters and-ed', () => {
    fc.assert(
      fc.property(fc.array(positive, { maxLength: 3 }), value, (filters, key) => {
        const one = (filter: { operatorType: string; values: unknown[] }) =>
          filter.values.some((single) => passes({ key }, [on(filter.operatorType, { values: [single] })]));

        assert.equal(
          passes(
            { key },
            filters.map((filter) => on(filter.operatorType, filter)),
          ),
          filters.every(one),
        );
      }),
    );
  });

  it('letter case decides nothing', () => {
    const upper = (text: unknown) => (typeof text === 'string' ? text.toUpperCase() : text);
    fc.assert(
      fc.property(positive, fc.boolean(), value, (twin, negate, key) => {
        const filter = negate ? negated(twin) : twin;
        const loud = { operatorType: filter.operatorType, key: 'DATA.KEY', values: filter.values.map(upper) };

        assert.equal(passes({ Key: upper(key) }, [loud]), passes({ key }, [on(filter.operatorType, filter)]));
      }),
    );
  });
});
