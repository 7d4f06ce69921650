// Of pages that were not built, which a gateway can do without. http/browsers.test.ts asks a gateway that has them.
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HttpError } from '@holdfast/platform/http/server';
import { createLogger } from '@holdfast/platform/observability/log';
import { expect, it, jest } from '@jest/globals';
import { openWebFiles } from './web-files.ts';

it('says at the start, and in place of each page, that the pages were not built', async () => {
  const log = createLogger('test', 'silent');
  const warn = jest.spyOn(log, 'warn');
  const files = await openWebFiles(join(tmpdir(), 'holdfast-that-is-not-there'), [], log);
  expect(warn.mock.calls).toEqual([[expect.anything(), expect.stringContaining('`npm run setup`')]]);
  expect(files.stylesheet).toBeUndefined();
  // Nothing of the request is looked at.
  expect(() => files.page('home', Object.create(null))).toThrow(HttpError);
});
