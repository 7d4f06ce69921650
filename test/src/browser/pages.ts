// The pages of the gateway in a browser: accessibility in both colour schemes, keyboard use, and the examples that a reader can run.
import { describe, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import {
  DESKTOP,
  findSeriousIssues,
  measureCost,
  PHONE,
  saveScreenshot,
  type Tab,
} from '../support/browser.ts';
import { eventually } from '../support/client.ts';
import type { BrowserSuite } from './suite.ts';

export function describePages({ browser, system, client }: BrowserSuite): void {
  /** A visitor has no session. */
  const VISITOR = { profile: 'visitor' };
  const EDITOR = '.graphiql-query-editor .view-line';

  /** Checks a loaded page by axe, then in dark colours on a small screen, for which `turnDark` may load it again. */
  async function inspect({ page, errors, foreign }: Tab, name: string, turnDark = async () => {}) {
    await page.waitForLoadState('networkidle');
    console.info(`${name}: ${await measureCost(page)}`);
    expect(await findSeriousIssues(page)).toEqual([]);
    await saveScreenshot(page, `${name}-desktop`);
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.setViewportSize(PHONE.viewport);
    await turnDark();
    expect(await findSeriousIssues(page, ['color-contrast'])).toEqual([]);
    await saveScreenshot(page, `${name}-dark-phone`);
    await page.setViewportSize(DESKTOP.viewport);
    await page.emulateMedia({ colorScheme: null });
    expect(errors).toEqual([]);
    expect(foreign).toEqual([]);
  }

  // Each path with a selector of an element that exists when the page has loaded.
  it.each([
    ['/account/reset-password', 'account', 'form'],
    ['/problems/out-of-stock', 'problem', 'h1'],
  ])(
    '%s loads without an error, requests no other host, and passes axe, also in dark colours on a small screen',
    async (path, name, sign) => {
      const tab = await browser.open(system.url + path, VISITOR);
      await tab.page.locator(sign).first().waitFor();
      await inspect(tab, name);
    },
  );

  describe('the page at /', () => {
    const tab = browser.share(() => system.url);

    it('loads without an error, requests no other host, and passes axe, also in dark colours on a small screen', async () => {
      await tab.page.locator('[data-service=orders][data-state=up]').waitFor();
      await inspect(tab, 'home');
    });

    it('is reached by the keyboard: signing in, each page, each example', async () => {
      const { page } = tab;
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
        ...['Look at the catalog', 'Two editors, one version', 'Order twice with the same key'].flatMap(
          (title) => [`Run: ${title}`, `${title}: operations`, `${title}: replies`],
        ),
      ]);
    });

    it('runs its examples: one of two edits is refused, and one key places one order', async () => {
      const { page, errors } = tab;
      const run = async (title: string) => {
        await page.getByRole('button', { name: `Run: ${title}` }).click();
        await page
          .locator('.example', { hasText: title })
          .getByText(/^done in \d+ ms$/)
          .waitFor();
        return page.getByRole('group', { name: `${title}: replies` }).textContent();
      };
      expect(await run('Look at the catalog')).toMatch(/"version": 1/);
      const edits = await run('Two editors, one version');
      expect(edits).toContain('"ada": { "version": 2, "price": "45.00" }');
      expect(edits).toContain('"code": "VERSION_CONFLICT"');
      const orders = await run('Order twice with the same key');
      const ids = [
        ...(orders ?? '').matchAll(/"createOrder": {\s*"id": "(\d+)",\s*"status": "(?:CONFIRMED|PENDING)"/g),
      ];
      expect(ids).toHaveLength(2);
      expect(new Set(ids.map(([, id]) => id)).size).toBe(1);
      expect(errors).toEqual([]);
    });

    it('has no demo accounts and no explorer where the gateway has none, like the console', async () => {
      const { page, errors } = await browser.open(system.url, VISITOR);
      // As the gateway writes its pages with DEMO=off and EXPLORER=off.
      await page.route('**', async (route) => {
        if (route.request().resourceType() !== 'document') return route.fallback();
        const response = await route.fetch();
        const body = (await response.text()).replace('data-offers="explorer demo"', 'data-offers=""');
        await route.fulfill({ response, body });
      });
      await page.reload();
      await page.locator('[data-service=orders][data-state=up]').waitFor();
      expect(await page.getByRole('link', { name: 'Explorer' }).count()).toBe(0);
      expect(
        await page
          .getByText(/as demo/)
          .filter({ visible: true })
          .count(),
      ).toBe(0);
      expect(await page.locator('.example').count()).toBe(1);
      expect(errors).toEqual([]);
      await page.goto(`${system.url}/console`);
      await page.getByRole('button', { name: 'Sign in', exact: true }).waitFor();
      expect(await page.getByRole('button').count()).toBe(1);
    });

    it('says so when a service does not answer', async () => {
      const { page } = tab;
      await page.route('**/status', (route) =>
        route.fulfill({ json: { services: { gateway: 'up', users: 'up', products: 'up', orders: 'down' } } }),
      );
      await page.reload();
      await page.locator('[data-service=orders]', { hasText: 'does not answer' }).waitFor();
      await page.locator('[data-service=users]', { hasText: 'answers' }).waitFor();
    });
  });

  describe('the explorer', () => {
    // The tests run in this order, in one session.
    const tab = browser.share(() => `${system.url}/graphql`);

    it('loads without an error, requests no other host, and passes axe, also in dark colours on a small screen', async () => {
      const { page } = tab;
      await page.locator(EDITOR).first().waitFor();
      // The editor chooses its colours when it loads.
      await inspect(tab, 'explorer', async () => {
        await page.goto(`${system.url}/explorer`);
        await page.locator(EDITOR).first().waitFor();
      });
    });

    /** Opens a tab, runs its operation, waits until the reply is shown, and returns its data. */
    async function runTab(page: Page, name: string) {
      await page.getByRole('button', { name, exact: true }).click();
      return run(page);
    }

    async function run(page: Page) {
      const [reply] = await Promise.all([
        page.waitForResponse('**/graphql'),
        page.getByRole('button', { name: /^Execute/ }).click(),
      ]);
      await page.locator('.graphiql-response .view-line', { hasText: '"data"' }).waitFor();
      return (await reply.json()).data;
    }

    it('runs all its tabs by clicks, and each tab uses the results of the earlier ones', async () => {
      const { page, errors } = tab;
      expect(await runTab(page, 'Browse')).toHaveProperty('products.pageInfo.hasNextPage', true);
      expect(await runTab(page, 'SignIn')).toHaveProperty('login.user.username', 'demo');
      await page.getByText('signed in as demo').waitFor();
      const { createProduct } = await runTab(page, 'Create');
      expect(createProduct).toMatchObject({ stock: 3, version: 1 });
      expect(await runTab(page, 'Edit')).toMatchObject({ updateProduct: { price: '45.00', version: 2 } });
      expect(await runTab(page, 'Conflict')).toMatchObject({
        updateProduct: { code: 'VERSION_CONFLICT', currentVersion: 2, current: { price: '45.00' } },
      });
      const { createOrder } = await runTab(page, 'Order');
      expect(createOrder).toMatchObject({ unitPrice: '45.00', totalPrice: '90.00' });
      expect(await runTab(page, 'Order')).toHaveProperty('createOrder.id', createOrder.id);
      // Two of three units are sold once, as soon as the order is no longer pending.
      const [order] = await eventually(
        async () => (await runTab(page, 'MyOrders')).me.orders.edges,
        ([latest]) => latest.node.status === 'CONFIRMED',
      );
      expect(order.node).toMatchObject({ id: createOrder.id, product: { name: 'Brass compass', stock: 1 } });
      await saveScreenshot(page, 'explorer-story');
      expect(errors).toEqual([]);
    });

    /** Reads the session storage of the tab. */
    const readStorage = async (page: Page) => String(await page.evaluate('JSON.stringify(sessionStorage)'));

    /** Signs in, and clicks on the open tab before GraphiQL has copied the editors into it, which takes 100 ms. */
    const SIGN_IN_AND_OPEN_TAB = `new Promise((resolve) => {
      const button = document.querySelector('#session button');
      const tab = document.querySelector('.graphiql-tab-active .graphiql-tab-button');
      new MutationObserver((_, observer) => {
        if (button.textContent !== 'Sign out') return;
        observer.disconnect();
        setTimeout(() => resolve(tab.click()), 20);
      }).observe(button, { childList: true });
      button.click();
    })`;

    it('adds the token of its button to the headers of every tab, and removes it at sign-out', async () => {
      const { page } = tab;
      await page.getByRole('button', { name: 'Sign out' }).click();
      expect(await run(page)).toEqual({ me: null });
      await page.evaluate(SIGN_IN_AND_OPEN_TAB);
      expect(await run(page)).toHaveProperty('me.username', 'demo');
      await page.getByRole('button', { name: 'Headers' }).click();
      const token = page.locator('.graphiql-editor', { hasText: '"authorization": "Bearer ' });
      await token.waitFor();
      expect(await page.evaluate('JSON.stringify(localStorage)')).toBe('{}');
      await page.getByRole('button', { name: 'Sign out' }).click();
      await token.waitFor({ state: 'hidden' });
      expect(await run(page)).toEqual({ me: null });
      expect(await readStorage(page)).not.toMatch(/Bearer|eyJ/);
    });

    it('shows the descriptions of the schema', async () => {
      const docs = tab.page.locator('.graphiql-doc-explorer');
      await docs.getByRole('link', { name: 'Mutation', exact: true }).click();
      const { data } = await client.graphql('{ __type(name: "Mutation") { fields { name description } } }');
      const fields: { name: string; description: string }[] = data.__type.fields;
      const description = fields.find(({ name }) => name === 'createOrder')?.description ?? '';
      // The page renders Markdown, so the test compares the text before the first mark or line end.
      const [start = ''] = description.split(/[`*_[\n]/);
      expect(start.length).toBeGreaterThan(10);
      await docs.getByText(start.trim()).first().waitFor();
    });
  });

  describe('the reference that the page at / links to', () => {
    // The tests run in this order, in one session.
    const tab = browser.share(() => system.url);

    it('keeps the session, loads without an error, requests no other host, and passes axe, also in dark colours on a small screen', async () => {
      const { page } = tab;
      await page.getByRole('button', { name: 'Sign in as demo' }).click();
      await page.getByText('signed in as demo').waitFor();
      await page.getByRole('link', { name: 'REST reference' }).click();
      await page.waitForURL('**/docs');
      await page.getByText('signed in as demo').waitFor();
      await inspect(tab, 'reference');
    });

    /** Sends the example of a call with the values in `changed`. Returns the sent headers and the reply. */
    async function tryIt(page: Page, call: string, path: string, changed: Record<string, string> = {}) {
      await page.goto(`${system.url}/docs#${path}`);
      // A search by role would walk through the whole page, which is large.
      await page
        .locator('button', { hasText: 'Test Request' })
        .filter({ hasText: `(${call})` })
        .click();
      const dialog = page.locator('[role=dialog]');
      for (const [name, value] of Object.entries(changed)) {
        const row = dialog.getByRole('row', { name: `Include ${name} in request` });
        await row.getByRole('combobox', { name: 'Value' }).fill(value);
      }
      const [reply] = await Promise.all([
        page.waitForResponse((come) => come.request().method() === call.split(' ')[0]?.toUpperCase()),
        dialog.getByRole('button', { name: /^Send \w+ request/ }).click(),
      ]);
      const sent = await reply.request().allHeaders();
      await dialog.getByText(String(reply.status()), { exact: false }).first().waitFor();
      await page.keyboard.press('Escape');
      return { sent, status: reply.status(), etag: reply.headers()['etag'], body: await reply.json() };
    }

    it('sends its examples to this server, with the token, the key and the version', async () => {
      const { page, errors } = tab;
      const created = await tryIt(page, 'post /products', 'tag/products/POST/products');
      expect(created.status).toBe(201);
      expect(created.sent).toMatchObject({
        authorization: expect.stringMatching(/^Bearer ey/),
        'idempotency-key': expect.stringMatching(/^[0-9a-f-]{36}$/),
      });
      const changed = await tryIt(page, 'patch /products/{id}', 'tag/products/PATCH/products/{id}', {
        id: String(created.body.id),
        'If-Match': created.etag ?? '',
      });
      expect(changed.sent['if-match']).toBe('"1"');
      expect(changed).toMatchObject({ status: 200, etag: '"2"', body: { id: created.body.id, version: 2 } });
      expect(errors).toEqual([]);
    }, 120_000);

    it('ends the session at sign-out', async () => {
      const { page } = tab;
      const kept: unknown = await page.evaluate("sessionStorage.getItem('holdfast-session')");
      const { refreshToken } = JSON.parse(String(kept));
      const ended = page.waitForResponse('**/logout');
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.getByRole('button', { name: 'Sign in as demo' }).waitFor();
      await ended;
      const again = await fetch(`${system.url}/token/refresh`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ refresh_token: refreshToken }),
      });
      expect(again.status).toBe(401);
    });
  });
}
