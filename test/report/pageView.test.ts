import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { aVmId } from '../builders.ts';
import { aReport, NOW } from './aReport.ts';
import { withoutBrowser } from './browser.ts';
import { aPage, filterText, listed, report, shows, vmHead, vmNames } from './pages.ts';

describe('the first screen of the page', { skip: withoutBrowser }, () => {
  const open = aPage();

  it('says how it stands, what needs a person and what changed', async () => {
    const { page, offences } = await open();

    const text = await page.locator('body').innerText();
    assert.match(text, /98\.0%\s+compliant\s+2 of 100 VMs in scope lack their identity/);
    assert.match(text, /1 wait for the sweep, 1 for a person/);
    assert.match(text, /Needs a person\s*1\s+read-only-lock/);
    assert.match(text, /Lacking\s+40 → 2/);
    assert.match(text, /\+38 points/);
    assert.match(
      text,
      /Counted 24 Nov 2026, 15:00 UTC \(12 minutes ago\) · next sweep 24 Nov 2026, 16:00 UTC/,
    );
    const vms = await page.locator('#problems').boundingBox();
    assert.ok(vms && vms.y < 500, 'what needs a person is below the first screen');
    assert.deepEqual(offences, []);
  });

  it('warns when the next report should have come, and only then', async () => {
    const late = await open(report, { now: NOW + 3 * 3_600_000 });
    const inTime = await open();

    assert.match(
      await late.page.getByRole('alert').innerText(),
      /A newer report was due 24 Nov 2026, 16:00 UTC/,
    );
    assert.equal(await inTime.page.getByRole('alert').count(), 0);
  });

  it('draws the trend, and says it in words and figures', async () => {
    const { page } = await open();

    const chart = page.getByRole('img', { name: /^From 20\.0% on .* to 98\.0% on .* over 4 sweeps/ });
    const line = await chart.locator('polyline').getAttribute('points');
    assert.equal(line?.split(' ').length, 4);
    await page.getByText('Figures of 4 sweeps').click();
    assert.deepEqual(await page.locator('.trend tbody tr').first().locator('td').allInnerTexts(), [
      '98.0%',
      '100',
      '98',
      '1',
    ]);
  });

  it('says so when nothing is known of before', async () => {
    const { page } = await open(aReport(listed, { history: undefined, notes: undefined }));

    assert.match(await page.locator('.changes').innerText(), /without the storage account/);
    assert.match(await page.locator('main').innerText(), /Nothing that is known of/);
    assert.match(await page.locator('.trend').innerText(), /begins with the next sweep/);
  });

  it('is calm when all is well', async () => {
    const { page, offences } = await open(aReport([], { carrying: 5 }));

    const text = await page.locator('main').innerText();
    assert.match(text, /100\.0%\s+compliant\s+All 5 VMs in scope have their identity/);
    assert.match(text, /Nothing\. Whatever is open, the sweep sees to it/);
    assert.deepEqual(offences, []);
  });
});

describe('the table of VMs', { skip: withoutBrowser }, () => {
  const open = aPage();

  it('sorts by column, both ways, numbers in names as numbers, and says so to screen readers', async () => {
    const { page } = await open();
    assert.deepEqual(await vmNames(page), ['vm-9', 'vm-10', 'vm-2', 'vm-a']);
    assert.equal(await vmHead(page, 'VM').getAttribute('aria-sort'), null);

    await vmHead(page, 'VM').getByRole('button').click();
    assert.deepEqual(await vmNames(page), ['vm-2', 'vm-9', 'vm-10', 'vm-a']);
    assert.equal(await vmHead(page, 'VM').getAttribute('aria-sort'), 'ascending');

    await vmHead(page, 'VM').getByRole('button').click();
    assert.deepEqual(await vmNames(page), ['vm-a', 'vm-10', 'vm-9', 'vm-2']);
    assert.equal(await vmHead(page, 'VM').getAttribute('aria-sort'), 'descending');

    await vmHead(page, 'Region').getByRole('button').click();
    assert.deepEqual(await vmNames(page), ['vm-9', 'vm-2', 'vm-a', 'vm-10']);
    assert.equal(await vmHead(page, 'VM').getAttribute('aria-sort'), null);
  });

  it('filters by text, state, reason and region, together, and tells how many are left', async () => {
    const { page } = await open();
    const status = page.locator('.vms').getByRole('status');

    await filterText(page).fill('PAYMENTS online');
    assert.deepEqual(await vmNames(page), ['vm-9']);
    assert.equal(await status.innerText(), '1 VM');

    await filterText(page).fill('');
    await page.getByRole('radio', { name: 'lacking 2' }).check({ force: true });
    assert.deepEqual(await vmNames(page), ['vm-9', 'vm-10']);

    await page.getByRole('combobox', { name: 'Region' }).selectOption('westus');
    assert.deepEqual(await vmNames(page), ['vm-10']);

    await page.getByRole('combobox', { name: 'Reason' }).selectOption('single-identity');
    assert.match(await page.locator('.vms tbody').innerText(), /No VM of the list matches/);

    await page.getByRole('button', { name: 'Clear filters' }).click();
    assert.equal((await vmNames(page)).length, 4);
  });

  it('keeps the filter in the address', async () => {
    const { page } = await open();
    await filterText(page).fill('vm-9');

    const again = await open(report, { hash: await page.evaluate(() => location.hash) });

    assert.deepEqual(await vmNames(again.page), ['vm-9']);
    assert.equal(await filterText(again.page).inputValue(), 'vm-9');
  });

  it('is filtered as before when the details of a VM were looked at', async () => {
    const { page } = await open();
    await filterText(page).fill('vm-9');

    await page.getByRole('link', { name: 'vm-9' }).click();
    await page.getByRole('dialog').waitFor();
    await page.getByRole('button', { name: 'Close' }).click();

    assert.deepEqual(await vmNames(page), ['vm-9']);
    assert.equal(await filterText(page).inputValue(), 'vm-9');
    assert.equal(await page.evaluate(() => location.hash), '#text=vm-9');
  });

  it('gives what is left as CSV', async () => {
    const { page, offences } = await open(report, { hash: '#state=lacking' });

    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Save these as CSV' }).click(),
    ]);

    const lines = readFileSync(await download.path(), 'utf8')
      .trim()
      .split('\r\n');
    assert.equal(lines.length, 3);
    assert.ok(lines[1]?.includes('"Remove the lock for a while, or exclude /subscriptions/'));
    assert.deepEqual(offences, []);
  });

  it('says how many VMs are counted and not listed', async () => {
    const { page } = await open({
      ...report,
      unlisted: [{ vms: 12_345, why: 'a report lists at most 50,000' }],
    });

    assert.match(
      await page.locator('.vms').innerText(),
      /12,345 more are counted and not listed: a report lists/,
    );
    assert.match(await (await open()).page.locator('.vms').innerText(), /97 that do are counted only/);
  });
});

describe('drilling down', { skip: withoutBrowser }, () => {
  const open = aPage();

  it('leads from the tenant to a subscription, to a VM, and back', async () => {
    const { page, offences } = await open();

    await page.locator('main').getByRole('link', { name: 'Analytics' }).click();
    await shows(page, 'vm-a');
    assert.match(await page.locator('nav').innerText(), /All subscriptions\s+›\s+Analytics/);
    assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'Analytics');
    assert.match(await page.locator('.headline').innerText(), /–\s+compliant\s+No VM is in scope/);

    await page.getByRole('link', { name: 'vm-a' }).click();
    const dialog = page.getByRole('dialog', { name: 'vm-a' });
    assert.match(await dialog.innerText(), /excluded exclusion-tag/);

    await page.keyboard.press('Escape');
    assert.equal(await dialog.count(), 0);
    assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'vm-a');

    await page.getByRole('link', { name: 'All subscriptions' }).click();
    await shows(page, 'vm-9', 'vm-10', 'vm-2', 'vm-a');
    await page.goBack();
    await shows(page, 'vm-a');
    assert.deepEqual(offences, []);
  });

  it('shows of a VM what it lacks, what it carries, what Azure said and what to do', async () => {
    const { page } = await open(report, {
      hash: `#vm=${encodeURIComponent(aVmId('vm-9', 'rg-payments').id)}`,
    });

    const text = await page.getByRole('dialog').innerText();
    for (const part of [
      /read-only-lock/,
      /A ReadOnly lock on the VM/,
      /Remove the lock for a while, or exclude \/subscriptions\/1111/,
      /failed \(read-only-lock\), 24 Nov 2026, 14:03 UTC/,
      /ScopeLocked: frozen/,
      /built-in-identity-eastus/,
      /Identities present\s+none/,
    ]) {
      assert.match(text, part);
    }
    const link = page.getByRole('link', { name: 'Open in the portal' });
    assert.equal(
      await link.getAttribute('href'),
      `https://portal.azure.com/#@/resource${aVmId('vm-9', 'rg-payments').id}`,
    );
  });

  it('leads from a problem, a region and a reason to their VMs', async () => {
    const { page } = await open();

    await page.locator('.problems').getByRole('link', { name: '1 VM' }).click();
    await shows(page, 'vm-9');
    assert.equal(await page.evaluate(() => document.activeElement?.id), 'vms-title');

    await page.goBack();
    await page.getByRole('link', { name: 'westus' }).click();
    await shows(page, 'vm-10');

    await page.goBack();
    await page.getByRole('link', { name: 'single-identity' }).click();
    await shows(page, 'vm-2');
    assert.equal(
      await page.getByRole('link', { name: 'goal-present' }).count(),
      0,
      'none of these is listed',
    );
  });

  it('takes an address that names nothing for the tenant', async () => {
    const { page, offences } = await open(report, { hash: '#subscription=nope&vm=nope&state=%22' });

    assert.equal((await vmNames(page)).length, 4);
    assert.equal(await page.getByRole('dialog').count(), 0);
    assert.deepEqual(offences, []);
  });
});
