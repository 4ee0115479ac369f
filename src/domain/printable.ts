// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach a log.
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]+/g;

/** Text from outside made safe for a line of a log: control characters and those that turn writing around are blanks. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, ' ');
}

/** The same, and at most 1,000 characters long. */
export function oneLine(text: string): string {
  return printable(text).slice(0, 1000);
}
