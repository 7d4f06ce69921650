// What the suites of the browser share: one Chromium and one system with the demo accounts and the demo catalog.
import type { BrowserOfTest } from '../support/browser.ts';
import type { Client } from '../support/client.ts';
import type { System } from '../support/system.ts';

export interface BrowserSuite {
  readonly browser: BrowserOfTest;
  readonly system: System;
  readonly client: Client;
}
