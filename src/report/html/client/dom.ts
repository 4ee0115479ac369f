import { oneLine } from '../../../domain/printable.ts';

/** What an element can hold. Text is shown as text, on one line and at most 1,000 characters long. */
export type Child = Node | string | false | undefined;

type Attributes = Readonly<Record<string, string | number | boolean | ((event: Event) => void)>>;

/** Makes an element. Functions are event listeners, `true` is an attribute without value, `false` none. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  return fill(document.createElement(tag), attributes, children);
}

/** Makes an element of a drawing. */
export function svg(tag: string, attributes: Attributes = {}, ...children: readonly Child[]): SVGElement {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  return fill(element, attributes, children);
}

/** Text from outside, kept apart from what stands around it, whichever way its letters run. */
export function name(text: string): HTMLElement {
  return h('bdi', {}, text);
}

/** Puts children in the place of what an element holds. */
export function replace(element: Element, ...children: readonly Child[]): void {
  element.replaceChildren(...children.filter(isShown).map(nodeOf));
}

function fill<E extends Element>(element: E, attributes: Attributes, children: readonly Child[]): E {
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(key, value);
    else if (value !== false) element.setAttribute(key, value === true ? '' : String(value));
  }
  element.append(...children.filter(isShown).map(nodeOf));
  return element;
}

function isShown(child: Child): child is Node | string {
  return child !== false && child !== undefined;
}

function nodeOf(child: Node | string): Node | string {
  return typeof child === 'string' ? oneLine(child).toWellFormed() : child;
}
