import type { Report } from '../../report.ts';
import { type Child, h, name } from './dom.ts';
import { time } from './texts.ts';

const MODES = {
  builtIn: 'one identity for each subscription and region, made by the app',
  ownInSubscription: 'your own identity in each subscription',
  ownCentral: 'your own identity, one for all',
} as const;

/** How to read the figures: what they cover, and how they are counted. */
export function about({ settings, sweepId, generatedAt }: Omit<Report, 'rows'>): HTMLElement {
  const { scopes, excludedScopes, exclusionTag, singleIdentityRule, includeManagedGroups } = settings;
  const facts: [string, readonly Child[]][] = [
    [
      'Share',
      [
        'Compliant VMs of all that are compliant or lack their identity, rounded down. Excluded VMs are outside.',
      ],
    ],
    [
      'Compliant',
      [
        `Carries its goal identity, or is left alone because it has exactly one identity (rule: ${singleIdentityRule}).`,
      ],
    ],
    [
      'Goal identity',
      [`${MODES[settings.identityMode]}: `, h('span', { class: 'detail' }, name(settings.goal))],
    ],
    ['Effect', [settings.effect]],
    ['Scopes', [list(scopes)]],
    [
      'Excluded',
      [
        list([
          ...excludedScopes,
          ...(exclusionTag ? [`tag ${exclusionTag}`] : []),
          ...(includeManagedGroups ? [] : ['groups that a service manages']),
        ]),
      ],
    ],
    ['Counted', [`${time(generatedAt)}, in Azure Resource Graph, which may be some minutes behind`]],
    ...(sweepId === undefined ? [] : [['Sweep', [sweepId]] as [string, Child[]]]),
  ];
  return h(
    'details',
    { class: 'card about' },
    h('summary', {}, 'About this report'),
    h(
      'dl',
      { class: 'facts' },
      ...facts.flatMap(([title, text]) => [h('dt', {}, title), h('dd', {}, ...text)]),
    ),
  );
}

function list(texts: readonly string[]): HTMLElement {
  return texts.length === 0
    ? h('span', {}, '–')
    : h('ul', {}, ...texts.map((text) => h('li', { class: 'detail' }, name(text))));
}
