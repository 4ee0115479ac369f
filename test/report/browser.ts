import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium, type Page } from 'playwright-core';

const PLACES = [
  process.env.CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
];

/** Where Chromium is; undefined when there is none. */
export const chromiumPath = PLACES.find((path) => path && existsSync(path));

/** Why tests of pages are left out; false when they run. Where CI is set they run, and fail without a browser. */
export const withoutBrowser =
  chromiumPath || process.env.CI
    ? false
    : 'NO BROWSER: the report was not tested in one. Install Chromium (Debian: apt-get install chromium), or set CHROMIUM to its path.';

/** How a page is opened. */
export interface View {
  readonly width?: number;
  readonly height?: number;
  readonly dark?: boolean;
  /** What stands after the `#` of the address. */
  readonly hash?: string;
  /** What time the page thinks it is, in ms since 1970. */
  readonly now?: number;
  readonly javaScript?: boolean;
}

/** A page, and everything it did that it should not. */
export interface OpenedPage {
  readonly page: Page;
  /** Requests besides the page itself, violations of its policy, errors, dialogs. Empty when all is well. */
  readonly offences: readonly string[];
}

/** A browser that shows reports as a web server would. */
export interface Browser {
  open(html: string, view?: View): Promise<OpenedPage>;
  /** Closes every page that is open. */
  closePages(): Promise<void>;
  close(): Promise<void>;
}

/** Starts Chromium without a window. Rejects, saying what to do, when there is none. */
export async function aBrowser(): Promise<Browser> {
  if (!chromiumPath) throw new Error('There is no Chromium: install it, or set CHROMIUM to its path.');
  const profile = mkdtempSync(join(tmpdir(), 'report-browser-'));
  const browser = await chromium.launch({
    executablePath: chromiumPath,
    env: { ...process.env, HOME: profile } as Record<string, string>,
    args: [
      ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
      ...['--disable-background-networking', '--disable-component-update'],
    ],
  });
  let served = '';
  const server = createServer((_, response) => {
    response.setHeader('content-type', 'text/html; charset=utf-8').end(served);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const contexts: BrowserContext[] = [];

  return {
    async open(html, view = {}) {
      const context = await browser.newContext({
        viewport: { width: view.width ?? 1440, height: view.height ?? 900 },
        colorScheme: view.dark ? 'dark' : 'light',
        javaScriptEnabled: view.javaScript ?? true,
        timezoneId: 'America/New_York',
      });
      contexts.push(context);
      // For a machine that is busy with something else.
      context.setDefaultTimeout(60_000);
      const page = await context.newPage();
      const offences: string[] = [];
      page.on('request', (request) => {
        if (!request.url().startsWith(address) && !request.url().startsWith('data:')) {
          offences.push(`request: ${request.url()}`);
        }
      });
      page.on('pageerror', (error) => offences.push(`error: ${error.message}`));
      page.on('console', (message) => offences.push(`console: ${message.text()}`));
      page.on('dialog', (dialog) => {
        offences.push(`dialog: ${dialog.message()}`);
        void dialog.dismiss();
      });
      if (view.now !== undefined) await page.clock.setFixedTime(view.now);
      served = html;
      await page.goto(`${address}${view.hash ?? ''}`);
      return { page, offences };
    },
    async closePages() {
      for (const context of contexts.splice(0)) await context.close();
    },
    async close() {
      await browser.close();
      server.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}
