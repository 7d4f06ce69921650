// Each page of the gateway in a browser: by eye, by keyboard, and by those who read and try.
import { describe, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { DESKTOP, keepScreenshot, PHONE, seriousFindings, useBrowser } from '../support/browser.ts';
import { useSystem } from '../support/use-system.ts';

const browser = useBrowser();
const system = useSystem({ seeded: true });

const DARK = { ...DESKTOP, colorScheme: 'dark' } as const;
const EDITOR = '.graphiql-query-editor .view-line';

describe.each([
  ['desktop', DESKTOP],
  ['phone', PHONE],
  ['dark', DARK],
])('on a screen that is %s', (kind, options) => {
  // Each with what is there once the page has loaded.
  it.each([
    ['/', 'home', '[data-service=orders][data-state=up]'],
    ['/explorer', 'explorer', EDITOR],
    ['/docs', 'reference', 'text=Sign in'],
    ['/account/reset-password', 'account', 'form'],
    ['/problems/out-of-stock', 'problem', 'h1'],
  ])(
    '%s loads without an error, asks no other host, and axe finds nothing serious',
    async (path, name, sign) => {
      const { page, errors, foreign } = await browser.open(system.url + path, options);
      await page.locator(sign).first().waitFor();
      await page.waitForLoadState('networkidle');
      expect(await seriousFindings(page)).toEqual([]);
      await keepScreenshot(page, `${name}-${kind}`);
      expect(errors).toEqual([]);
      expect(foreign).toEqual([]);
    },
  );
});

describe('the page at /', () => {
  it('is reached by the keyboard: signing in, each page, each example', async () => {
    const { page } = await browser.open(system.url);
    const reached: string[] = [];
    for (let each = 0; each < 16; each += 1) {
      await page.keyboard.press('Tab');
      reached.push(
        await page.locator(':focus').evaluate(({ ariaLabel, textContent }) => ariaLabel ?? textContent),
      );
    }
    expect(reached).toEqual([
      'Sign in as demo',
      'Explorer',
      'REST reference',
      'Console',
      '/products',
      '/openapi.json',
      '/.well-known/jwks.json',
      ...['Look at the catalogue', 'Two editors, one version', 'Order, twice by the same key'].flatMap(
        (title) => [`Run: ${title}`, `${title}: operations`, `${title}: replies`],
      ),
    ]);
  });

  it('signs in with one click, and stays so on the other pages', async () => {
    const { page } = await browser.open(system.url);
    await page.getByRole('button', { name: 'Sign in as demo' }).click();
    await page.getByText('signed in as demo').waitFor();
    await page.getByRole('link', { name: 'REST reference' }).click();
    await page.waitForURL('**/docs');
    await page.getByText('signed in as demo').waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('button', { name: 'Sign in as demo' }).waitFor();
  });

  it('runs its examples, and shows that of two edits one is refused and that a key orders once', async () => {
    const { page, errors } = await browser.open(system.url);
    const run = async (title: string) => {
      await page.getByRole('button', { name: `Run: ${title}` }).click();
      await page
        .locator('.example', { hasText: title })
        .getByText(/^done in \d+ ms$/)
        .waitFor();
      return page.getByRole('group', { name: `${title}: replies` }).textContent();
    };
    expect(await run('Look at the catalogue')).toMatch(/"version": 1/);
    const edits = await run('Two editors, one version');
    expect(edits).toContain('"ada": { "version": 2, "price": "45.00" }');
    expect(edits).toContain('"code": "VERSION_CONFLICT"');
    const orders = await run('Order, twice by the same key');
    const ids = [...(orders ?? '').matchAll(/"createOrder": {\s*"id": "(\d+)",\s*"status": "CONFIRMED"/g)];
    expect(ids).toHaveLength(2);
    expect(new Set(ids.map(([, id]) => id)).size).toBe(1);
    expect(errors).toEqual([]);
  });

  it('says so when a service does not answer', async () => {
    await system.kill('orders');
    try {
      const { page } = await browser.open(system.url);
      await page.locator('[data-service=orders]', { hasText: 'does not answer' }).waitFor();
      await page.locator('[data-service=users]', { hasText: 'answers' }).waitFor();
    } finally {
      await system.restart('orders');
    }
  });
});

describe('the explorer', () => {
  /** Opens a tab, runs its operation, and waits for `reply` in the reply. */
  async function runTab(page: Page, name: string, reply: string | RegExp): Promise<void> {
    await page.getByRole('button', { name, exact: true }).click();
    await page.getByRole('button', { name: /^Execute/ }).click();
    await page.locator('.graphiql-response', { hasText: reply }).waitFor();
  }

  it('tells its story by clicks alone: what a step gives, the next one has', async () => {
    const { page, errors } = await browser.open(`${system.url}/graphql`);
    await page.locator(EDITOR).first().waitFor();
    await runTab(page, 'Browse', '"hasNextPage": true');
    await runTab(page, 'SignIn', '"username": "demo"');
    await page.getByText('signed in as demo').waitFor();
    await runTab(page, 'Create', /"stock": 3, *"version": 1/);
    await runTab(page, 'Edit', /"price": "45.00", *"version": 2/);
    await runTab(page, 'Conflict', /"VERSION_CONFLICT".*"currentVersion": 2/);
    await runTab(page, 'Order', '"totalPrice": "90.00"');
    // Three were there; two are sold.
    await runTab(page, 'MyOrders', /"name": "Brass compass", *"stock": 1/);
    await keepScreenshot(page, 'explorer-story');
    expect(errors).toEqual([]);
  });

  it('puts the token of its button into the headers of every tab, and takes it out again', async () => {
    const { page } = await browser.open(`${system.url}/explorer`);
    await page.locator(EDITOR).first().waitFor();
    await page.getByRole('button', { name: 'Sign in as demo' }).click();
    await runTab(page, 'MyOrders', '"username": "demo"');
    await page.getByRole('button', { name: 'Headers' }).click();
    await page.locator('.graphiql-editor', { hasText: '"authorization": "Bearer ' }).waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await runTab(page, 'MyOrders', '"me": null');
  });

  it('shows the descriptions of the schema', async () => {
    const { page } = await browser.open(`${system.url}/explorer`);
    const docs = page.locator('.graphiql-doc-explorer');
    await docs.getByRole('link', { name: 'Mutation', exact: true }).click();
    await docs.getByText('Orders units of a product at its price of this moment').waitFor();
  });
});

describe('the reference', () => {
  /** Sends the example of a call, and gives what went out and the status that came. */
  async function tryIt(page: Page, call: string, path: string) {
    await page.goto(`${system.url}/docs#${path}`);
    await page.getByRole('button', { name: `Test Request (${call})` }).click();
    const [request] = await Promise.all([
      page.waitForRequest((sent) => sent.method() === call.split(' ')[0]?.toUpperCase()),
      page.getByRole('dialog').getByRole('button', { name: 'Send' }).first().click(),
    ]);
    const reply = await request.response();
    await keepScreenshot(page, `reference-${call.replaceAll(/\W+/g, '-')}`);
    await page.keyboard.press('Escape');
    return { headers: await request.allHeaders(), status: reply?.status() };
  }

  it('sends its examples to this server, with the token, the key and the version', async () => {
    const { page, errors } = await browser.open(`${system.url}/docs`);
    await page.getByRole('button', { name: 'Sign in as demo' }).click();
    await page.getByText('signed in as demo').waitFor();
    const created = await tryIt(page, 'post /products', 'tag/products/POST/products');
    expect(created.status).toBe(201);
    expect(created.headers).toMatchObject({
      authorization: expect.stringMatching(/^Bearer ey/),
      'idempotency-key': expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    const changed = await tryIt(page, 'patch /products/{id}', 'tag/products/PATCH/products/{id}');
    expect(changed.headers).toMatchObject({ 'if-match': expect.stringMatching(/^"\d+"$/) });
    expect([200, 412]).toContain(changed.status);
    const ordered = await tryIt(page, 'post /orders', 'tag/orders/POST/orders');
    expect(ordered.headers).toHaveProperty('idempotency-key');
    expect(ordered.status).toBe(201);
    expect(errors.filter((error) => !error.includes('412'))).toEqual([]);
  });
});
