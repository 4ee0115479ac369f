import { z } from 'zod';

const key = z.string().min(1);
const text = z.string().max(512, 'a string value has 512 characters at most');
const range = z.tuple([z.number(), z.number()]);
const atLeastOne = <T extends z.ZodType>(value: T) => z.array(value).min(1, 'at least one value is needed');

// Operators and shapes: event-filtering, "Operators".
const advancedFilterSchema = z.discriminatedUnion('operatorType', [
  z.strictObject({
    operatorType: z.enum([
      'StringIn',
      'StringNotIn',
      'StringContains',
      'StringNotContains',
      'StringBeginsWith',
      'StringNotBeginsWith',
      'StringEndsWith',
      'StringNotEndsWith',
    ]),
    key,
    values: atLeastOne(text),
  }),
  z.strictObject({ operatorType: z.enum(['NumberIn', 'NumberNotIn']), key, values: atLeastOne(z.number()) }),
  z.strictObject({
    operatorType: z.enum(['NumberInRange', 'NumberNotInRange']),
    key,
    values: atLeastOne(range),
  }),
  z.strictObject({
    operatorType: z.enum([
      'NumberLessThan',
      'NumberLessThanOrEquals',
      'NumberGreaterThan',
      'NumberGreaterThanOrEquals',
    ]),
    key,
    value: z.number(),
  }),
  z.strictObject({ operatorType: z.literal('BoolEquals'), key, value: z.boolean() }),
  z.strictObject({ operatorType: z.enum(['IsNullOrUndefined', 'IsNotNull']), key }),
]);

type AdvancedFilter = z.output<typeof advancedFilterSchema>;

/** The filter of an event subscription, as Azure's templates write it, with Azure's limits. */
export const filterSchema = z.strictObject({
  /** Left out, empty or `All`: every type. */
  includedEventTypes: z.array(z.string()).nullish(),
  subjectBeginsWith: z.string().default(''),
  subjectEndsWith: z.string().default(''),
  isSubjectCaseSensitive: z.boolean().default(false),
  enableAdvancedFilteringOnArrays: z.boolean().default(false),
  advancedFilters: z
    .array(advancedFilterSchema)
    .max(25, 'an event subscription has 25 advanced filters at most')
    .refine((filters) => filters.reduce((sum, filter) => sum + valuesOf(filter).length, 0) <= 25, {
      error: 'the advanced filters of an event subscription have 25 values at most, all together',
    })
    .default([]),
});

export type Filter = z.output<typeof filterSchema>;

/** What every event has that is filtered: its envelope in the delivery schema, with these two told apart. */
export interface Filtered {
  readonly eventType: string;
  readonly subject: string;
  readonly envelope: unknown;
}

/**
 * Makes the test that decides whether an event is for the subscription. Everything must hold; of the values of one
 * advanced filter, any (of a NOT filter, none). Text and keys are compared without regard to case. Source: event-filtering.
 */
export function compileFilter(filter: Filter): (event: Filtered) => boolean {
  const types = (filter.includedEventTypes ?? []).map((type) => type.toLowerCase());
  const everyType = types.length === 0 || types.includes('all');
  const cased = (subject: string) => (filter.isSubjectCaseSensitive ? subject : subject.toLowerCase());
  const [begin, end] = [cased(filter.subjectBeginsWith), cased(filter.subjectEndsWith)];
  const advanced = filter.advancedFilters.map((one) => compile(one, filter.enableAdvancedFilteringOnArrays));
  return ({ eventType, subject, envelope }) =>
    (everyType || types.includes(eventType.toLowerCase())) &&
    cased(subject).startsWith(begin) &&
    cased(subject).endsWith(end) &&
    advanced.every((matches) => matches(envelope));
}

// The Azure page lists these two; of every other operator a key that is not there matches nothing.
const MATCH_WITHOUT_KEY = new Set(['StringNotIn', 'NumberNotIn']);

const textTests: Readonly<Record<string, (value: string, wanted: string) => boolean>> = {
  StringIn: (value, wanted) => value === wanted,
  StringContains: (value, wanted) => value.includes(wanted),
  StringBeginsWith: (value, wanted) => value.startsWith(wanted),
  StringEndsWith: (value, wanted) => value.endsWith(wanted),
};
const numberTests: Readonly<Record<string, (value: number, wanted: number) => boolean>> = {
  NumberIn: (value, wanted) => value === wanted,
  NumberLessThan: (value, wanted) => value < wanted,
  NumberLessThanOrEquals: (value, wanted) => value <= wanted,
  NumberGreaterThan: (value, wanted) => value > wanted,
  NumberGreaterThanOrEquals: (value, wanted) => value >= wanted,
};

function compile(filter: AdvancedFilter, onArrays: boolean): (envelope: unknown) => boolean {
  const { operatorType } = filter;
  // No escape: a key that contains a dot, such as the claims named by URLs, cannot be reached.
  const path = filter.key.toLowerCase().split('.');
  if (operatorType === 'IsNullOrUndefined') return (envelope) => valueAt(envelope, path) == null;
  if (operatorType === 'IsNotNull') return (envelope) => valueAt(envelope, path) != null;

  const negated = operatorType.includes('Not');
  const { type, hits } = conditionOf(filter, operatorType.replace('Not', ''));
  return (envelope) => {
    const value = valueAt(envelope, path);
    if (Array.isArray(value)) {
      return onArrays && value.some((one) => typeof one === type && hits(one)) !== negated;
    }
    if (typeof value !== type) return MATCH_WITHOUT_KEY.has(operatorType);
    return hits(value) !== negated;
  };
}

function conditionOf(
  filter: AdvancedFilter,
  positive: string,
): { type: string; hits(value: unknown): boolean } {
  const textTest = textTests[positive];
  const numberTest = numberTests[positive];
  const wanted = valuesOf(filter);
  if (textTest) {
    const folded = wanted.map((one) => String(one).toLowerCase());
    return {
      type: 'string',
      hits: (value) => folded.some((one) => textTest(String(value).toLowerCase(), one)),
    };
  }
  if (numberTest) {
    return { type: 'number', hits: (value) => wanted.some((one) => numberTest(Number(value), Number(one))) };
  }
  if (positive === 'NumberInRange') {
    const ranges = wanted as [number, number][];
    return {
      type: 'number',
      hits: (value) => ranges.some(([low, high]) => Number(value) >= low && Number(value) <= high),
    };
  }
  return { type: 'boolean', hits: (value) => value === wanted[0] };
}

function valuesOf(filter: AdvancedFilter): readonly unknown[] {
  if ('values' in filter) return filter.values;
  return 'value' in filter ? [filter.value] : [];
}

function valueAt(envelope: unknown, path: readonly string[]): unknown {
  let value = envelope;
  for (const segment of path) {
    if (value === null || typeof value !== 'object' || Array.isArray(value)) return undefined;
    value = Object.entries(value).find(([name]) => name.toLowerCase() === segment)?.[1];
  }
  return value;
}
