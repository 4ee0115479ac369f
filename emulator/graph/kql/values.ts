/** The type a column or expression has. `dynamic` is anything JSON. */
export type ValueType = 'string' | 'long' | 'real' | 'bool' | 'datetime' | 'timespan' | 'dynamic';

/** A value at run time. Missing is null; strings are never null in Kusto, but empty. Date times are Dates. */
export type Value = unknown;

/** A row: values by column position. */
export type Row = Value[];

/** A column of a table or of a step of the pipeline. */
export interface Column {
  readonly name: string;
  readonly type: ValueType;
}

/** Text of a value, as `tostring` gives it: JSON without blanks for objects, empty for null. */
export function toText(value: Value): string {
  if (typeof value === 'string') return value;
  if (value === null || value === undefined) return '';
  if (value instanceof Date) return value.toISOString().replace('Z', '0000Z');
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** A number, or null when the value is none. */
export function toNumber(value: Value): number | null {
  if (typeof value === 'number') return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value !== 'string' || value.trim() === '') return null;
  const number = Number(value);
  return Number.isNaN(number) ? null : number;
}

/** A value that can be compared and grouped by: dates as numbers. */
export function comparable(value: Value): string | number | boolean | null {
  if (value === null || value === undefined) return null;
  if (value instanceof Date) return value.getTime();
  if (typeof value === 'object') return JSON.stringify(value);
  return value as string | number | boolean;
}

/** Orders two values; null is less than anything else. */
export function compare(a: Value, b: Value): number {
  const left = comparable(a);
  const right = comparable(b);
  if (left === right) return 0;
  if (left === null) return -1;
  if (right === null) return 1;
  return left < right ? -1 : 1;
}

/** Text that is the same for rows with the same values, to group and join by. */
export function groupKey(values: readonly Value[]): string {
  return values.length === 1 ? keyPart(values[0]) : values.map(keyPart).join('\u0001');
}

function keyPart(value: Value): string {
  const plain = comparable(value);
  return plain === null ? 'n' : typeof plain === 'string' ? `s${plain}` : `${typeof plain}${plain}`;
}
