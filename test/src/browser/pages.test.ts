// Each page of the gateway in a browser.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DESKTOP, keepScreenshot, PHONE, seriousFindings, useBrowser } from '../support/browser.ts';
import { type System, startSystem } from '../support/system.ts';

const browser = useBrowser();
let system: System;
beforeAll(async () => {
  system = await startSystem({ seeded: true });
});
afterAll(() => system.stop());

describe.each([
  ['desktop', DESKTOP],
  ['phone', PHONE],
])('on a %s', (device, options) => {
  it.each(['/'])(
    '%s loads without an error, asks no other host, and axe finds nothing serious',
    async (path) => {
      const { page, errors, foreign } = await browser.open(system.url + path, options);
      expect(await seriousFindings(page)).toEqual([]);
      await keepScreenshot(page, `${path.replaceAll('/', '') || 'home'}-${device}`);
      expect(errors).toEqual([]);
      expect(foreign).toEqual([]);
    },
  );
});
