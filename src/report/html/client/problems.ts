import type { Report, ReportProblem } from '../../report.ts';
import { h, name, replace } from './dom.ts';
import { linkTo } from './route.ts';
import { ago, count, lastPart, time, vms } from './texts.ts';

const FIRST_SHOWN = 5;

/** What needs a person: cause, next step, and Azure's own words for whoever wants them. */
export function problems(
  report: Omit<Report, 'rows'>,
  all: readonly ReportProblem[],
  now: number,
): HTMLElement {
  const list = h('ul', { class: 'problems' });
  const more = h('button', { type: 'button', click: () => show(all.length) });
  const card = h(
    'section',
    { class: 'card', 'aria-labelledby': 'problems' },
    h('h2', { id: 'problems' }, 'Needs a person', h('span', { class: 'pill' }, count(all.length))),
    all.length === 0 ? h('p', {}, nothing(report)) : list,
    more,
  );
  show(FIRST_SHOWN);
  return card;

  function show(many: number): void {
    replace(list, ...all.slice(0, many).map((problem) => item(report, problem, now)));
    replace(more, `Show all ${count(all.length)}`);
    more.hidden = many >= all.length;
  }
}

function nothing({ historyKnown, settings }: Omit<Report, 'rows'>): string {
  if (!historyKnown) {
    return 'Nothing that is known of. How looks at VMs ended is not known: this report was made without the storage account of the app.';
  }
  return settings.effect === 'DeployIfNotExists'
    ? 'Nothing. Whatever is open, the sweep sees to it.'
    : 'Nothing.';
}

function item(report: Omit<Report, 'rows'>, problem: ReportProblem, now: number): HTMLElement {
  const { subject, reason, detail, next, since, isNew, passing } = problem;
  const id = /^\/subscriptions\/([^/]+)/i.exec(subject)?.[1]?.toLowerCase();
  const subscription = report.subscriptions.find((row) => row.id === id);
  const whole = subject.split('/').length <= 3;
  return h(
    'li',
    { class: passing ? 'passing' : '' },
    h(
      'p',
      { class: 'what' },
      h('code', { class: `badge ${passing ? 'rest' : 'bad'}` }, reason),
      isNew && h('span', { class: 'badge new' }, 'new'),
      subscription && h('a', { href: linkTo({ subscription: subscription.id }) }, name(subscription.name)),
      !(whole && subscription) &&
        h('span', { class: 'subject' }, name(subscription ? lastPart(subject) : subject)),
      problem.vms > 0 &&
        h(
          'a',
          {
            class: 'held',
            href: linkTo({
              subscription: subscription?.id,
              filter: { state: 'lacking', reason },
            }),
          },
          vms(problem.vms),
        ),
      since !== undefined &&
        !isNew &&
        h('span', { class: 'minor-text', title: time(since) }, `first seen ${ago(since, now)}`),
      passing && h('span', { class: 'minor-text' }, 'may pass by itself'),
    ),
    h('p', { class: 'next' }, next),
    h(
      'details',
      {},
      h('summary', {}, 'Details'),
      h('p', { class: 'detail' }, detail),
      h('p', { class: 'detail' }, subject),
    ),
  );
}
