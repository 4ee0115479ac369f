import { escaped, oneLine, printableJson } from '../../domain/printable.ts';

/** Markup that is safe to put into a page. */
export interface Markup {
  readonly markup: string;
}

type Part = string | number | Markup | readonly Markup[];

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Markup from a template: whatever is put into it is text, one line and escaped, unless it is markup itself. */
export function html(template: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  const filled = template.map((piece, index) => piece + (index < parts.length ? textOf(parts[index]) : ''));
  return { markup: filled.join('') };
}

/** JSON that may stand inside a script element: no tag, comment or line separator can be in it. */
export function embeddedJson(value: unknown): string {
  return printableJson(value).replace(/[<>&]/g, escaped);
}

function textOf(part: Part | undefined): string {
  if (part === undefined) return '';
  if (typeof part === 'number') return String(part);
  if (typeof part !== 'string') return 'markup' in part ? part.markup : part.map(textOf).join('');
  return oneLine(part)
    .toWellFormed()
    .replace(/[&<>"']/g, (character) => ENTITIES[character] as string);
}
