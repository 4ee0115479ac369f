import type { ReportProblem } from '../../report.ts';
import type { Standing } from '../../standing.ts';
import type { PageData } from '../pageData.ts';
import { about } from './about.ts';
import { changes } from './changes.ts';
import { h, name, replace } from './dom.ts';
import { header } from './header.ts';
import { headline } from './headline.ts';
import { idOf, readModel, reasonsIn, type Vm } from './model.ts';
import { problems } from './problems.ts';
import { hashOf, linkTo, noFilter, type Route, readRoute } from './route.ts';
import { reasonTable, regionTable, subscriptionTable } from './standings.ts';
import { count } from './texts.ts';
import { trend } from './trend.ts';
import { vmDetails } from './vmDetails.ts';
import { vmSection } from './vmSection.ts';

const { report, vms } = readModel(JSON.parse(document.getElementById('data')?.textContent ?? '') as PageData);
const now = Date.now();
const view = h('main');
let tables: readonly { print(printing: boolean): void }[] = [];
let route = readRoute(location.hash);

document.body.append(header(report, now), view);
show();
addEventListener('hashchange', () => {
  const before = route;
  route = readRoute(location.hash);
  const sameView = hashOf({ ...route, vm: undefined }) === hashOf({ ...before, vm: undefined });
  if (!sameView) show();
  showDetails();
  if (!sameView && !route.vm) moveFocus();
});
addEventListener('beforeprint', () => print(true));
addEventListener('afterprint', () => print(false));
showDetails();

function show(): void {
  const subscription = report.subscriptions.find(({ id }) => id === route.subscription);
  const standing = subscription ?? report.tenant;
  const here = subscription ? vms.filter(({ subscriptionId }) => subscriptionId === subscription.id) : vms;
  const list = vmSection(here, route, notesOn(standing, here), remember, (vm) =>
    hashOf({ ...route, vm: idOf(vm) }),
  );
  const regions = regionTable(subscription?.regions ?? report.regions, subscription?.id);
  const reasons = reasonTable(
    subscription ? reasonsIn(subscription, here) : report.reasons,
    subscription?.id,
    new Set(here.map(({ reason }) => reason)),
  );
  if (subscription) {
    tables = [regions, reasons, list.table];
    const own = report.problems.filter(({ subject }) => subject.toLowerCase().includes(subscription.id));
    replace(
      view,
      h(
        'nav',
        { 'aria-label': 'Where you are' },
        h('a', { href: linkTo({}) }, 'All subscriptions'),
        ' › ',
        h('h2', { tabindex: -1, id: 'view' }, name(subscription.name)),
        h('span', { class: 'minor-text' }, subscription.id),
      ),
      h(
        'div',
        { class: 'top' },
        headline(subscription, subscription.id, waiting(subscription, own)),
        card('Regions', regions.element),
      ),
      problems(report, own, now),
      card('Reasons', reasons.element),
      list.element,
    );
  } else {
    const subscriptions = subscriptionTable(report.subscriptions);
    tables = [subscriptions, regions, reasons, list.table];
    replace(
      view,
      h('h2', { tabindex: -1, id: 'view', class: 'hidden' }, 'All subscriptions'),
      h(
        'div',
        { class: 'top' },
        headline(report.tenant, undefined, waiting(report.tenant, report.problems)),
        trend(report.trend),
        changes(report),
      ),
      problems(report, report.problems, now),
      h(
        'div',
        { class: 'pair' },
        card('Subscriptions', subscriptions.element),
        card('Regions', regions.element),
      ),
      card('Reasons', reasons.element),
      list.element,
      about(report),
    );
  }
}

function card(title: string, content: HTMLElement): HTMLElement {
  return h('section', { class: 'card', 'aria-label': title }, h('h2', {}, title), content);
}

/** For whom the VMs that lack their identity wait. */
function waiting({ lacking }: Standing, needing: readonly ReportProblem[]): string | false {
  if (!report.historyKnown || lacking === 0 || report.settings.effect !== 'DeployIfNotExists') return false;
  const held = Math.min(
    lacking,
    needing.reduce((sum, problem) => sum + (problem.passing ? 0 : problem.vms), 0),
  );
  const rest = lacking - held;
  if (held === 0) return 'The sweep sees to them.';
  return rest === 0
    ? 'All of them wait for a person.'
    : `${count(rest)} wait for the sweep, ${count(held)} for a person.`;
}

// The filter goes into the address without a new step of history for each letter typed.
function remember(filter: Route['filter']): void {
  route = { ...route, filter };
  history.replaceState(null, '', hashOf(route));
}

/** What the list of VMs leaves out, and why. */
function notesOn(standing: Standing, listed: readonly Vm[]): string[] {
  const notes = report.unlisted.map(
    ({ vms, why }) => `${count(vms)} more are counted and not listed: ${why}`,
  );
  const carrying = standing.compliant - listed.filter(({ state }) => state === 'compliant').length;
  return carrying > 0 && report.unlisted.length === 0
    ? [
        `Listed are the VMs that do not carry their goal identity; ${count(carrying)} that do are counted only.`,
      ]
    : notes;
}

function showDetails(): void {
  document.querySelector('dialog')?.remove();
  const wanted = route.vm?.toLowerCase();
  const vm: Vm | undefined = wanted
    ? vms.find((one) => idOf(one).toWellFormed().toLowerCase() === wanted)
    : undefined;
  if (!vm) return;
  const opener = document.activeElement;
  const dialog = vmDetails(vm, report.settings.portal, () => {
    if (!dialog.isConnected) return;
    dialog.remove();
    route = { ...route, vm: undefined };
    history.replaceState(null, '', hashOf(route));
    if (opener instanceof HTMLElement) opener.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
}

function moveFocus(): void {
  const filtered = hashOf({ ...route, filter: noFilter }) !== hashOf(route);
  const heading = document.getElementById(filtered ? 'vms-title' : 'view');
  heading?.focus({ preventScroll: true });
  if (filtered) heading?.scrollIntoView();
  else scrollTo(0, 0);
}

function print(printing: boolean): void {
  for (const table of tables) table.print(printing);
}
