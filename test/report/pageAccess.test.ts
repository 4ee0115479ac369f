import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { aVmId, SUBSCRIPTION } from '../builders.ts';
import { aLargeReport, NOW } from './aReport.ts';
import { type View, withoutBrowser } from './browser.ts';
import { aPage, filterText, report, vmHead, vmNames } from './pages.ts';

describe('50,000 VMs on the page', { skip: withoutBrowser }, () => {
  const open = aPage();

  it('are never in the document together, however they are sorted, filtered and leafed through', async () => {
    const { page, offences } = await open(aLargeReport(50_000));
    const rows = () => page.locator('.vms tbody tr').count();
    const nodes = () => page.evaluate(() => document.querySelectorAll('*').length);

    assert.equal(await rows(), 50);
    assert.match(await page.locator('.vms').getByRole('status').innerText(), /^1–50 of 50,000 VMs$/);
    await page.locator('.vms').getByRole('button', { name: 'Next' }).click();
    assert.match(await page.locator('.vms').getByRole('status').innerText(), /^51–100 of 50,000 VMs$/);
    await vmHead(page, 'VM').getByRole('button').click();
    assert.equal((await vmNames(page))[0], 'vm-batch-1');
    await filterText(page).fill('vm-db-49998');
    assert.deepEqual(await vmNames(page), ['vm-db-49998']);
    await filterText(page).fill('web');
    assert.match(await page.locator('.vms').getByRole('status').innerText(), /^1–50 of 12,500 VMs$/);
    assert.equal(await rows(), 50);
    assert.ok((await nodes()) < 5000, `${await nodes()} elements`);
    assert.deepEqual(offences, []);
  });

  it('are printed up to a thousand, not one page of fifty', async () => {
    const { page } = await open(aLargeReport(2000));

    await page.evaluate(() => dispatchEvent(new Event('beforeprint')));
    assert.equal(await page.locator('.vms tbody tr').count(), 1000);
    await page.evaluate(() => dispatchEvent(new Event('afterprint')));
    assert.equal(await page.locator('.vms tbody tr').count(), 50);
  });
});

describe('the page for everybody', { skip: withoutBrowser }, () => {
  const open = aPage();

  const axe = readFileSync(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');

  /** What axe finds wrong, one line each. Run from outside the page, whose policy lets no script in. */
  async function violations(page: Page): Promise<string[]> {
    await page.evaluate(axe);
    return page.evaluate(async () => {
      const { axe } = globalThis as unknown as {
        axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
      };
      const { violations } = await axe.run();
      return violations.map(
        ({ id, nodes }) =>
          `${id}: ${nodes
            .map(({ html }) => html)
            .join(' | ')
            .slice(0, 300)}`,
      );
    });
  }

  for (const [title, view] of Object.entries<View>({
    light: {},
    dark: { dark: true },
    narrow: { width: 360, height: 740 },
    'a subscription': { hash: `#subscription=${SUBSCRIPTION}` },
    'the details of a VM': { hash: `#vm=${encodeURIComponent(aVmId('vm-9', 'rg-payments').id)}` },
    'the details of a VM, dark': {
      dark: true,
      hash: `#vm=${encodeURIComponent(aVmId('vm-9', 'rg-payments').id)}`,
    },
    'a filter that leaves nothing': { hash: '#text=nothing' },
    'a late report': { now: NOW + 9 * 3_600_000 },
  })) {
    it(`breaks no rule of accessibility that axe knows: ${title}`, async () => {
      const { page } = await open(report, view);

      assert.deepEqual(await violations(page), []);
    });
  }

  it('works by keyboard alone', async () => {
    const { page } = await open();
    const press = async (key: string, times = 1) => {
      for (let n = 0; n < times; n++) await page.keyboard.press(key);
    };
    const focused = () => page.evaluate(() => document.activeElement?.textContent ?? '');

    for (let n = 0; (await focused()) !== 'Analytics'; n++) {
      assert.ok(n < 40, 'no way to the subscription');
      await press('Tab');
    }
    await press('Enter');
    assert.match(await page.locator('nav').innerText(), /Analytics/);
    await filterText(page).focus();
    await page.keyboard.type('vm-a');
    for (let n = 0; (await focused()) !== 'VM'; n++) {
      assert.ok(n < 20, 'no way to the heads of the table');
      await press('Tab');
    }
    await press('Enter');
    assert.equal(await vmHead(page, 'VM').getAttribute('aria-sort'), 'ascending');
    await press('Tab', 8);
    assert.equal(await focused(), 'vm-a');
    await press('Enter');
    await page.getByRole('dialog').waitFor();
    assert.equal(await page.evaluate(() => document.activeElement?.closest('dialog') !== null), true);
    await press('Escape');
    assert.equal(await focused(), 'vm-a');
    assert.deepEqual(await vmNames(page), ['vm-a'], 'the filter is gone');
    assert.equal(await filterText(page).inputValue(), 'vm-a');
  });

  it('shows where the focus is', async () => {
    const { page } = await open();

    await page.keyboard.press('Tab');

    const outline = await page.evaluate(
      () => getComputedStyle(document.activeElement as Element).outlineStyle,
    );
    assert.equal(outline, 'solid');
  });

  it('follows the light or dark of the system', async () => {
    const backgrounds = [];
    for (const dark of [false, true]) {
      const { page } = await open(report, { dark });
      backgrounds.push(await page.evaluate(() => getComputedStyle(document.body).backgroundColor));
    }

    assert.deepEqual(backgrounds, ['rgb(244, 246, 248)', 'rgb(14, 19, 25)']);
  });

  for (const width of [320, 768, 1024]) {
    it(`fits a window of ${width} pixels without scrolling sideways`, async () => {
      const { page } = await open(report, { width, height: 700 });

      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width);
    });
  }

  it('prints without controls', async () => {
    const { page } = await open();

    await page.emulateMedia({ media: 'print' });

    assert.equal(await filterText(page).isVisible(), false);
    assert.equal(await page.locator('.vms table').isVisible(), true);
  });
});
