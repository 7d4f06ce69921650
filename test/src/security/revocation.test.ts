// Access tokens that end before they expire: how soon each door of the running system refuses them, and what holds while the
// list of them is not to be had.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { type Account, Client, eventually, secretsUsed } from '../support/client.ts';
import { scrape, sumOf } from '../support/metrics.ts';
import { staffAccount } from '../support/staff.ts';
import { askSubgraph } from '../support/subgraph.ts';
import type { AnotherInstance } from '../support/system.ts';
import { useSystem } from '../support/use-system.ts';

/** What the issue of a lost account asks for, ms. */
const BOUND_MS = 5_000;
const VERIFIERS = ['gateway', 'users', 'products', 'orders'] as const;

const system = useSystem();
let client: Client;
let staff: Account;
let second: AnotherInstance;

beforeAll(async () => {
  client = await Client.of(system.url);
  staff = await staffAccount(system, client);
  second = await system.another('gateway');
}, 120_000);

const codeOf = async (reply: Response): Promise<string> => {
  const body = await reply.text();
  return reply.ok ? 'ok' : JSON.parse(body).code;
};
const viaGateway = async (url: string, path: string, token: string) =>
  codeOf(await fetch(url + path, { headers: { authorization: `Bearer ${token}` } }));

/** Asks each verifier for itself; REST routes are refused by the gateway before any subgraph is asked. */
const DOORS: Record<string, (token: string) => Promise<string>> = {
  'the gateway': (token) => viaGateway(system.url, '/profile', token),
  'a second gateway': (token) => viaGateway(second.url, '/orders', token),
  users: (token) => subgraph('users', '{ me { id } }', token),
  products: (token) =>
    subgraph('products', 'mutation { adjustStock(id: "1", delta: 1) { __typename } }', token),
  orders: (token) => subgraph('orders', '{ orders { edges { cursor } } }', token),
};
async function subgraph(name: 'users' | 'products' | 'orders', query: string, token: string) {
  const { errors } = await askSubgraph(system, name, { query, token });
  return errors[0]?.extensions.code ?? 'ok';
}
const everywhere = async (token: string): Promise<Record<string, string>> =>
  Object.fromEntries(
    await Promise.all(Object.entries(DOORS).map(async ([door, ask]) => [door, await ask(token)])),
  );
const each = (code: string) => Object.fromEntries(Object.keys(DOORS).map((door) => [door, code]));
const refused = (codes: Record<string, string>): boolean =>
  Object.values(codes).every((code) => code === 'UNAUTHENTICATED');

const graphql = async (query: string, variables: Record<string, unknown>, token: string) => {
  const { data, errors } = await client.graphql(query, variables, token);
  expect(errors).toEqual([]);
  return data;
};
const changeRole = (userId: string, expectedVersion: number, role: string) =>
  graphql(
    `mutation ($userId: ID!, $expectedVersion: Int!, $role: Role!) {
      changeRole(userId: $userId, expectedVersion: $expectedVersion, role: $role) { __typename } }`,
    { userId, expectedVersion, role },
    staff.token,
  );

const CAUSES: Record<string, (account: Account) => Promise<unknown>> = {
  'logout/everywhere': ({ token }) => client.rest('POST', '/logout/everywhere', { token }),
  'a change of the password': ({ token, password }) => {
    const next = `another ${password}`;
    secretsUsed.add(next);
    const body = { current_password: password, new_password: next };
    return client.rest('PUT', '/profile/password', { token, body });
  },
  'a demotion': ({ id }) => changeRole(id, 1, 'CUSTOMER'),
  'the end of its sessions by staff': ({ id }) =>
    client.rest('POST', `/users/${id}/end-sessions`, {
      token: staff.token,
      body: { reason: 'a lost phone' },
    }),
};

describe('access tokens', () => {
  it.each(Object.keys(CAUSES))(
    'end at every gateway and subgraph within five seconds of %s, and later ones are good',
    async (cause) => {
      const account = cause === 'a demotion' ? await staffAccount(system, client) : await client.account();
      const other = await client.account();
      expect(await everywhere(account.token)).toEqual(each('ok'));
      await CAUSES[cause]?.(account);
      const startedAt = performance.now();
      await eventually(() => everywhere(account.token), refused);
      expect(performance.now() - startedAt).toBeLessThan(BOUND_MS);
      expect(await everywhere(other.token)).toEqual(each('ok'));
      const password =
        cause === 'a change of the password' ? `another ${account.password}` : account.password;
      expect(await everywhere(await client.signIn(account.username, password))).toEqual(each('ok'));
    },
  );

  it('of a disabled account order nothing any more after five seconds, and it cannot log in', async () => {
    const account = await client.account();
    const { id: product_id } = await client.product(staff.token, { stock: 1_000 });
    const order = async () =>
      (await client.rest('POST', '/orders', { token: account.token, body: { product_id, quantity: 1 } }))
        .status;
    // On a busy machine the order is still pending: 202.
    expect([201, 202]).toContain(await order());
    const disabled = await client.rest('POST', `/users/${account.id}/disable`, {
      token: staff.token,
      headers: { 'if-match': '"1"' },
      body: { reason: 'it hoards' },
    });
    expect([disabled.status, disabled.body.state, disabled.headers.get('etag')]).toEqual([
      200,
      'DISABLED',
      '"2"',
    ]);
    const startedAt = performance.now();
    await eventually(() => everywhere(account.token), refused);
    expect(performance.now() - startedAt).toBeLessThan(BOUND_MS);
    expect(await order()).toBe(401);
    const { username, password } = account;
    const login = await client.rest('POST', '/login', { body: { username, password } });
    expect([login.status, login.body.code]).toEqual([403, 'ACCOUNT_DISABLED']);
  });

  it('have ended for a verifier that starts again, as soon as it is ready', async () => {
    const account = await client.account();
    await client.rest('POST', '/logout/everywhere', { token: account.token });
    await eventually(() => everywhere(account.token), refused);
    for (const verifier of VERIFIERS) {
      await system.kill(verifier);
      await system.restart(verifier);
      await eventually(
        () => everywhere(staff.token),
        (codes) => Object.values(codes).every((code) => code === 'ok'),
      );
      expect(await everywhere(account.token)).toEqual(each('UNAUTHENTICATED'));
    }
  }, 120_000);

  it('stay as the last list says while the users service is away, whose age is told; a verifier that has none yet cannot tell', async () => {
    const [ended, live] = [await client.account(), await client.account()];
    await client.rest('POST', '/logout/everywhere', { token: ended.token });
    await eventually(() => everywhere(ended.token), refused);
    await system.kill('users');
    const codes = async (token: string) => [
      await viaGateway(system.url, '/orders', token),
      await DOORS['orders']?.(token),
    ];
    const ageOf = async (verifier: (typeof VERIFIERS)[number]) =>
      sumOf(await scrape(system.opsUrl(verifier, '/metrics')), 'revocation_list_age_seconds');
    await eventually(
      () => ageOf('gateway'),
      (age) => age > 2,
    );
    await eventually(
      () => ageOf('orders'),
      (age) => age > 2,
    );
    expect(await codes(ended.token)).toEqual(['UNAUTHENTICATED', 'UNAUTHENTICATED']);
    expect(await codes(live.token)).toEqual(['ok', 'ok']);
    await system.kill('products');
    await system.restart('products');
    for (const { token } of [ended, live])
      expect(await DOORS['products']?.(token)).toBe('SERVICE_UNAVAILABLE');
    await system.restart('users');
    await eventually(
      async () => DOORS['products']?.(live.token),
      (code) => code === 'ok',
    );
    expect(await everywhere(ended.token)).toEqual(each('UNAUTHENTICATED'));
    await eventually(
      () => ageOf('gateway'),
      (age) => age < 2,
    );
  }, 120_000);

  it('are told apart by a list that services alone get', async () => {
    const list = new URL('/revocations', system.subgraphUrl('users'));
    expect((await fetch(list)).status).toBe(401);
    expect((await fetch(list, { headers: await system.serviceHeaders('orders') })).status).toBe(401);
    expect((await fetch(list, { headers: await system.serviceHeaders('users') })).status).toBe(200);
    expect((await fetch(`${system.url}/revocations`)).status).toBe(404);
  });
});
