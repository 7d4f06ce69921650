// The console when a request, another tab or another user interferes: a reply that is lost, typing during a save, a second session.
import { expect, it } from '@jest/globals';
import type { Page, Route } from 'playwright-core';
import type { OpenOptions } from '../support/browser.ts';
import { eventually, secretsUsed } from '../support/client.ts';
import { type BrowserSuite, CLERK, openConsole } from './suite.ts';

export function describeConsoleErrors(suite: BrowserSuite): void {
  const { client, clerk } = suite;
  /** The retries of the console's link, and the first try. */
  const TRIES = 3;

  const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });
  const nameField = (page: Page) => page.getByLabel('Name', { exact: true });

  /** A new product with 10 units, and its page with the clerk signed in. */
  async function openProduct(options?: OpenOptions): Promise<{ page: Page; path: string }> {
    const product = await client.product(clerk.token, { name: 'As it was', stock: 10 });
    const path = `/products/${product.id}`;
    const { page } = await openConsole(suite, 'Demo clerk', path, options);
    await nameField(page).waitFor();
    return { page, path };
  }

  /** Passes the requests of one operation to `handle`, and lets all others through. */
  const onOperation = (page: Page, name: string, handle: (route: Route) => Promise<void>) =>
    page.route('**/graphql', (route) =>
      route.request().postData()?.includes(`mutation ${name}`) ? handle(route) : route.fallback(),
    );

  /** A session that another tab of the browser has opened, as the console stores it. */
  async function storedSession({ username, password }: typeof CLERK): Promise<string> {
    const { body } = await client.rest('POST', '/login', { body: { username, password } });
    secretsUsed.add(body.token).add(body.refresh_token);
    return JSON.stringify({ refreshToken: body.refresh_token, refreshKey: crypto.randomUUID() });
  }

  // A tab gets no `storage` event for its own writes, so it does not notice this one.
  const store = (page: Page, session: string) =>
    page.evaluate((stored) => localStorage.setItem('holdfast.session', stored), session);

  const comeBack = (page: Page) =>
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))");

  it('units are added once when the reply was lost and the clerk presses the button again', async () => {
    const { page, path } = await openProduct();
    let lost = 0;
    await onOperation(page, 'AdjustStock', async (route) => {
      if (lost === TRIES) return route.fallback();
      lost += 1;
      await route.fetch();
      await route.abort();
    });
    const stock = async () => (await client.rest('GET', path)).body.stock;
    const add = async () => {
      const reply = page.waitForResponse(
        (response) => response.request().postData()?.includes('AdjustStock') ?? false,
      );
      await button(page, 'Add').click();
      await reply;
    };
    await page.getByRole('region', { name: 'Stock' }).getByLabel('Units').fill('2');
    await button(page, 'Add').click();
    await page.getByRole('alert').getByText('The server does not answer.').waitFor();
    expect([lost, await stock()]).toEqual([TRIES, 12]);
    await add();
    expect(await stock()).toBe(12);
    // The first addition has its outcome, so the next click is a second one.
    await page.getByRole('alert').waitFor({ state: 'detached' });
    await add();
    expect(await stock()).toBe(14);
  });

  it('what is typed during a save stays, and is saved on top of it', async () => {
    const { page, path } = await openProduct();
    const typed = Promise.withResolvers<void>();
    await onOperation(page, 'UpdateProduct', async (route) => {
      await typed.promise;
      await route.fallback();
    });
    await nameField(page).fill('Saved first');
    await button(page, 'Save').click();
    await button(page, 'Saving …').waitFor();
    await page.getByLabel('Description').fill('Typed during the save.');
    typed.resolve();
    await page.getByText('Based on version 2').waitFor();
    expect(await page.getByLabel('Description').inputValue()).toBe('Typed during the save.');
    await button(page, 'Save').click();
    await page.getByText('Saved as version 3.').waitFor();
    expect((await client.rest('GET', path)).body).toMatchObject({
      name: 'Saved first',
      description: 'Typed during the save.',
    });
  });

  /** Tabs of this profile share no session with those of other tests, so a test may change the stored session. The last test leaves another user's. */
  const ALONE = { profile: 'Demo clerk, alone' };

  it('a refused session does not end a session that another tab has opened in the meantime', async () => {
    const { page } = await openProduct(ALONE);
    await nameField(page).fill('Typed before');
    const opened = await storedSession(CLERK);
    let refused = 0;
    await onOperation(page, 'RefreshSession', async (route) => {
      if (refused > 0) return route.fallback();
      await store(page, opened);
      refused += 1;
      const problem = {
        __typename: 'InvalidCredentials',
        code: 'INVALID_CREDENTIALS',
        message: 'It has ended.',
      };
      await route.fulfill({ json: { data: { refreshSession: problem } } });
    });
    await comeBack(page);
    await eventually(
      () => page.evaluate<string | null>("localStorage.getItem('holdfast.session')"),
      (stored) => refused === 1 && stored !== opened,
    );
    // The session of the other tab was renewed, and not ended.
    expect(await page.evaluate("localStorage.getItem('holdfast.session')")).not.toBeNull();
    expect(await page.getByRole('dialog').count()).toBe(0);
    expect(await nameField(page).inputValue()).toBe('Typed before');
  });

  it('a page that comes back after another user has signed in shows no data of the former user', async () => {
    const { page } = await openProduct(ALONE);
    await nameField(page).fill('Typed by the former user');
    const other = await client.account();
    await store(page, await storedSession(other));
    await comeBack(page);
    await page.getByRole('banner').getByText(other.username).waitFor();
    await eventually(
      () => nameField(page).inputValue(),
      (name) => name === 'As it was',
    );
  });

  it('a user who opens another page before a search starts is not taken back', async () => {
    const { page } = await openProduct();
    const waited = Promise.withResolvers<void>();
    await page.route('**/race-*.js', async (route) => {
      await waited.promise;
      await route.fallback();
    });
    // The second time the script of that page is loaded already.
    for (let time = 0; time < 2; time += 1) {
      await page.getByRole('link', { name: 'Catalog', exact: true }).click();
      await page.getByLabel('Search').waitFor();
      await page.evaluate(`{
      const search = document.querySelector('input[type=search]');
      Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(search, 'kettle');
      search.dispatchEvent(new Event('input', { bubbles: true }));
      document.querySelector('a[href="/console/race"]').click();
    }`);
      // A timer that is set now comes after that of the search.
      await page.evaluate('new Promise((resolve) => setTimeout(resolve, 300))');
      waited.resolve();
      await button(page, 'Start the race').waitFor();
      expect(new URL(page.url()).pathname).toBe('/console/race');
    }
  });
}
