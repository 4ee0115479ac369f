import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { toHtml } from '../src/report/html/toHtml.ts';
import type { Report } from '../src/report/report.ts';
import { aLargeReport } from '../test/report/aReport.ts';
import { aBrowser, type View } from '../test/report/browser.ts';
import { demoReport } from '../test/report/demoReport.ts';
import { aHostileReport } from '../test/report/hostile.ts';

const folder = join(import.meta.dirname, '../docs');
const SHOP = '5ca1ab1e-0001-4000-8000-000000000001';
const browser = await aBrowser();

/** Pictures a report twelve minutes after it was made. Throws when the page does what it must not. */
async function shoot(name: string, report: Report, view: View = {}, act?: (page: Page) => Promise<unknown>) {
  const now = Date.parse(report.generatedAt) + 12 * 60_000;
  const { page, offences } = await browser.open([...toHtml(report)].join(''), {
    ...{ now, width: 1360, height: 860, ...view },
  });
  await act?.(page);
  await page.screenshot({ path: join(folder, `report-${name}.png`) });
  await browser.closePages();
  if (offences.length > 0) throw new Error(`${name}: ${offences.join('; ')}`);
}

const toVms = (page: Page) => page.locator('#vms-title').evaluate((title) => title.scrollIntoView());

try {
  const demo = await demoReport();
  await shoot('tenant', demo);
  await shoot('dark', demo, { dark: true });
  await shoot('subscription', demo, { hash: `#subscription=${SHOP}` });
  await shoot(
    'vm',
    demo,
    { hash: `#subscription=${SHOP}&text=vm-locked`, height: 840, width: 1240 },
    async (page) => {
      await toVms(page);
      await page.getByRole('link', { name: 'vm-locked' }).click();
      await page.getByRole('dialog').waitFor();
    },
  );
  await shoot('narrow', demo, { width: 390, height: 844 });
  await shoot('50000', aLargeReport(50_000), { hash: '#text=web', height: 740 }, toVms);
  await shoot('hostile', aHostileReport(), { height: 740 }, toVms);
} finally {
  await browser.close();
}
