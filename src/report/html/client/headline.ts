import { shareText } from '../../share.ts';
import type { Standing } from '../../standing.ts';
import { h } from './dom.ts';
import { linkTo } from './route.ts';
import { count } from './texts.ts';

/**
 * The first answer: which share is compliant, and how many VMs stand how; the numbers lead to them. `note` says more of
 * those that lack their identity.
 */
export function headline(
  standing: Standing,
  subscription: string | undefined,
  note: string | false,
): HTMLElement {
  const { vms, compliant, lacking, excluded } = standing;
  const sentence =
    vms === 0
      ? 'No VM is in scope.'
      : lacking === 0
        ? `All ${count(vms)} VMs in scope have their identity.`
        : `${count(lacking)} of ${count(vms)} VMs in scope lack their identity.`;
  return h(
    'section',
    { class: 'card headline', 'aria-label': 'Compliance' },
    h(
      'p',
      { class: 'share' },
      h('strong', { class: lacking === 0 ? 'good' : '' }, shareText(standing)),
      ' compliant',
    ),
    h('p', {}, sentence),
    note && h('p', { class: 'minor-text' }, note),
    bar([
      ['good', compliant],
      ['warn', lacking],
      ['rest', excluded],
    ]),
    h(
      'dl',
      { class: 'legend' },
      ...item('good', 'Compliant', compliant, linkTo({ subscription, filter: { state: 'compliant' } })),
      ...item('warn', 'Lacking', lacking, linkTo({ subscription, filter: { state: 'lacking' } })),
      ...item('rest', 'Excluded', excluded, linkTo({ subscription, filter: { state: 'excluded' } })),
    ),
  );
}

/** How parts of a whole compare. Says nothing that does not stand beside it as text. */
export function bar(parts: readonly (readonly [kind: string, value: number])[]): HTMLElement {
  const whole = parts.reduce((sum, [, value]) => sum + value, 0);
  return h(
    'div',
    { class: 'bar', 'aria-hidden': 'true' },
    ...parts
      .filter(([, value]) => value > 0)
      .map(([kind, value]) => {
        const part = h('span', { class: kind });
        part.style.flexGrow = String(value / whole);
        return part;
      }),
  );
}

function item(kind: string, title: string, value: number, href: string): HTMLElement[] {
  return [
    h('dt', {}, h('span', { class: `dot ${kind}` }), title),
    h('dd', {}, h('a', { href }, count(value))),
  ];
}
