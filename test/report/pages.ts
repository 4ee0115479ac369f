import { after, afterEach, before } from 'node:test';
import type { Locator, Page } from 'playwright-core';
import { toHtml } from '../../src/report/html/toHtml.ts';
import type { Report } from '../../src/report/report.ts';
import { aVmId, OTHER_SUBSCRIPTION, SUBSCRIPTION } from '../builders.ts';
import { aListedVm, aReport, NOW, someNotes } from './aReport.ts';
import { aBrowser, type Browser, type OpenedPage, type View, withoutBrowser } from './browser.ts';

if (withoutBrowser) process.stderr.write(`${withoutBrowser}\n`);

/** The VMs of the report that most tests show. */
export const listed = [
  aListedVm('vm-10', { location: 'westus' }),
  aListedVm('vm-9', { group: 'rg-payments' }),
  aListedVm('vm-2', { verdict: 'single-identity' }),
  aListedVm('vm-a', { subscription: OTHER_SUBSCRIPTION, verdict: 'exclusion-tag' }),
];
const notes = someNotes([
  { id: aVmId('vm-9', 'rg-payments').id, reason: 'read-only-lock', detail: 'ScopeLocked: frozen' },
]);
const points = [20, 40, 60].map((compliant, n) => ({
  ...{ at: new Date(NOW - (3 - n) * 3_600_000).toISOString(), sweepId: `s${n}`, vms: 100, excluded: 0 },
  compliant,
}));
/** A report with a failure, VMs of every state, two subscriptions, two regions and a trend. */
export const report = aReport(listed, {
  carrying: 97,
  notes: [notes],
  history: { version: 1, points, lacking: { [SUBSCRIPTION]: 40 }, problems: [] },
});

/** Starts a browser for the tests of a `describe`, and gives what opens a report twelve minutes after it was made. */
export function aPage(): (of?: Report | string, view?: View) => Promise<OpenedPage> {
  let browser: Browser;
  before(async () => {
    browser = await aBrowser();
  });
  afterEach(() => browser.closePages());
  after(() => browser.close());
  return (of = report, view = {}) =>
    browser.open(typeof of === 'string' ? of : [...toHtml(of)].join(''), { now: NOW + 12 * 60_000, ...view });
}

/** The names of the VMs the table shows. */
export function vmNames(page: Page): Promise<string[]> {
  return page.locator('.vms tbody th').allInnerTexts();
}

/** Waits until the table has these VMs: the page follows its address a moment after a click. */
export async function shows(page: Page, ...names: string[]): Promise<void> {
  await page.waitForFunction(
    (wanted) =>
      [...document.querySelectorAll('.vms tbody th')].map((head) => head.textContent).join() === wanted,
    names.join(),
  );
}

/** The head of a column of the table. */
export function vmHead(page: Page, title: string): Locator {
  return page.locator('.vms thead th', { hasText: title });
}

/** Where text to look for is typed. */
export function filterText(page: Page): Locator {
  return page.getByRole('searchbox', { name: 'Search' });
}
