const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Surrogate}]+/gu;

/**
 * Text from outside made safe for a line of a log: control characters, line ends, those that turn writing around and
 * halves of characters are blanks.
 */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, ' ');
}

/** The same, and at most 1,000 characters long. */
export function oneLine(text: string): string {
  // Cut first, so that no half of a character is left, and a text of many megabytes costs nothing.
  return printable(text.slice(0, 1000));
}

/** A value as JSON in which all of that is escaped, so that nothing is lost and nothing obeyed; `indent` in blanks. */
export function printableJson(value: unknown, indent = 0): string {
  // The only line ends there are between the texts, where JSON.stringify indents.
  return JSON.stringify(value, undefined, indent).replace(UNPRINTABLE, (found) =>
    [...found].map((one) => (one === '\n' ? one : escaped(one))).join(''),
  );
}

/** A character as JSON escapes it. */
export function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
