// Opens pages of the gateway in Debian's Chromium with Playwright (https://playwright.dev/docs/library).
import { access, constants, mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';
import { afterAll, afterEach, beforeAll } from '@jest/globals';
import type { AxeResults } from 'axe-core';
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Page,
} from 'playwright-core';
import { whileTestsRun } from './use-system.ts';

/** The folder for the screenshots of a run. Without it, a run takes no screenshots. */
const SCREENSHOTS = process.env['SCREENSHOTS'];

export const DESKTOP = { viewport: { width: 1280, height: 800 } } satisfies BrowserContextOptions;
export const PHONE = {
  viewport: { width: 390, height: 844 },
  deviceScaleFactor: 2,
  isMobile: true,
  hasTouch: true,
} satisfies BrowserContextOptions;

/** A page with the errors that occurred in it. */
export interface Tab {
  readonly page: Page;
  /** Messages of the console at the level error, uncaught errors, and violations of the Content-Security-Policy. */
  readonly errors: string[];
  /** The URLs of other origins that the page requested. */
  readonly foreign: string[];
}

interface OfProfile {
  /**
   * The tabs with the same profile share storage and cache until the file ends. A test may get a tab that an earlier test of the profile
   * has used, because that costs less than a new one.
   */
  readonly profile: string;
  readonly ownClock?: never;
}

/** A tab that has its own storage and cache. */
interface Alone {
  readonly profile?: never;
  /** The test can put the clock of the page forward. */
  readonly ownClock?: boolean;
}

export type OpenOptions = BrowserContextOptions & (OfProfile | Alone);

export interface BrowserOfTest {
  /** Opens `url` and waits until it has loaded. The tab is closed after the test. */
  open(url: string, options?: OpenOptions): Promise<Tab>;
  /** A tab for all tests of a describe block. */
  share(findUrl: () => string): Tab;
}

/** Chromium for the tests of a file. It starts before the first test and ends after the last one. */
export function useBrowser(): BrowserOfTest {
  let browser: Browser | undefined;
  const profiles = new Map<string, { context: BrowserContext; unused: Tab[] }>();
  const releases: (() => Promise<unknown>)[] = [];
  const openContext = (options: BrowserContextOptions): Promise<BrowserContext> => {
    if (browser === undefined) throw new Error('useBrowser() must be called where tests are described');
    return browser.newContext({ ...DESKTOP, ...options });
  };
  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: await findProgram('chromium-headless-shell'),
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
    for (const release of releases.splice(0)) await release();
  });
  afterAll(() => browser?.close());
  return {
    open: async (url, { profile: name, ownClock = false, ...options } = {}) => {
      if (name === undefined) {
        const context = await openContext(options);
        releases.push(() => context.close());
        if (ownClock) await context.clock.install();
        return openTab(context, url);
      }
      const profile = profiles.get(name) ?? { context: await openContext(options), unused: [] };
      profiles.set(name, profile);
      const tab = profile.unused.pop() ?? watch(await profile.context.newPage(), new URL(url).origin);
      releases.push(async () => {
        await tab.page.unrouteAll({ behavior: 'ignoreErrors' });
        await tab.page.emulateMedia({ colorScheme: null });
        await tab.page.setViewportSize(DESKTOP.viewport);
        await tab.page.goto('about:blank');
        tab.errors.length = 0;
        tab.foreign.length = 0;
        profile.unused.push(tab);
      });
      await tab.page.goto(url);
      return tab;
    },
    share: (findUrl) =>
      whileTestsRun(
        async () => openTab(await openContext({}), findUrl()),
        ({ page }) => page.context().close(),
      ),
  };
}

async function openTab(context: BrowserContext, url: string): Promise<Tab> {
  const tab = watch(await context.newPage(), new URL(url).origin);
  await tab.page.goto(url);
  return tab;
}

/** Finds a program in PATH, because Playwright does not accept a bare name. */
async function findProgram(program: string): Promise<string> {
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

const axeScript = readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/**
 * Lists what axe (https://github.com/dequelabs/axe-core) reports as serious or critical on a page, one line each.
 * @param rules the rules to check; by default all
 */
export async function findSeriousIssues(page: Page, rules?: string[]): Promise<string[]> {
  if (!(await page.evaluate<boolean>("'axe' in window"))) await page.evaluate(await axeScript);
  // Without these settings, axe also makes a selector for each element and fetches each style sheet.
  const options = {
    resultTypes: ['violations'],
    selectors: false,
    preload: false,
    ...(rules && { runOnly: rules }),
  };
  const { violations } = await page.evaluate<AxeResults>(`axe.run(${JSON.stringify(options)})`);
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).join(' ')}`);
}

/** Measures a page: its requests, the kB transferred, and its first paint (https://web.dev/articles/fcp). */
export function measureCost(page: Page): Promise<string> {
  return page.evaluate<string>(`(() => {
    const loaded = ['navigation', 'resource'].flatMap((type) => performance.getEntriesByType(type));
    const bytes = loaded.reduce((sum, { transferSize }) => sum + transferSize, 0);
    const [paint] = performance.getEntriesByName('first-contentful-paint');
    return loaded.length + ' requests, ' + Math.round(bytes / 1000) + ' kB, first paint after ' + Math.round(paint.startTime) + ' ms';
  })()`);
}

/** Saves a picture of the visible part of the page for a person to look at, if SCREENSHOTS names a folder. */
export async function saveScreenshot(page: Page, name: string): Promise<void> {
  if (SCREENSHOTS === undefined) return;
  await mkdir(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) });
}
