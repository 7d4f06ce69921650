// Pages of the gateway in Debian's Chromium, by Playwright (https://playwright.dev/docs/library).
import { access, constants, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import { afterAll, afterEach, beforeAll } from '@jest/globals';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

/** Where the screenshots of a run are kept; SCREENSHOTS names another folder. */
const SCREENSHOTS = process.env['SCREENSHOTS'] ?? join(tmpdir(), 'holdfast-screenshots');

export const DESKTOP = { viewport: { width: 1280, height: 800 } } satisfies BrowserContextOptions;
export const PHONE = {
  viewport: { width: 390, height: 844 },
  deviceScaleFactor: 2,
  isMobile: true,
  hasTouch: true,
} satisfies BrowserContextOptions;

/** A page in a context of its own, and what went wrong in it. */
export interface Tab {
  readonly page: Page;
  /** Messages of the console at the level error, uncaught errors, and violations of the Content-Security-Policy. */
  readonly errors: string[];
  /** URLs of another origin than the page's own that the page asked for. */
  readonly foreign: string[];
}

export interface BrowserOfTest {
  /** Opens `url` and waits until it has loaded. The context is closed after the test. */
  open(url: string, options?: BrowserContextOptions): Promise<Tab>;
}

/** Chromium for the tests of a file. It starts before the first of them and ends after the last. */
export function useBrowser(): BrowserOfTest {
  let browser: Browser | undefined;
  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: await pathOf('chromium-headless-shell'),
      // Chromium refuses to start its sandbox for root.
      chromiumSandbox: process.getuid?.() !== 0,
      args: [
        '--disable-gpu',
        '--disable-quic',
        '--disable-background-networking',
        '--disable-component-update',
      ],
    });
  });
  afterEach(async () => {
    for (const context of browser?.contexts() ?? []) await context.close();
  });
  afterAll(() => browser?.close());
  return {
    open: async (url, options = DESKTOP) => {
      if (browser === undefined) throw new Error('useBrowser() must be called where tests are described');
      const context = await browser.newContext(options);
      const page = await context.newPage();
      const tab = watch(page, new URL(url).origin);
      await page.goto(url);
      return tab;
    },
  };
}

/** Where PATH has a program: Playwright takes no bare name. */
async function pathOf(program: string): Promise<string> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, program);
    if (
      await access(path, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return path;
  }
  throw new Error(`${program} is not in PATH`);
}

function watch(page: Page, origin: string): Tab {
  const errors: string[] = [];
  const foreign: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text());
  });
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (/^(http|ws)s?:$/.test(url.protocol) && url.host !== new URL(origin).host) foreign.push(url.href);
  });
  return { page, errors, foreign };
}

/**
 * What axe (https://github.com/dequelabs/axe-core) calls serious or critical on a page, one line for each.
 * @param rules those to look at; otherwise all
 */
export async function seriousFindings(page: Page, rules?: string[]): Promise<string[]> {
  const axe = new AxeBuilder({ page });
  const { violations } = await (rules ? axe.withRules(rules) : axe).analyze();
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).join(' ')}`);
}

/** What a page has cost by now: requests, kB as transferred, and its first paint (https://web.dev/articles/fcp). */
export function costOf(page: Page): Promise<string> {
  return page.evaluate<string>(`(() => {
    const loaded = ['navigation', 'resource'].flatMap((type) => performance.getEntriesByType(type));
    const bytes = loaded.reduce((sum, { transferSize }) => sum + transferSize, 0);
    const [paint] = performance.getEntriesByName('first-contentful-paint');
    return loaded.length + ' requests, ' + Math.round(bytes / 1000) + ' kB, first paint after ' + Math.round(paint.startTime) + ' ms';
  })()`);
}

/** Keeps a picture of what is in sight for a human to look at, outside the repository. */
export async function keepScreenshot(page: Page, name: string): Promise<void> {
  await mkdir(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) });
}
