// The pages that links in mails lead to. A page acts when the user clicks, and not when the link is opened, because mail
// scanners open links too. The token is in the fragment of the URL, which browsers do not send to servers.
import type { Reply } from '@holdfast/platform/http/server';
import { escapeHtml, htmlPage } from './html.ts';

interface AccountPage {
  readonly path: string;
  readonly title: string;
  /** The REST call that receives the token. */
  readonly call: string;
  readonly button: string;
  readonly done: string;
  readonly asksForPassword?: true;
}

const PAGES: readonly AccountPage[] = [
  {
    path: '/account/verify-email',
    title: 'Your e-mail address',
    call: '/email/verify',
    button: 'Verify the address',
    done: 'The address is verified.',
  },
  {
    path: '/account/reset-password',
    title: 'A new password',
    call: '/password/reset',
    button: 'Set the password',
    done: 'The new password counts from now on. All sessions are ended: log in with it.',
    asksForPassword: true,
  },
  {
    path: '/account/confirm-login',
    title: 'Your login',
    call: '/login/confirm',
    button: 'Yes, it was me',
    done: 'This network is known now: log in from a device on it.',
  },
];

const SCRIPT = `
const form = document.querySelector('form');
const say = document.querySelector('output');
const token = new URLSearchParams(location.hash.slice(1)).get('token') ?? '';
const post = (call, body) =>
  fetch(call, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
// The page stores no tokens, so it ends the new session at once; if that fails, the session expires.
const end = ({ refresh_token }) => refresh_token && post('/logout', { refresh_token }).catch(() => undefined);
const send = async (body) => {
  const reply = await post(form.dataset.call, body);
  if (reply.status === 200) await end(await reply.json());
  if (reply.ok) return undefined;
  const { detail, errors = [] } = await reply.json();
  return [detail, ...errors.map(({ message }) => message)].join(' ');
};
form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const error = await send({ token, ...Object.fromEntries(new FormData(form)) }).catch(() => 'The shop does not answer.');
  say.textContent = error ?? form.dataset.done;
  if (error !== undefined) return;
  form.hidden = true;
  history.replaceState(null, '', location.pathname);
});
`;

const PASSWORD =
  '<label>New password, 12 characters at least <input name="new_password" type="password" autocomplete="new-password" minlength="12" required></label> ';

const bodyOf = ({ call, button, done, asksForPassword }: AccountPage): string =>
  `<form data-call="${call}" data-done="${escapeHtml(done)}">${asksForPassword ? PASSWORD : ''}<button>${escapeHtml(button)}</button></form>
<p><output></output></p><noscript>This page needs JavaScript.</noscript>`;

/** By path. @param stylesheet see htmlPage */
export const accountPages = (stylesheet: string | undefined): ReadonlyMap<string, Reply> =>
  new Map(
    PAGES.map((page) => [
      page.path,
      htmlPage({ title: page.title, body: bodyOf(page), script: SCRIPT }, stylesheet),
    ]),
  );
