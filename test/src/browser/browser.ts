// The pages of the gateway and the console, in one Chromium and on the system with the demo data.
import { describe } from '@jest/globals';
import { system } from '../clients/seeded-shop.ts';
import { useBrowser } from '../support/browser.ts';
import { useClient } from '../support/shop.ts';
import { whileTestsRun } from '../support/use-system.ts';
import { describeConsole } from './console.ts';
import { describeConsoleErrors } from './console-errors.ts';
import { describePages } from './pages.ts';
import { CLERK } from './suite.ts';

describe('in a browser', () => {
  const browser = useBrowser();
  const client = useClient(system);
  const clerk = whileTestsRun(async () => ({ token: await client.signIn(CLERK.username, CLERK.password) }));
  const suite = { browser, system, client, clerk };

  describe('the console', () => describeConsole(suite));
  describe('the console with interference', () => describeConsoleErrors(suite));
  describe('the pages of the gateway', () => describePages(suite));
});
