// The script of the account pages, run without a browser, and a gateway whose pages were not built.

import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { HttpError } from '@holdfast/platform/http/server';
import { createLogger } from '@holdfast/platform/observability/log';
import { expect, it, jest } from '@jest/globals';
import { accountPages } from './account-pages.ts';
import { openWebFiles } from './web-files.ts';

const SESSION = { token: 'access', refresh_token: 'refresh', device_token: 'device' };

/** Opens a page, whose calls get that reply, and submits its form; gives the calls and what is shown. */
async function submit(path: string, reply: () => Response, fields: Record<string, string> = {}) {
  const page = String(accountPages(undefined).get(path)?.body);
  const attribute = (name: string) => new RegExp(`data-${name}="([^"]*)"`).exec(page)?.[1];
  const calls: unknown[] = [];
  const output = { textContent: '' };
  let onSubmit: (event: object) => Promise<void> = async () => undefined;
  const form = {
    dataset: { call: attribute('call'), done: attribute('done') },
    addEventListener: (_: string, listener: typeof onSubmit) => {
      onSubmit = listener;
    },
  };
  runInNewContext(/<script>(.*)<\/script>/s.exec(page)?.[1] ?? '', {
    document: { querySelector: (name: string) => (name === 'form' ? form : output) },
    location: { hash: '#token=secret', pathname: path },
    history: { replaceState: () => undefined },
    URLSearchParams,
    FormData: function FormData() {
      return Object.entries(fields);
    },
    fetch: async (call: string, { body }: { body: string }) => {
      calls.push([call, JSON.parse(body)]);
      return call === '/logout' ? new Response(null, { status: 204 }) : reply();
    },
  });
  await onSubmit({ preventDefault: () => undefined });
  return { calls, shown: output.textContent };
}

it('the page of a login link ends the session that it opens, and stores no token', async () => {
  expect(await submit('/account/confirm-login', () => Response.json(SESSION))).toEqual({
    calls: [
      ['/login/confirm', { token: 'secret' }],
      ['/logout', { refresh_token: 'refresh' }],
    ],
    shown: 'This network is known now: log in from a device on it.',
  });
});

it('the page of a new password sends it, and says what is done', async () => {
  const { calls, shown } = await submit(
    '/account/reset-password',
    () => new Response(null, { status: 204 }),
    {
      new_password: 'typed',
    },
  );
  expect(calls).toEqual([['/password/reset', { token: 'secret', new_password: 'typed' }]]);
  expect(shown).toMatch(/^The new password counts from now on/);
});

it('a page says what was wrong', async () => {
  const reply = () => Response.json({ detail: 'The link is used.' }, { status: 401 });
  expect(await submit('/account/confirm-login', reply)).toEqual({
    calls: [['/login/confirm', { token: 'secret' }]],
    shown: 'The link is used.',
  });
});

it('says at the start, and in place of each page, that the pages were not built', async () => {
  const log = createLogger('test', 'silent');
  const warn = jest.spyOn(log, 'warn');
  const files = await openWebFiles(join(tmpdir(), 'holdfast-that-is-not-there'), [], log);
  expect(warn.mock.calls).toEqual([[expect.anything(), expect.stringContaining('`npm run setup`')]]);
  expect(files.stylesheet).toBeUndefined();
  // The page reads no part of the request.
  expect(() => files.page('home', Object.create(null))).toThrow(HttpError);
});
