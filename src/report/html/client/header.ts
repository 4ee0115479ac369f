import type { Report } from '../../report.ts';
import { h } from './dom.ts';
import { ago, count, time } from './texts.ts';

// Sweeps take a while, and a clock may be off.
const LATE_MS = 30 * 60_000;

/** What this is, how old it is, and a warning when a newer one should have come. */
export function header(
  { generatedAt, nextSweepAt, settings, tenant }: Omit<Report, 'rows'>,
  now: number,
): HTMLElement {
  const late = nextSweepAt !== undefined && now > Date.parse(nextSweepAt) + LATE_MS;
  const reach = `${count(settings.scopes.length)} ${settings.scopes.length === 1 ? 'scope' : 'scopes'}`;
  return h(
    'header',
    { class: 'page' },
    h('h1', {}, 'VM identity compliance'),
    h(
      'p',
      { class: 'minor-text' },
      `Counted ${time(generatedAt)} (${ago(generatedAt, now)})`,
      nextSweepAt !== undefined && !late && ` · next sweep ${time(nextSweepAt)}`,
    ),
    h(
      'p',
      { class: 'tags' },
      h('span', { class: 'badge' }, settings.effect),
      h('span', { class: 'badge' }, reach),
      h('span', { class: 'badge' }, `${count(tenant.vms + tenant.excluded)} VMs`),
    ),
    late &&
      h(
        'p',
        { class: 'late', role: 'alert' },
        `A newer report was due ${time(nextSweepAt)}. If this is the latest there is, the sweep has stopped: look whether the app runs and its timer fires.`,
      ),
    settings.effect === 'AuditIfNotExists' &&
      h('p', { class: 'note' }, 'EFFECT is AuditIfNotExists: VMs are counted and nothing is assigned.'),
    settings.effect === 'Disabled' && h('p', { class: 'note' }, 'EFFECT is Disabled: nothing is assigned.'),
  );
}
