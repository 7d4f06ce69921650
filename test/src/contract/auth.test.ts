// Every protected call, tried with every kind of token that must not open it.
import { REST_ROUTES } from '@holdfast/gateway/src/rest/rest.ts';
import { isSecured } from '@holdfast/gateway/src/rest/route.ts';
import { templateOf } from '@holdfast/gateway/src/routes.ts';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { exportJWK, importJWK } from 'jose';
import { type Account, Client } from '../support/client.ts';
import { createForge, forgeries } from '../support/forgeries.ts';
import { UNKNOWN_ID } from '../support/ids.ts';
import { staffAccount } from '../support/staff.ts';
import { useSharedSystem } from '../support/use-system.ts';

const system = useSharedSystem();
let client: Client;
let account: Account;
let bad: Record<string, string | undefined>;

beforeAll(async () => {
  client = await Client.of(system.url);
  account = await client.account();
  bad = await forgeries(system, account);
});

const IF_MATCH = { 'if-match': '"1"' };
const PRODUCT = { name: 'Not to be made', description: null, price: 1, stock: 1 };
const PASSWORDS = { current_password: 'not looked at', new_password: 'a long enough password 7' };

const REST_CALLS: [method: string, path: string, body?: unknown, headers?: Record<string, string>][] = [
  ['GET', '/profile'],
  ['PUT', '/profile/password', PASSWORDS],
  ['PUT', '/profile/email', { new_email: 'x@example.com', current_password: 'x' }],
  ['POST', '/email/verify/request'],
  ['POST', '/logout/everywhere'],
  ['GET', '/users'],
  ['GET', `/users/${UNKNOWN_ID}`],
  ['PUT', `/users/${UNKNOWN_ID}/role`, { role: 'STAFF' }, IF_MATCH],
  ['POST', `/users/${UNKNOWN_ID}/disable`, { reason: 'x' }, IF_MATCH],
  ['POST', `/users/${UNKNOWN_ID}/enable`, { reason: 'x' }, IF_MATCH],
  ['POST', `/users/${UNKNOWN_ID}/end-sessions`, { reason: 'x' }],
  ['GET', '/audit-events'],
  ['POST', '/products', PRODUCT],
  ['PUT', `/products/${UNKNOWN_ID}`, PRODUCT, IF_MATCH],
  ['PATCH', `/products/${UNKNOWN_ID}`, { name: 'x' }, IF_MATCH],
  ['DELETE', `/products/${UNKNOWN_ID}`, undefined, IF_MATCH],
  ['DELETE', `/products/${UNKNOWN_ID}`],
  ['GET', '/orders'],
  ['POST', '/orders', { product_id: UNKNOWN_ID, quantity: 1 }],
  ['GET', `/orders/${UNKNOWN_ID}`],
  ['POST', `/orders/${UNKNOWN_ID}/cancel`, { reason: 'x' }, IF_MATCH],
  ['GET', '/orders?scope=all'],
  ['POST', `/orders/${UNKNOWN_ID}/advance`, { status: 'SHIPPED' }, IF_MATCH],
];

const GRAPHQL_CALLS: Record<string, string> = {
  changePassword:
    'mutation { changePassword(input: { currentPassword: "x", newPassword: "y" }) { __typename } }',
  changeEmail:
    'mutation { changeEmail(input: { newEmail: "x@example.com", currentPassword: "x" }) { __typename } }',
  requestEmailVerification: 'mutation { requestEmailVerification }',
  logoutEverywhere: 'mutation { logoutEverywhere }',
  changeRole: `mutation { changeRole(userId: "${UNKNOWN_ID}", expectedVersion: 1, role: STAFF) { __typename } }`,
  disableAccount: `mutation { disableAccount(userId: "${UNKNOWN_ID}", expectedVersion: 1, reason: "x") { __typename } }`,
  enableAccount: `mutation { enableAccount(userId: "${UNKNOWN_ID}", expectedVersion: 1, reason: "x") { __typename } }`,
  endSessions: `mutation { endSessions(userId: "${UNKNOWN_ID}", reason: "x") { __typename } }`,
  user: `query { user(id: "${UNKNOWN_ID}") { id } }`,
  users: 'query { users { edges { node { id } } } }',
  auditEvents: 'query { auditEvents { edges { node { id } } } }',
  userByName: 'query { userByName(name: "x") { id } }',
  order: `query { order(id: "${UNKNOWN_ID}") { id } }`,
  orders: 'query { orders { edges { node { id } } } }',
  createProduct: 'mutation { createProduct(input: { name: "x", price: 1, stock: 1 }) { __typename } }',
  updateProduct: `mutation { updateProduct(id: "${UNKNOWN_ID}", expectedVersion: 1, input: { name: "x" }) { __typename } }`,
  deleteProduct: `mutation { deleteProduct(id: "${UNKNOWN_ID}", expectedVersion: 1) { __typename } }`,
  adjustStock: `mutation { adjustStock(id: "${UNKNOWN_ID}", delta: 1) { __typename } }`,
  createOrder: `mutation { createOrder(input: { productId: "${UNKNOWN_ID}", quantity: 1 }) { __typename } }`,
  cancelOrder: `mutation { cancelOrder(id: "${UNKNOWN_ID}", expectedVersion: 1) { __typename } }`,
  allOrders: 'query { allOrders { edges { node { id } } } }',
  advanceOrder: `mutation { advanceOrder(id: "${UNKNOWN_ID}", expectedVersion: 1, status: SHIPPED) { __typename } }`,
};

describe('protected calls', () => {
  it('are tried one and all: every REST call that needs a token', () => {
    const tried = REST_CALLS.map(([method, path]) => {
      const [plain = ''] = path.split('?');
      return `${method} ${plain.replace(`/${UNKNOWN_ID}`, '/{id}')}`;
    });
    const secured = REST_ROUTES.filter(({ description }) => isSecured(description.schema));
    expect(new Set(tried)).toEqual(
      new Set(secured.map(({ description: { method, url } }) => `${method} ${templateOf(url)}`)),
    );
  });

  it('refuse every bad token by REST, with 401 and a challenge', async () => {
    for (const [kind, token] of Object.entries(bad)) {
      for (const [method, path, body, headers = {}] of REST_CALLS) {
        const reply = await client.rest(method, path, { token, body, headers });
        const tried = `${method} ${path} with ${kind}`;
        expect({ tried, status: reply.status, code: reply.body?.code }).toEqual({
          tried,
          status: 401,
          code: 'UNAUTHENTICATED',
        });
        const challenge = reply.headers.get('www-authenticate') ?? '';
        expect(challenge).toMatch(/^Bearer/);
        expect(challenge.includes('invalid_token')).toBe(token !== undefined);
      }
    }
  });

  it('refuse every bad token by GraphQL, with UNAUTHENTICATED', async () => {
    for (const [kind, token] of Object.entries(bad)) {
      for (const [call, query] of Object.entries(GRAPHQL_CALLS)) {
        const { data, errors } = await client.graphql(query, {}, token);
        const tried = `${call} with ${kind}`;
        expect({ tried, data: data?.[call] ?? null, code: errors[0]?.extensions.code }).toEqual({
          tried,
          data: null,
          code: 'UNAUTHENTICATED',
        });
      }
    }
  });

  it('let a good token through, so that the refusals above are for the token', async () => {
    expect(
      (await client.rest('GET', '/profile', { token: await createForge(system, account)({}) })).status,
    ).toBe(200);
    const staff = await staffAccount(system, client);
    for (const [method, path, body, headers = {}] of REST_CALLS.filter(([, path]) =>
      path.includes(UNKNOWN_ID),
    )) {
      expect((await client.rest(method, path, { token: staff.token, body, headers })).status).toBe(404);
    }
  });

  it('take a bad token for no user where anybody may look, and never for an anonymous one where it matters', async () => {
    const { data, errors } = await client.graphql(
      '{ products(first: 1) { edges { node { id } } } me { id } }',
      {},
      'garbled',
    );
    expect(data.products).not.toBeNull();
    expect(data.me).toBeNull();
    expect(errors).toEqual([
      expect.objectContaining({ path: ['me'], extensions: { code: 'UNAUTHENTICATED' } }),
    ]);
    expect(await client.graphql('{ me { id } }')).toMatchObject({ data: { me: null }, errors: [] });
  });
});

describe("another user's things", () => {
  it('look like things that do not exist', async () => {
    const stranger = await client.account();
    const product = await client.product(account.token);
    const order = await client.rest('POST', '/orders', {
      token: account.token,
      body: { product_id: product.id, quantity: 1 },
    });
    expect((await client.rest('GET', `/orders/${order.body.id}`, { token: stranger.token })).status).toBe(
      404,
    );
    const cancel = await client.rest('POST', `/orders/${order.body.id}/cancel`, {
      token: stranger.token,
      headers: { 'if-match': `"${order.body.version}"` },
    });
    expect(cancel.status).toBe(404);
    expect(
      (await client.graphql(`{ order(id: "${order.body.id}") { id } }`, {}, stranger.token)).data.order,
    ).toBeNull();
    const list = await client.rest('GET', '/orders', { token: stranger.token });
    expect(list.body).toEqual([]);
    const own = await client.rest('GET', `/orders/${order.body.id}`, { token: account.token });
    expect(own.body.status).toBe('CONFIRMED');
  });

  it('stay hidden behind `_entities` of the subgraphs, where a key is no permission', async () => {
    const stranger = await client.account();
    const product = await client.product(account.token);
    const order = await client.rest('POST', '/orders', {
      token: account.token,
      body: { product_id: product.id, quantity: 1 },
    });
    const entities = async (
      service: 'users' | 'orders',
      representation: object,
      selection: string,
      token?: string,
    ) => {
      const reply = await fetch(system.subgraphUrl(service), {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          ...(await system.serviceHeaders(service)),
          ...(token && { authorization: `Bearer ${token}` }),
        },
        body: JSON.stringify({
          query: `query($r: [_Any!]!) { _entities(representations: $r) { ${selection} } }`,
          variables: { r: [representation] },
        }),
      });
      const { data } = JSON.parse(await reply.text());
      return data?._entities?.[0] ?? null;
    };
    const orderKey = { __typename: 'Order', id: order.body.id };
    const userKey = { __typename: 'User', id: account.id };
    expect(await entities('orders', orderKey, '... on Order { status }', account.token)).toEqual({
      status: 'CONFIRMED',
    });
    expect(await entities('users', userKey, '... on User { username }', account.token)).toEqual({
      username: account.username,
    });
    for (const token of [stranger.token, undefined]) {
      expect(await entities('orders', orderKey, '... on Order { status }', token)).toBeNull();
      expect(await entities('users', userKey, '... on User { username email }', token)).toBeNull();
      const selection = '... on User { orders { edges { node { id } } } }';
      expect(await entities('orders', userKey, selection, token)).toEqual({ orders: null });
    }
  });

  it('publishes no private key', async () => {
    const published = await fetch(`${system.url}/.well-known/jwks.json`);
    const { keys } = JSON.parse(await published.text());
    expect(keys).toHaveLength(1);
    expect(Object.keys(keys[0]).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x']);
    const { d: _, ...publicKey } = await exportJWK(
      await importJWK(system.signingKey, 'EdDSA', { extractable: true }),
    );
    expect(keys[0]).toMatchObject(publicKey);
  });
});
