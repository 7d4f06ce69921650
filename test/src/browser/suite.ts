// What the suites of the browser share: one Chromium and one system with the demo accounts and the demo catalog.
import type { BrowserOfTest, OpenOptions, Tab } from '../support/browser.ts';
import type { Client } from '../support/client.ts';
import type { System } from '../support/system.ts';

export interface BrowserSuite {
  readonly browser: BrowserOfTest;
  readonly system: System;
  readonly client: Client;
  readonly clerk: { readonly token: string };
}

export const CLERK = { username: 'clerk', password: 'clerk-password-2026' };

/** Opens a page of the console, signed in. The tabs of a user share one session, unless `options` say otherwise. */
export async function openConsole(
  { browser, system }: BrowserSuite,
  who: 'Demo clerk' | 'Demo customer',
  path: string,
  options: OpenOptions = { profile: who },
): Promise<Tab> {
  const tab = await browser.open(`${system.url}/console${path}`, options);
  const signIn = tab.page.getByRole('button', { name: who });
  const navigation = tab.page.getByRole('navigation');
  await signIn.or(navigation).first().waitFor();
  if (await signIn.isVisible()) await signIn.click();
  await navigation.waitFor();
  return tab;
}
