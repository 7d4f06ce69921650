// The console in a browser: what staff and customers do there, by clicks.
import { describe, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { DESKTOP, findSeriousIssues, PHONE, saveScreenshot, type Tab } from '../support/browser.ts';
import { eventually, secretsUsed } from '../support/client.ts';
import { type BrowserSuite, CLERK, openConsole } from './suite.ts';

export function describeConsole(suite: BrowserSuite): void {
  const { browser, system, client, clerk } = suite;
  const heading = (page: Page, name: string) => page.getByRole('heading', { level: 1, name }).waitFor();
  const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });

  /** The test of the race looks at the pages /flow and /race in the same way. */
  const PAGES: readonly (readonly [path: string, heading: string, text: string])[] = [
    ['', 'Catalog', 'Letterpress'],
    ['/products/new', 'New product', 'Description'],
    ['/products/1', 'Gooseneck kettle', 'Based on version'],
    ['/orders', 'Orders', 'Status'],
    ['/accounts', 'Accounts', 'clerk@example.com'],
    ['/accounts/1', 'demo', 'Its orders'],
  ];
  /** Pages that have all elements whose colours the dark scheme changes. */
  const IN_DARK = new Set(['sign-in', 'catalog', 'products-1', 'race']);

  /** Checks a loaded page by axe; some pages in dark colours too. */
  async function inspect(page: Page, name: string): Promise<void> {
    await saveScreenshot(page, `console-${name}-desktop`);
    expect(await findSeriousIssues(page)).toEqual([]);
    if (!IN_DARK.has(name)) return;
    await page.emulateMedia({ colorScheme: 'dark' });
    expect(await findSeriousIssues(page, ['color-contrast'])).toEqual([]);
    await saveScreenshot(page, `console-${name}-dark`);
    await page.emulateMedia({ colorScheme: 'light' });
  }

  describe.each([
    ['desktop', DESKTOP, PAGES],
    // The desktop page in a small window shows the same elements, so some pages suffice.
    [
      'phone',
      PHONE,
      PAGES.filter(([path]) => ['', '/products/1', '/products/new', '/orders', '/accounts/1'].includes(path)),
    ],
  ])('on a %s', (device, options, pages) => {
    it('shows every page without an error or a shift, requests no other host, and passes axe', async () => {
      const { page, errors, foreign } = await browser.open(`${system.url}/console`, options);
      await button(page, 'Sign in').waitFor();
      const look = (name: string) =>
        device === 'desktop' ? inspect(page, name) : saveScreenshot(page, `console-${name}-${device}`);
      await look('sign-in');
      await page.getByRole('button', { name: 'Demo clerk' }).click();
      for (const [path, name, shown] of pages) {
        if (path !== '')
          await (device === 'desktop' ? follow(page, path) : page.goto(`${system.url}/console${path}`));
        await heading(page, name);
        await page.getByText(shown).first().waitFor({ state: 'attached' });
        expect([path, await shiftOf(page)]).toEqual([path, 0]);
        await look(path === '' ? 'catalog' : path.slice(1).replaceAll('/', '-'));
      }
      expect(errors).toEqual([]);
      expect(foreign).toEqual([]);
    }, 300_000);
  });

  /** Shows another page of the console as a link does, but without a click, because shifts after one do not count. */
  const follow = (page: Page, path: string): Promise<void> =>
    page.evaluate(
      `history.pushState(null, '', '/console${path}'); dispatchEvent(new PopStateEvent('popstate'))`,
    );

  /** The sum of the layout shifts since the page was opened (https://web.dev/articles/cls). */
  const shiftOf = (page: Page): Promise<number> =>
    page.evaluate<number>(`new Promise((resolve) => {
    let sum = 0;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) if (!entry.hadRecentInput) sum += entry.value;
    }).observe({ type: 'layout-shift', buffered: true });
    // Entries that are buffered come before the next frame but one.
    requestAnimationFrame(() => requestAnimationFrame(() => resolve(sum)));
  })`);

  it('two tabs edit one product: the second sees the conflict, field by field, and resolves it', async () => {
    const product = await client.product(clerk.token, {
      name: 'Contested',
      description: 'As it was.',
      price: 10,
    });
    const path = `/products/${product.id}`;
    const [mine, theirs] = [
      await openConsole(suite, 'Demo clerk', path),
      await openConsole(suite, 'Demo clerk', path),
    ];
    await mine.page.getByLabel('Name', { exact: true }).fill('Mine');
    await mine.page.getByLabel('Description').fill('My words.');
    await theirs.page.getByLabel('Name', { exact: true }).fill('Theirs');
    await theirs.page.getByLabel('Price').fill('12.50');
    for (const { page } of [mine, theirs])
      await page.getByRole('form', { name: 'Product' }).getByLabel('Stock').fill('7');
    await button(theirs.page, 'Save').click();
    await theirs.page.getByText('Saved as version 2.').waitFor();

    await mine.page.getByText('The product now has version 2.').waitFor();
    await button(mine.page, 'Save').click();
    const conflict = mine.page.getByRole('form', { name: 'Conflict' });
    const save = conflict.getByRole('button', { name: 'Save over version 2' });
    // Both users changed only the name.
    const side = (field: string, name: string) =>
      conflict.getByRole('group', { name: field }).getByRole('radio', { name });
    expect(await save.isDisabled()).toBe(true);
    expect(await side('description', 'Yours').isChecked()).toBe(true);
    expect(await side('price', 'Theirs').isChecked()).toBe(true);
    await conflict.getByText('stock both of you made the same change').waitFor();
    expect(await findSeriousIssues(mine.page)).toEqual([]);
    await saveScreenshot(mine.page, 'console-conflict');
    await side('name', 'Yours').check();
    await save.click();
    await mine.page.getByText('Saved as version 3.').waitFor();

    const { body } = await client.rest('GET', path);
    expect(body).toMatchObject({ name: 'Mine', description: 'My words.', price: 12.5, version: 3 });
    // The user of the other tab has not typed since, so it shows the new values.
    await eventually(
      () => theirs.page.getByLabel('Name', { exact: true }).inputValue(),
      (name) => name === 'Mine',
    );
    expect([...mine.errors, ...theirs.errors]).toEqual([]);
  });

  it('tabs share a session, and what ends in one ends in the other', async () => {
    const { page } = await openConsole(suite, 'Demo clerk', '/');
    const { page: other } = await openConsole(suite, 'Demo clerk', '/orders');
    await button(page, 'Sign out').click();
    await button(page, 'Sign in').waitFor();
    await other.getByRole('dialog', { name: 'Your session has ended' }).waitFor();
  });

  it('an order makes the stock fall; staff ships, delivers and cancels, and the history says who', async () => {
    const product = await client.product(clerk.token, { name: 'Ordered', stock: 5 });
    const customer = await openConsole(suite, 'Demo customer', `/products/${product.id}`);
    const stock = (tab: Tab) => tab.page.getByTestId('stock').textContent();
    expect(await stock(customer)).toBe('5');
    const orderForm = customer.page.getByRole('form', { name: 'Order' });
    const place = async (quantity: number) => {
      await orderForm.getByLabel('Quantity').fill(String(quantity));
      await orderForm.getByRole('button').click();
      await orderForm.getByText('is confirmed').waitFor();
      return orderForm.getByRole('link').textContent();
    };
    const shipped = await place(1);
    await eventually(
      () => stock(customer),
      (units) => units === '4',
    );
    const cancelled = await place(3);
    await orderForm.getByLabel('Quantity').fill('2');
    await orderForm.getByRole('button').click();
    await orderForm.getByRole('alert').waitFor();

    const staff = await openConsole(suite, 'Demo clerk', '/orders?status=CONFIRMED');
    const open = (order: string | null) =>
      staff.page.getByRole('link', { name: `${order}`.replace('Order ', ''), exact: true }).click();
    await open(shipped);
    await button(staff.page, 'Ship').click();
    await button(staff.page, 'Deliver').click();
    const history = staff.page.getByRole('region', { name: 'History' });
    await history.getByText('delivered').waitFor();
    expect(await history.getByText('by clerk (staff)').count()).toBe(2);
    expect(await history.getByText('by demo (customer)').count()).toBe(1);

    await staff.page.goto(`${system.url}/console/orders?status=CONFIRMED`);
    await open(cancelled);
    await button(staff.page, 'Cancel the order').click();
    const dialog = staff.page.getByRole('dialog');
    await dialog.getByLabel('Reason').fill('The box was damaged.');
    await dialog.getByRole('button', { name: 'Cancel the order' }).click();
    await history.getByText('The box was damaged.').waitFor();
    await saveScreenshot(staff.page, 'console-order-cancelled');
    await eventually(
      () => stock(customer),
      (units) => units === '4',
    );
    expect([...customer.errors, ...staff.errors]).toEqual([]);
  });

  it('a session is renewed by itself; when it was ended, signing in again goes on with what was typed', async () => {
    const account = await client.account();
    const product = await client.product(account.token, { name: 'Typed slowly' });
    const path = `/products/${product.id}`;
    const { page, errors } = await browser.open(`${system.url}/console${path}`, { ownClock: true });
    await page.getByLabel('Username').fill(account.username);
    await page.getByLabel('Password').fill(account.password);
    await button(page, 'Sign in').click();
    await page.getByLabel('Name', { exact: true }).fill('Typed before');
    const isRefresh = (body: string | null) => body?.includes('mutation RefreshSession') ?? false;
    for (let renewed = 0; renewed < 2; renewed += 1) {
      const renewal = page.waitForResponse((response) => isRefresh(response.request().postData()));
      await page.clock.fastForward('15:00');
      expect((await (await renewal).json()).data.refreshSession.__typename).toBe('Session');
    }

    const { data } = await client.graphql(
      'mutation ($id: ID!) { endSessions(userId: $id, reason: "A test.") { __typename } }',
      { id: account.id },
      clerk.token,
    );
    expect(data.endSessions.__typename).toBe('User');
    const dialog = page.getByRole('dialog', { name: 'Your session has ended' });
    await page.clock.fastForward('15:00');
    await dialog.waitFor();
    await saveScreenshot(page, 'console-session-ended');
    expect(await findSeriousIssues(page)).toEqual([]);
    // The focus is in the field for the password.
    await page.keyboard.type(account.password);
    await page.keyboard.press('Enter');
    await dialog.waitFor({ state: 'detached' });
    expect(await page.getByLabel('Name', { exact: true }).inputValue()).toBe('Typed before');
    await button(page, 'Save').click();
    await page.getByText('Saved as version 2.').waitFor();
    expect((await client.rest('GET', path)).body.name).toBe('Typed before');
    // The gateway refuses the ended token with 401, and the browser logs that.
    expect(errors.filter((error) => !error.includes('401'))).toEqual([]);
  });

  it('staff disables an account, which can log in again once it is enabled, and the trail says why', async () => {
    const account = await client.account();
    const { page, errors } = await openConsole(suite, 'Demo clerk', '/accounts');
    await page.getByLabel('Name begins with').fill(account.username);
    await page.getByRole('link', { name: account.username }).click();
    const logIn = async () => {
      const reply = await client.rest('POST', '/login', {
        body: { username: account.username, password: account.password },
      });
      if (reply.status === 200) secretsUsed.add(reply.body.token).add(reply.body.refresh_token);
      return reply.status;
    };
    await page.getByLabel('Reason').fill('Seen with a stolen card.');
    await button(page, 'Disable').click();
    await page.getByText('Seen with a stolen card.').waitFor();
    expect(await logIn()).toBe(403);
    await page.getByLabel('Reason').fill('It was another one.');
    await button(page, 'Enable').click();
    await page.getByText('It was another one.').waitFor();
    expect(await logIn()).toBe(200);
    await button(page, 'Make it staff').click();
    await button(page, 'Make it a customer').waitFor();

    await page.goto(`${system.url}/console/accounts`);
    await page.getByRole('link', { name: CLERK.username, exact: true }).click();
    await heading(page, CLERK.username);
    await page.getByLabel('Reason').fill('I leave.');
    await button(page, 'Disable').click();
    await page.getByRole('alert').waitFor();
    expect(await page.getByLabel('Reason').inputValue()).toBe('I leave.');
    expect(errors).toEqual([]);
  });

  it('two editors and forty buyers race, everything adds up, and the live page shows what was settled', async () => {
    const live = await openConsole(suite, 'Demo clerk', '/flow');
    await live.page.getByText('0.0').waitFor();
    await inspect(live.page, 'flow');
    const { page, errors, foreign } = await openConsole(suite, 'Demo clerk', '/race');
    await button(page, 'Start the race').waitFor();
    expect([await shiftOf(live.page), await shiftOf(page)]).toEqual([0, 0]);
    await button(page, 'Start the race').click();
    const result = page.getByRole('region', { name: 'Result' });
    await result.waitFor();
    await result.getByText('20 saves were accepted, 20 marks are there').waitFor();
    await result.getByText('20 units = 20 sold + 0 left').waitFor();
    await result.getByText('20 confirmed + 20 sold out + 0 pending + 0 limited = 40').waitFor();
    expect(await result.getByText('✓ holds').count()).toBe(3);
    await inspect(page, 'race');
    const bars = live.page.getByRole('img', { name: 'Settled orders a second' }).locator('rect');
    const heights = () => bars.evaluateAll((all) => all.map((bar) => Number(bar.getAttribute('height'))));
    await eventually(heights, (seen) => seen.some((height) => height > 0));
    expect([...errors, ...live.errors, ...foreign, ...live.foreign]).toEqual([]);
  });

  it('the catalog is searched, sorted and paged, and a product is created and deleted', async () => {
    const { page, errors } = await openConsole(suite, 'Demo clerk', '/?sort=NAME_ASC');
    const names = () => page.locator('tbody tr td:first-child').allInnerTexts();
    await eventually(names, (shown) => shown.length === 25);
    const first = await names();
    await button(page, 'Load more').click();
    const all = await eventually(names, (shown) => shown.length > 25);
    expect(all.slice(0, 25)).toEqual(first);
    expect(new Set(all).size).toBe(all.length);
    await page.getByLabel('Search').fill('kettle');
    await eventually(names, (shown) => shown.length > 0 && shown.every((name) => /kettle/i.test(name)));
    expect(page.url()).toContain('search=kettle');

    await page.goto(`${system.url}/console/products/new`);
    await page.getByLabel('Name', { exact: true }).fill('Made by clicks');
    await page.getByLabel('Price').fill('7.50');
    await page.getByLabel('Stock').fill('3');
    await button(page, 'Create').click();
    await heading(page, 'Made by clicks');
    await page.getByRole('region', { name: 'Stock' }).getByLabel('Units').fill('2');
    await button(page, 'Add').click();
    await eventually(
      () => page.getByTestId('stock').textContent(),
      (units) => units === '5',
    );
    await button(page, 'Delete').click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await heading(page, 'Catalog');
    await eventually(names, (shown) => shown.length === 25 && !shown.includes('Made by clicks'));
    expect(errors).toEqual([]);
  });
}
