// What the script of the pages does, in place of a browser.
import { runInNewContext } from 'node:vm';
import { expect, it } from '@jest/globals';
import { accountPages } from './account-pages.ts';

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

it('the page of a login link ends the session that it opens, of which it keeps nothing', async () => {
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
