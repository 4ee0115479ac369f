import fc from 'fast-check';
import { hostileTexts } from '../report/hostile.ts';

/** How many inputs a long run takes in all: FUZZ_RUNS; without it the quick slice of `npm test`. */
export const FUZZ_RUNS = Number(process.env.FUZZ_RUNS ?? 0);

/** How often a property runs: `quick` times, and in a long run its share of FUZZ_RUNS, from 0 to 1. */
export function runs(quick: number, share: number): { numRuns: number } {
  return { numRuns: Math.max(quick, Math.round(FUZZ_RUNS * share)) };
}

/** What may not be in anything people or machines read line by line: controls, line ends, writing turned around. */
export const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Cs}]/u;

const tricks = [
  ...[
    '',
    '/',
    '//',
    '..',
    '../..',
    '/../',
    '%2f',
    '%2F..%2F',
    '%00',
    '%',
    '\\',
    '..\\',
    '?x=1',
    '#x',
    ';',
    ':',
  ],
  ...[
    '@evil.example',
    'https://evil.example/',
    '//evil.example/',
    '\u2025',
    '\u2044',
    '\uff0f',
    '\uff0e\uff0e',
  ],
  ...[
    'ſubscriptions',
    'K',
    'İ',
    'ß',
    '\u200e',
    '\u200f',
    '\u061c',
    '\u202e',
    '\u2066',
    '\u0085',
    '\u009b31m',
  ],
  ...[
    '\r\nerror: forged',
    '\u2028forged',
    '\u0000',
    '\ud800',
    '\udfff',
    '\ufeff',
    '$&',
    "$'",
    '`id`',
    '$(id)',
  ],
  ...[
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    'hasOwnProperty',
    'valueOf',
    '{{x}}',
    '{vm}',
    '{identity}',
  ],
  ...[
    '=1+1',
    '+1',
    '-1',
    '@SUM(1)',
    '\t=1',
    "'",
    '"',
    "'; drop",
    "' or 1==1 //",
    '| take 1',
    'NaN',
    '1e999',
    '-0',
  ],
];

/** Texts that try to get out of where they are put, some of 1 MB. */
export const hostileText: fc.Arbitrary<string> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...tricks) },
  { weight: 2, arbitrary: fc.constantFrom(...hostileTexts.filter((text) => text.length < 1000)) },
  { weight: 3, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
  {
    weight: 3,
    arbitrary: fc.array(fc.constantFrom(...tricks), { maxLength: 6 }).map((parts) => parts.join('')),
  },
  {
    weight: 1,
    arbitrary: fc.array(fc.nat(0xffff), { maxLength: 9 }).map((units) => String.fromCharCode(...units)),
  },
);

/** The same, and now and then one of 1 MB. */
export const hugeText: fc.Arbitrary<string> = fc.oneof(
  { weight: 60, arbitrary: hostileText },
  {
    weight: 1,
    arbitrary: hostileText.map((text) => (text || 'x').repeat(Math.ceil(2 ** 20 / (text.length || 1)))),
  },
);

/** An id after a few changes: parts replaced, doubled or left out, other hosts before it, another letter case. */
export function changedId(id: string): fc.Arbitrary<string> {
  const change = fc.tuple(fc.nat(8), fc.nat(20), hugeText).map(([kind, at, text]) => (parts: string[]) => {
    const place = at % parts.length;
    if (kind <= 2) return parts.with(place, text);
    if (kind === 3) return parts.toSpliced(place, 0, text);
    if (kind === 4) return parts.toSpliced(place, 1);
    if (kind === 5) return parts.with(place, `${parts[place]}${text}`);
    if (kind === 6) return [text, ...parts];
    if (kind === 7) return parts.map((part) => (text.length % 2 ? part.toUpperCase() : part.toLowerCase()));
    return parts.with(place, 'virtualMachineScaleSets');
  });
  return fc
    .array(change, { minLength: 1, maxLength: 3 })
    .map((changes) => changes.reduce((parts, one) => one(parts), id.split('/')).join('/'));
}

/** Any value JSON can hold, as JSON.parse would give it: wrong types, deep nesting, `__proto__` as a key of its own. */
export const hostileValue: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 6, arbitrary: hugeText },
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      ...[null, true, false, 0, -1, 1.5, 1e308, Number.MAX_SAFE_INTEGER, [], {}, [null], [[]], [{}]],
      ...['{"__proto__":{"polluted":1}}', '{"constructor":{"prototype":{"polluted":1}}}'].map((text) =>
        JSON.parse(text),
      ),
      ...['{"toString":1}', '{"length":1e9}', '{"valueOf":null,"toJSON":{}}', '{"then":1}'].map((text) =>
        JSON.parse(text),
      ),
    ),
  },
  { weight: 2, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
  {
    weight: 1,
    arbitrary: fc
      .integer({ min: 100, max: 2000 })
      .map((depth) => JSON.parse('['.repeat(depth) + ']'.repeat(depth))),
  },
);

/** One change of a JSON value: which place, what becomes of it. */
export type Change = (value: unknown) => unknown;

/** Changes of whatever JSON value they are applied to. */
export const change: fc.Arbitrary<Change> = fc
  .tuple(fc.nat(), fc.nat(9), hostileValue, hostileText)
  .map(([at, kind, value, key]) => (whole: unknown) => {
    const copy = { whole: JSON.parse(JSON.stringify(whole)) };
    const places = placesOf(copy);
    const [holder, name] = places[at % places.length] as [Record<string, unknown>, string];
    if (kind <= 5) set(holder, name, value);
    else if (kind === 6) delete holder[name];
    else if (kind === 7) set(holder, name.toUpperCase(), take(holder, name));
    else if (kind === 8) set(holder, key, value);
    else set(holder, name, [holder[name], holder[name]]);
    return copy.whole ?? null;
  });

/** A JSON value after one to four such changes. */
export function changed(value: unknown): fc.Arbitrary<unknown> {
  return fc
    .array(change, { minLength: 1, maxLength: 4 })
    .map((changes) => changes.reduce((all, one) => one(all), value));
}

// Lists are only followed to their tenth element, depth to the twentieth: a change beyond is no other change.
function placesOf(whole: object): [object, string][] {
  const places: [object, string][] = [];
  const walk = (value: unknown, depth: number): void => {
    if (value === null || typeof value !== 'object' || depth > 20) return;
    for (const key of Object.keys(value).slice(0, 10)) {
      places.push([value, key]);
      walk((value as Record<string, unknown>)[key], depth + 1);
    }
  };
  walk(whole, 0);
  return places;
}

// As JSON.parse does it: also `__proto__` becomes a property of its own.
function set(holder: object, name: string, value: unknown): void {
  Object.defineProperty(holder, name, { value, enumerable: true, configurable: true, writable: true });
}

function take(holder: Record<string, unknown>, name: string): unknown {
  const value = holder[name];
  if (Array.isArray(holder)) return value;
  delete holder[name];
  return value;
}
