import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { toHtml } from '../../src/report/html/toHtml.ts';
import { withoutBrowser } from './browser.ts';
import { aHostileReport, hostileTexts } from './hostile.ts';
import { aPage, report } from './pages.ts';

describe('hostile texts on the page', { skip: withoutBrowser }, () => {
  const open = aPage();

  it('run nothing, break no policy, send nothing, and are shown as text', async () => {
    const hostile = aHostileReport();
    const { page, offences } = await open(hostile);

    await page.getByRole('button', { name: /^Show all/ }).click();
    for (const details of await page.locator('details').all())
      await details.evaluate((d) => d.setAttribute('open', ''));
    for (const link of await page.locator('.vms tbody a').all()) {
      await link.click();
      await page.getByRole('dialog').waitFor();
      await page.getByRole('button', { name: 'Close' }).click();
    }
    await page.locator('.moved a').click();
    await page.goto(`${page.url().split('#')[0]}#subscription=${hostile.subscriptions[0]?.id}`);
    const fields = new URLSearchParams(hostileTexts.map((text) => ['text', text.slice(0, 100)]));
    await page.goto(`${page.url().split('#')[0]}#${fields}`);

    assert.deepEqual(offences, []);
    assert.equal(await page.evaluate(() => 'hacked' in globalThis), false);
    assert.equal(await page.locator('script').count(), 2);
    assert.equal(
      await page
        .locator('img, iframe, object, embed, form, [onerror], [onload], [onmouseover], [style*=url]')
        .count(),
      0,
    );
    await page.goto(`${page.url().split('#')[0]}#`);
    const text = await page.locator('main').innerText();
    assert.ok(text.includes('<script>globalThis.hacked=1</script>'));
    assert.ok(text.includes('שרת-ייצור'));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there.
    assert.doesNotMatch(text, /[\u0000\u001b\u202e\u2066]/);
    assert.doesNotMatch(text, /x{1001}/, 'a text of a megabyte is shown whole');
    for (const href of await page
      .locator('a')
      .evaluateAll((links) => links.map((link) => link.getAttribute('href') ?? ''))) {
      assert.match(href, /^#|^https:\/\/portal\.azure\.com\//);
    }
  });

  it('do nothing where scripts are off, and the figures are there', async () => {
    const { page, offences } = await open(aHostileReport(), { javaScript: false });

    assert.match(await page.locator('body').innerText(), /90\.9% compliant|4\.\d% compliant/);
    assert.equal(await page.locator('img').count(), 0);
    assert.deepEqual(offences, []);
  });
});

describe('the policy of the page', { skip: withoutBrowser }, () => {
  const open = aPage();

  it('stops a script, a style and a request that somebody got into it', async () => {
    const html = [...toHtml(report)].join('');
    const added = '<script>globalThis.hacked=1</script><img src="http://127.0.0.1:9/x"><p style="color:red">';

    const { page, offences } = await open(html.replace('</body>', `${added}</body>`));

    assert.equal(await page.evaluate(() => 'hacked' in globalThis), false);
    assert.equal(
      offences.filter((offence) => /violates the following Content Security Policy/.test(offence)).length,
      3,
    );
    await assert.rejects(
      page.evaluate(() => {
        document.body.innerHTML = '<b>';
      }),
      /TrustedHTML/,
    );
  });
});
