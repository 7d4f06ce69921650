// Mailed links over REST in the whole system, with the outbox of `npm start` in the place of a mail server.
import { beforeAll, expect, it } from '@jest/globals';
import { type Account, Client, eventually } from '../support/client.ts';
import { expectProblem } from '../support/problems.ts';
import { staffAccount } from '../support/staff.ts';
import { useSystem } from '../support/use-system.ts';

const system = useSystem({ env: { UNVERIFIED_ACCOUNTS: 'browse' } });
let client: Client;
beforeAll(async () => {
  client = await Client.of(system.url);
});

/** The newest token that was mailed to `address` for the page `/account/<page>`. */
async function mailedToken(page: string, address: string): Promise<string> {
  const outbox = new URL('/outbox', system.subgraphUrl('users'));
  const find = async (): Promise<string | undefined> => {
    const mails = (await (await fetch(outbox)).text()).split('<article>');
    const mail = mails.find((text) => text.includes(`to ${address}<`) && text.includes(`/account/${page}#`));
    return /#token=([\w-]{43})"/.exec(mail ?? '')?.[1];
  };
  return (await eventually(find, (token) => token !== undefined)) ?? '';
}

const emailOf = ({ username }: Account): string => `${username}@example.com`;

const login = async ({ username }: Account, password: string) =>
  client.rest('POST', '/login', { body: { username, password } });

it('a shop may have orders of verified accounts alone; the link verifies one, at the next refresh', async () => {
  const [account, staff] = await Promise.all([client.account(), staffAccount(system, client)]);
  const product = await client.product(staff.token);
  const order = (token: string) =>
    client.rest('POST', '/orders', { token, body: { product_id: product.id, quantity: 1 } });
  expectProblem(await order(account.token), 403, 'FORBIDDEN');

  const token = await mailedToken('verify-email', emailOf(account));
  const verified = await client.rest('POST', '/email/verify', { body: { token } });
  expect([verified.status, verified.body.email_verified]).toEqual([200, true]);
  expectProblem(await client.rest('POST', '/email/verify', { body: { token } }), 401, 'INVALID_CREDENTIALS');
  expectProblem(await order(account.token), 403, 'FORBIDDEN');
  const session = await login(account, account.password);
  // 202 when the stock takes longer to answer.
  expect([201, 202]).toContain((await order(session.body.token)).status);
  const again = await client.rest('POST', '/email/verify/request', { token: account.token });
  expect([again.status, again.body]).toEqual([202, { is_on_its_way: false }]);
});

it('a forgotten password is replaced by the link, and a changed address by its own', async () => {
  const account = await client.account();
  for (const email of [emailOf(account), 'no-account-has-this@example.com']) {
    const asked = await client.rest('POST', '/password/forgot', { body: { email } });
    expect([asked.status, asked.text]).toEqual([202, '']);
  }
  const token = await mailedToken('reset-password', emailOf(account));
  const weak = { token, new_password: 'liverpoolfc1' };
  expectProblem(await client.rest('POST', '/password/reset', { body: weak }), 400, 'INVALID_INPUT');
  const password = 'paper clip 97 zebra';
  const reset = await client.rest('POST', '/password/reset', { body: { token, new_password: password } });
  expect(reset.status).toBe(204);
  const session = await login(account, password);
  expect(session.status).toBe(200);

  const next = `next+of/${emailOf(account)}`;
  const change = await client.rest('PUT', '/profile/email', {
    token: session.body.token,
    body: { new_email: next, current_password: password },
  });
  expect([change.status, change.body]).toEqual([202, { new_email: next }]);
  const changed = await client.rest('POST', '/email/verify', {
    body: { token: await mailedToken('verify-email', next) },
  });
  expect([changed.status, changed.body.email]).toEqual([200, next]);
});

it('a login link that was never mailed opens nothing', async () => {
  const body = { token: 'A'.repeat(43) };
  expectProblem(await client.rest('POST', '/login/confirm', { body }), 401, 'INVALID_CREDENTIALS');
});
