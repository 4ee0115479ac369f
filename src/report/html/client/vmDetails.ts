import { sameId } from '../../../domain/resourceId.ts';
import { adviceOn } from '../../advice.ts';
import { type Child, h, name } from './dom.ts';
import { idOf, nextOf, type Vm } from './model.ts';
import { stateBadge } from './standings.ts';
import { lastPart, time } from './texts.ts';

/** Everything the report knows of one VM, in a dialog. `closed` is called when the reader has closed it. */
export function vmDetails(vm: Vm, portal: string, closed: () => void): HTMLDialogElement {
  const id = idOf(vm);
  const next = nextOf(vm);
  const { last } = vm;
  const close = h(
    'button',
    { type: 'button', class: 'close', 'aria-label': 'Close', click: () => dialog.close() },
    '✕',
  );
  const facts: [string, readonly Child[]][] = [
    ['State', [stateBadge(vm.state), ' ', h('code', {}, vm.reason)]],
    ['Meaning', [vm.meaning]],
    ...(next === '' ? [] : [['What to do', [next, ' ', copy(next)]] as [string, Child[]]]),
    ...(last
      ? [
          [
            'Last look',
            [
              `${last.outcome} (${last.reason}), ${time(last.at)}`,
              last.reason !== vm.reason && h('p', { class: 'minor-text' }, adviceOn(last.reason).meaning),
            ],
          ] as [string, Child[]],
        ]
      : []),
    ...(last?.detail === undefined
      ? []
      : [['Azure said', [h('span', { class: 'detail' }, last.detail)]] as [string, Child[]]]),
    ['Goal identity', [idText(vm.goal)]],
    ['Identities present', [identities(vm)]],
    ['Subscription', [name(vm.subscriptionName), h('p', { class: 'minor-text' }, vm.subscriptionId)]],
    ['Resource group', [name(vm.resourceGroup)]],
    ['Region', [vm.location]],
    ['VM id', [h('span', { class: 'detail' }, id), ' ', copy(id)]],
  ];
  const dialog: HTMLDialogElement = h(
    'dialog',
    {
      'aria-labelledby': 'vm-title',
      close: closed,
      click: (event) => event.target === dialog && dialog.close(),
    },
    h(
      'div',
      { class: 'sheet' },
      h('header', {}, h('h2', { id: 'vm-title' }, name(vm.name)), close),
      h(
        'dl',
        { class: 'facts' },
        ...facts.flatMap(([title, text]) => [h('dt', {}, title), h('dd', {}, ...text)]),
      ),
      h(
        'p',
        {},
        h(
          'a',
          {
            href: `${portal}/#@/resource${encodeURI(id.toWellFormed())}`,
            target: '_blank',
            rel: 'noreferrer noopener',
          },
          'Open in the portal',
        ),
      ),
    ),
  );
  return dialog;
}

function identities({ identityType, identities: ids, goal }: Vm): HTMLElement {
  const items = ids.map((id) =>
    h('li', {}, idText(id), sameId(id, goal) && h('span', { class: 'badge good' }, 'goal')),
  );
  const system = identityType.startsWith('SystemAssigned') ? [h('li', {}, 'system-assigned')] : [];
  return items.length + system.length === 0 ? h('span', {}, 'none') : h('ul', {}, ...system, ...items);
}

function idText(id: string): HTMLElement {
  return h('span', {}, name(lastPart(id)), h('p', { class: 'minor-text detail' }, id));
}

// The clipboard is there only for pages from https or from a file.
function copy(text: string): HTMLElement | undefined {
  if (!navigator.clipboard) return undefined;
  const button = h('button', { type: 'button', class: 'copy', click: () => void write() }, 'Copy');
  const write = async () => {
    await navigator.clipboard.writeText(text);
    button.textContent = 'Copied';
  };
  return button;
}
