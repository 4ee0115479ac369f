import { InvalidArgumentError } from 'commander';
import { printable, printableJson } from '../domain/printable.ts';

/** Prints a line, or several, on stdout; what a terminal would obey is blank. */
export function print(text: string): void {
  process.stdout.write(`${printableLines(text)}\n`);
}

/** Prints a value as one line of JSON on stdout. */
export function printJson(value: unknown): void {
  print(printableJson(value));
}

/** Tells people on stderr what is going on; likewise. */
export function tell(text: string): void {
  process.stderr.write(`${printableLines(text)}\n`);
}

function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}

/** Reads a number of rows given on the command line. Throws what commander turns into a message and exit code 2. */
export function rowCount(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('Expected a whole number from 1 on.');
  return Number(text);
}

/** A number of VMs in words: "1 VM", "12 VMs". */
export function vmsText(count: number): string {
  return count === 1 ? '1 VM' : `${count} VMs`;
}

/** A duration in words: "45 s", "12 min", "3 h 20 min". */
export function durationText(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  const minutes = Math.ceil(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const rest = minutes % 60;
  return `${Math.floor(minutes / 60)} h${rest === 0 ? '' : ` ${rest} min`}`;
}
