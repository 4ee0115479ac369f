import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { assetsFile, reportPageAssets } from '../../scripts/buildReportPage.ts';
import { embeddedJson, html } from '../../src/report/html/markup.ts';
import { toHtml } from '../../src/report/html/toHtml.ts';
import { aReport } from './aReport.ts';
import { aHostileReport, hostileTexts } from './hostile.ts';

const anyText = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom(...hostileTexts.slice(0, -1)));

describe('the page of a report', () => {
  it('has two scripts and one style, each by its hash, whatever stands in the report', () => {
    const page = [...toHtml(aHostileReport())].join('');

    assert.equal(page.match(/<script/g)?.length, 2);
    assert.equal(page.match(/<\/script/g)?.length, 2);
    const policy = /Content-Security-Policy" content="([^"]+)"/.exec(page)?.[1] ?? '';
    for (const tag of ['script', 'style']) {
      const text = new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`).exec(page)?.[1] ?? '';
      const hash = createHash('sha256').update(text).digest('base64');
      assert.ok(text.length > 1000);
      assert.ok(policy.includes(`${tag}-src 'sha256-${hash}'`));
    }
    assert.doesNotMatch(policy, /unsafe|\*|https?:/);
  });

  it('is made from the sources as they are (else: npm run report:page)', async () => {
    assert.equal(readFileSync(assetsFile, 'utf8'), await reportPageAssets());
  });

  it('is small when there is little to say', () => {
    assert.ok([...toHtml(aReport([], { carrying: 10 }))].join('').length < 60_000);
  });
});

describe('data in a page', () => {
  it('comes back as it was, and can end no element', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            anyText,
            fc.string({ unit: 'binary' }).map((text) => `\ud800${text}`),
          ),
        ),
        (texts) => {
          const json = embeddedJson(texts);

          assert.deepEqual(JSON.parse(json), texts);
          assert.doesNotMatch(
            json,
            /[<>&\u2028\u2029\ud800-\udfff](?<![\ud800-\udbff][\udc00-\udfff])(?![\udc00-\udfff])/,
          );
        },
      ),
    );
  });
});

describe('text in markup', () => {
  it('is text: it opens no tag and closes no attribute', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const { markup } = html`<b title="${text}">${text}</b>`;

        assert.equal(markup.match(/</g)?.length, 2);
        assert.equal(markup.match(/"/g)?.length, 2);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there.
        assert.doesNotMatch(markup, /[\u0000-\u001f]/);
      }),
    );
  });
});
