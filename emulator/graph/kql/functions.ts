import { refused, unsupported } from './queryError.ts';
import type { Scalar, Scope } from './scope.ts';
import type { SyntaxNode } from './syntax.ts';
import { compare, type Row, toNumber, toText, type Value, type ValueType } from './values.ts';

/** A function of Kusto's, over plain values. */
interface Definition {
  readonly type: ValueType;
  readonly least: number;
  readonly most: number;
  readonly apply: (...args: Value[]) => Value;
}

const define = (
  type: ValueType,
  least: number,
  most: number,
  apply: (...args: Value[]) => Value,
): Definition => ({
  type,
  least,
  most,
  apply,
});
const MANY = 64;
const text = (apply: (value: string) => Value, type: ValueType = 'string') =>
  define(type, 1, 1, (v) => apply(toText(v)));
const isEmpty = (value: Value): boolean => toText(value) === '';
const isNull = (value: Value): boolean => value === null || value === undefined;

// Case-insensitive in ARG as in Kusto they are not, but nobody writes them otherwise. Semantics: Kusto's reference.
const functions: Readonly<Record<string, Definition>> = {
  tolower: text((value) => value.toLowerCase()),
  toupper: text((value) => value.toUpperCase()),
  tostring: text((value) => value),
  strlen: text((value) => value.length, 'long'),
  trim: define('string', 2, 2, (form, value) => {
    const cut = `(?:${toText(form)})`;
    return toText(value).replace(new RegExp(`^${cut}|${cut}$`, 'g'), '');
  }),
  strcat: define('string', 1, MANY, (...values) => values.map(toText).join('')),
  substring: define('string', 2, 3, (value, from, length) => {
    const start = toNumber(from) ?? 0;
    return toText(value).slice(start, length === undefined ? undefined : start + (toNumber(length) ?? 0));
  }),
  split: define('dynamic', 2, 3, (value, by, index) => {
    const parts = toText(value).split(toText(by));
    return index === undefined ? parts : [parts[toNumber(index) ?? 0] ?? ''];
  }),
  indexof: define('long', 2, 3, (value, wanted, from) =>
    toText(value).indexOf(toText(wanted), toNumber(from) ?? 0),
  ),
  replace_string: define('string', 3, 3, (value, from, to) =>
    toText(value).replaceAll(toText(from), () => toText(to)),
  ),
  replace: define('string', 3, 3, (form, to, value) =>
    toText(value).replace(new RegExp(toText(form), 'g'), toText(to).replace(/\\(\d)/g, '$$$1')),
  ),
  replace_regex: define('string', 3, 3, (value, form, to) =>
    toText(value).replace(new RegExp(toText(form), 'g'), toText(to).replace(/\\(\d)/g, '$$$1')),
  ),
  extract: define(
    'string',
    3,
    3,
    (form, group, value) => new RegExp(toText(form)).exec(toText(value))?.[toNumber(group) ?? 0] ?? '',
  ),
  toint: define('long', 1, 1, (value) => whole(toNumber(value))),
  tolong: define('long', 1, 1, (value) => whole(toNumber(value))),
  todouble: define('real', 1, 1, toNumber),
  toreal: define('real', 1, 1, toNumber),
  tobool: define('bool', 1, 1, toBool),
  todatetime: define('datetime', 1, 1, toDate),
  todynamic: define('dynamic', 1, 1, parseJson),
  parse_json: define('dynamic', 1, 1, parseJson),
  isnull: define('bool', 1, 1, isNull),
  isnotnull: define('bool', 1, 1, (value) => !isNull(value)),
  isempty: define('bool', 1, 1, isEmpty),
  isnotempty: define('bool', 1, 1, (value) => !isEmpty(value)),
  not: define('bool', 1, 1, (value) => (isNull(value) ? null : value !== true)),
  array_length: define('long', 1, 1, (value) => (Array.isArray(value) ? value.length : null)),
  bag_keys: define('dynamic', 1, 1, (value) => (isBag(value) ? Object.keys(value) : null)),
  array_concat: define('dynamic', 1, MANY, (...values) =>
    values.flatMap((value) => (Array.isArray(value) ? value : [])),
  ),
  pack: define('dynamic', 2, MANY, pack),
  bag_pack: define('dynamic', 2, MANY, pack),
  pack_array: define('dynamic', 1, MANY, (...values) => values),
  hash: define('long', 1, 2, (value, modulo) => {
    const hashed = fnv1a(toText(value));
    return modulo === undefined ? hashed : hashed % (toNumber(modulo) ?? 1);
  }),
  bin: define('real', 2, 2, (value, size) => {
    const step = toNumber(size) ?? 1;
    const number = value instanceof Date ? value.getTime() : toNumber(value);
    if (number === null) return null;
    const floored = Math.floor(number / step) * step;
    return value instanceof Date ? new Date(floored) : floored;
  }),
  min_of: define('real', 1, MANY, (...values) => [...values].sort(compare)[0]),
  max_of: define('real', 1, MANY, (...values) => [...values].sort(compare).at(-1)),
};

/** Compiles a function call. Throws QueryError for functions that are not known here. */
export function callFunction(name: string, args: readonly Scalar[], scope: Scope, node: SyntaxNode): Scalar {
  const special = specialForms(name, args, scope);
  if (special) return special;
  const known = functions[name];
  if (!known) throw unsupported(`the function ${name}()`, node.start);
  if (args.length < known.least || args.length > known.most) {
    throw refused(
      `The function ${name}() does not take ${args.length} arguments (at character ${node.start}).`,
    );
  }
  const type = name === 'bin' ? (args[0]?.type ?? known.type) : known.type;
  const label = name === 'bin' || name === 'tostring' || name === 'tolower' ? args[0]?.name : undefined;
  const named = label === undefined ? {} : { name: name === 'bin' ? label : label };
  if (args.every((arg) => arg.constant !== undefined)) {
    const value = known.apply(...args.map((arg) => arg.constant));
    return { type, ...named, constant: value, evaluate: () => value };
  }
  const [first, second] = args;
  if (args.length === 1 && first)
    return { type, ...named, evaluate: (row) => known.apply(first.evaluate(row)) };
  if (args.length === 2 && first && second) {
    return { type, ...named, evaluate: (row) => known.apply(first.evaluate(row), second.evaluate(row)) };
  }
  return { type, ...named, evaluate: (row) => known.apply(...args.map((arg) => arg.evaluate(row))) };
}

// Functions that do not evaluate all of their arguments, or need the time.
function specialForms(name: string, args: readonly Scalar[], { now }: Scope): Scalar | undefined {
  const [first, second, third] = args;
  if ((name === 'iff' || name === 'iif') && first && second && third) {
    return {
      type: second.type,
      evaluate: (row) => (first.evaluate(row) === true ? second : third).evaluate(row),
    };
  }
  if (name === 'case' && args.length >= 3 && args.length % 2 === 1) {
    const fallback = args.at(-1) as Scalar;
    const branches = Array.from(
      { length: (args.length - 1) / 2 },
      (_, index) => args.slice(2 * index, 2 * index + 2) as [Scalar, Scalar],
    );
    const chosen = (row: Row) =>
      branches.find(([condition]) => condition.evaluate(row) === true)?.[1] ?? fallback;
    return { type: branches[0]?.[1].type ?? fallback.type, evaluate: (row) => chosen(row).evaluate(row) };
  }
  if (name === 'coalesce' && first) {
    const value = (row: Row) =>
      args.map((arg) => arg.evaluate(row)).find((one) => !isNull(one) && one !== '') ?? null;
    return { type: first.type, evaluate: value };
  }
  if (name === 'now' && !first) return { type: 'datetime', constant: now, evaluate: () => now };
  if (name === 'ago' && typeof first?.constant === 'number') {
    const past = new Date(now.getTime() - first.constant);
    return { type: 'datetime', constant: past, evaluate: () => past };
  }
  return undefined;
}

function isBag(value: Value): value is Record<string, Value> {
  return value !== null && typeof value === 'object' && !Array.isArray(value) && !(value instanceof Date);
}

function whole(value: number | null): number | null {
  return value === null ? null : Math.trunc(value);
}

function toBool(value: Value): boolean | null {
  if (typeof value === 'boolean') return value;
  if (typeof value === 'number') return value !== 0;
  return { true: true, false: false }[toText(value).toLowerCase()] ?? null;
}

function toDate(value: Value): Date | null {
  if (value instanceof Date) return value;
  const date = new Date(toText(value));
  return Number.isNaN(date.getTime()) ? null : date;
}

function parseJson(value: Value): Value {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

function pack(...values: Value[]): Value {
  return Object.fromEntries(
    Array.from({ length: Math.floor(values.length / 2) }, (_, index) => [
      toText(values[2 * index]),
      values[2 * index + 1],
    ]),
  );
}

// Kusto's own hash is not published; queries may only rely on it being even and stable.
function fnv1a(value: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < value.length; index++) {
    hash = Math.imul(hash ^ value.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}
