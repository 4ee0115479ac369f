import type { TrendPoint } from '../../report.ts';
import { sharePercent, shareText } from '../../share.ts';
import { h, svg } from './dom.ts';
import { count, time } from './texts.ts';

const WIDTH = 100;
const HEIGHT = 100;
// A scale that always began at 0 would show one flat line at the top for every tenant that is nearly done.
const SCALES = [99, 98, 95, 90, 80, 60, 40, 20, 0];

/** How compliance went over the last sweeps: a line, and the same as a table for whoever wants the figures. */
export function trend(points: readonly TrendPoint[]): HTMLElement {
  const known = points.filter(({ vms }) => vms > 0);
  const card = h(
    'section',
    { class: 'card trend', 'aria-labelledby': 'trend' },
    h('h2', { id: 'trend' }, 'Trend'),
  );
  const [first, last] = [known[0], known.at(-1)];
  if (!first || !last || first === last) {
    card.append(h('p', { class: 'minor-text' }, 'The trend begins with the next sweep.'));
    return card;
  }
  const shares = known.map((point) => sharePercent(point) ?? 0);
  const least = Math.min(...shares);
  const bottom = SCALES.find((scale) => scale < least || scale === 0) ?? 0;
  const [from, to] = [Date.parse(first.at), Date.parse(last.at)];
  const x = (point: TrendPoint) => ((Date.parse(point.at) - from) / Math.max(1, to - from)) * WIDTH;
  const y = (share: number) => HEIGHT - ((share - bottom) / (100 - bottom)) * HEIGHT;
  const line = known.map((point, index) => `${x(point).toFixed(2)},${y(shares[index] as number).toFixed(2)}`);
  const said = `From ${shareText(first)} on ${time(first.at)} to ${shareText(last)} on ${time(last.at)}, over ${known.length} sweeps; lowest ${least.toFixed(1)}%.`;
  card.append(
    h(
      'div',
      { class: 'chart', role: 'img', 'aria-label': said },
      h(
        'span',
        { class: 'scale' },
        ...[100, (100 + bottom) / 2, bottom].map((at) => h('span', {}, `${at}%`)),
      ),
      svg(
        'svg',
        { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' },
        ...[0, 50, 100].map((at) => svg('line', { x1: 0, x2: WIDTH, y1: at, y2: at, class: 'grid' })),
        svg('polygon', { points: `0,${HEIGHT} ${line.join(' ')} ${WIDTH},${HEIGHT}`, class: 'area' }),
        svg('polyline', { points: line.join(' '), class: 'line' }),
      ),
      h('span', { class: 'times' }, h('span', {}, time(first.at)), h('span', {}, time(last.at))),
    ),
    figures(known),
  );
  return card;
}

function figures(points: readonly TrendPoint[]): HTMLElement {
  const newestFirst = [...points].reverse();
  return h(
    'details',
    {},
    h('summary', {}, `Figures of ${points.length} sweeps`),
    h(
      'div',
      { class: 'scroll short', role: 'region', tabindex: 0, 'aria-label': 'Figures of the trend' },
      h(
        'table',
        {},
        h(
          'thead',
          {},
          h(
            'tr',
            {},
            ...['Sweep', 'Share', 'VMs', 'Compliant', 'Excluded'].map((title) =>
              h('th', { scope: 'col' }, title),
            ),
          ),
        ),
        h(
          'tbody',
          {},
          ...newestFirst.map((point) =>
            h(
              'tr',
              {},
              h('th', { scope: 'row' }, time(point.at)),
              ...[shareText(point), count(point.vms), count(point.compliant), count(point.excluded)].map(
                (text) => h('td', { class: 'number' }, text),
              ),
            ),
          ),
        ),
      ),
    ),
  );
}
