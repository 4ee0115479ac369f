import type { Changes, Report } from '../../report.ts';
import { sharePercent } from '../../share.ts';
import { type Child, h, name } from './dom.ts';
import { linkTo } from './route.ts';
import { count, lastPart, signed, time } from './texts.ts';

const MOST_MOVED = 3;
const MOST_SOLVED = 3;

/** What is different from the sweep before. */
export function changes(report: Omit<Report, 'rows'>): HTMLElement {
  const { changes: since } = report;
  const card = h(
    'section',
    { class: 'card changes', 'aria-labelledby': 'changes' },
    h('h2', { id: 'changes' }, 'What changed'),
  );
  if (!since) {
    const why = report.historyKnown
      ? 'This is the first report. The next one says what changed.'
      : 'Nothing is known of earlier sweeps: this report was made without the storage account of the app.';
    card.append(h('p', { class: 'minor-text' }, why));
    return card;
  }
  const { before, worked, newProblems, solved, subscriptions } = since;
  const { tenant } = report;
  const points = Math.round(((sharePercent(tenant) ?? 0) - (sharePercent(before) ?? 0)) * 10) / 10;
  const facts: [string, Child][] = [
    ['Share', points === 0 ? 'the same' : `${signed(points)} points`],
    ['Lacking', `${count(before.lacking)} → ${count(tenant.lacking)}`],
    ['In scope', `${count(tenant.vms)} (${signed(tenant.vms - before.vms)})`],
    [
      'Assigned',
      `${count(worked.assigned)}${worked.failed > 0 ? `, ${count(worked.failed)} failed` : ''}${worked.deferred > 0 ? `, ${count(worked.deferred)} put off` : ''}`,
    ],
  ];
  const news = [
    newProblems > 0 && `${count(newProblems)} new`,
    solved.length > 0 && `solved: ${solvedText(solved)}`,
  ].filter((text) => text !== false);
  if (news.length > 0) facts.push(['Problems', news.join('; ')]);
  card.append(
    h('p', { class: 'minor-text' }, `Since ${time(since.since)}`),
    h('dl', { class: 'facts' }, ...facts.flatMap(([title, text]) => [h('dt', {}, title), h('dd', {}, text)])),
  );
  if (subscriptions.length > 0) {
    card.append(
      h(
        'ul',
        { class: 'moved' },
        ...subscriptions
          .slice(0, MOST_MOVED)
          .map(({ id, name: title, lackingBefore, lacking }) =>
            h(
              'li',
              {},
              h('a', { href: linkTo({ subscription: id }) }, name(title)),
              `: ${moved(lacking - lackingBefore)} without identity`,
            ),
          ),
      ),
    );
  }
  return card;
}

function solvedText(solved: Changes['solved']): string {
  const first = solved.slice(0, MOST_SOLVED).map(({ reason, subject }) => `${reason} (${lastPart(subject)})`);
  const more = solved.length - first.length;
  return `${first.join(', ')}${more > 0 ? ` and ${count(more)} more` : ''}`;
}

function moved(by: number): string {
  const many = Math.abs(by);
  return `${count(many)} ${by > 0 ? 'more' : 'fewer'} ${many === 1 ? 'VM' : 'VMs'}`;
}
