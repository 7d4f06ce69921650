// Access: every protected call with bad tokens, forged tokens at the gateway and at each subgraph, and data of another user, which
// must look exactly like data that does not exist.

import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { exportJWK, importJWK } from 'jose';
import type { Reply } from '../support/client.ts';
import { createForge, forgeries } from '../support/forgeries.ts';
import { UNKNOWN_ID } from '../support/ids.ts';
import { inspect } from '../support/invariants.ts';
import { head, sendRaw, statusesIn } from '../support/raw-http.ts';
import type { Subgraph } from '../support/running-system.ts';
import { useAccount, useShop } from '../support/shop.ts';
import { createStaff } from '../support/staff.ts';
import { askEntity, askSubgraph } from '../support/subgraph.ts';
import { useVitalSigns } from '../support/vital-signs.ts';

const { system, client, account } = useShop();
useVitalSigns(system);

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
  it('are all tried: every call of REST that needs a token', async () => {
    const tried = REST_CALLS.map(([method, path]) => {
      const [plain = ''] = path.split('?');
      return `${method} ${plain.replace(`/${UNKNOWN_ID}`, '/{id}')}`;
    });
    const { paths }: { paths: Record<string, Record<string, { security: object[] }>> } = JSON.parse(
      await (await fetch(`${system.url}/openapi.json`)).text(),
    );
    const secured = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods)
        .filter(([, { security }]) => security.length > 0)
        .map(([method]) => `${method.toUpperCase()} ${path}`),
    );
    expect(new Set(tried)).toEqual(new Set(secured));
  });

  /** One token for each way to fail: absent, unreadable, wrongly signed, expired. Another test tries every kind at fewer calls. */
  async function someForgeries(): Promise<[kind: string, token: string | undefined][]> {
    const kinds = ['no token', 'a garbled token', 'a token signed with another key', 'an expired token'];
    const all = await forgeries(system, account);
    return kinds.map((kind) => {
      expect(Object.keys(all)).toContain(kind);
      return [kind, all[kind]];
    });
  }

  it('refuse a bad token by REST, with 401 and a challenge', async () => {
    for (const [kind, token] of await someForgeries()) {
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

  it('refuse a bad token by GraphQL, with UNAUTHENTICATED', async () => {
    for (const [kind, token] of await someForgeries()) {
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

  it('accept a good token, so the calls above were refused because of the token', async () => {
    expect(
      (await client.rest('GET', '/profile', { token: await createForge(system, account)({}) })).status,
    ).toBe(200);
    const staff = await createStaff(system, client);
    for (const [method, path, body, headers = {}] of REST_CALLS.filter(([, path]) =>
      path.includes(UNKNOWN_ID),
    )) {
      expect((await client.rest(method, path, { token: staff.token, body, headers })).status).toBe(404);
    }
  });

  it('answer public fields for a caller with a bad token, and refuse the protected fields', async () => {
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

describe('the published keys', () => {
  it('have no private part', async () => {
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

let attacker: Server;
let attackerUrl: string;
const asked: string[] = [];

beforeAll(async () => {
  attacker = createServer(({ url }, response) => {
    asked.push(url ?? '');
    response.end('{"keys":[]}');
  });
  await new Promise<void>((resolve) => attacker.listen(0, '127.0.0.1', resolve));
  const address = attacker.address();
  attackerUrl = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
}, 60_000);
afterAll(() => void attacker.close());

const PROTECTED: Record<Subgraph, string> = {
  users: '{ me { id } }',
  products: `mutation { adjustStock(id: "${UNKNOWN_ID}", delta: 1) { __typename } }`,
  orders: '{ orders { edges { node { id } } } }',
};

describe('a forged access token', () => {
  it('is refused by each subgraph, even when a service presents it, and no service calls an address in it', async () => {
    const tokens = await forgeries(system, account, attackerUrl);
    for (const service of ['users', 'products', 'orders'] as const) {
      const good = await askSubgraph(system, service, { query: PROTECTED[service], token: account.token });
      expect(good.errors).toEqual([]);
      for (const [kind, token] of Object.entries(tokens)) {
        if (token === undefined) continue;
        const { errors } = await askSubgraph(system, service, { query: PROTECTED[service], token });
        const codes = errors.map(({ extensions }) => extensions.code);
        expect({ service, kind, codes }).toEqual({ service, kind, codes: ['UNAUTHENTICATED'] });
      }
    }
    for (const token of Object.values(tokens)) {
      expect((await client.rest('GET', '/profile', { token })).status).toBe(401);
      const { data, errors } = await client.graphql('{ orders { edges { cursor } } }', {}, token);
      expect([data.orders, errors[0]?.extensions.code]).toEqual([null, 'UNAUTHENTICATED']);
    }
    expect(asked).toEqual([]);
  });
});

describe('the Authorization header', () => {
  const profile = (...lines: string[]) =>
    sendRaw(system.url, [head('GET', '/profile', ...lines, 'Connection: close')]);

  it('is refused when it comes twice, even when one or both are valid', async () => {
    const good = `Authorization: Bearer ${account.token}`;
    expect(statusesIn(await profile(good))).toEqual([200]);
    expect(statusesIn(await profile(good, 'Authorization: Bearer garbled'))).toEqual([400]);
    expect(statusesIn(await profile('Authorization: Bearer garbled', good))).toEqual([400]);
    expect(statusesIn(await profile(good, good))).toEqual([400]);
  });

  it('of any length never causes a 5xx error, by REST and by GraphQL', async () => {
    const query = JSON.stringify({
      query: '{ products(first: 1) { edges { cursor } } orders { edges { cursor } } }',
    });
    const lengths = [1_000, 14_335, 14_336, 14_337, 15_000, 100_000];
    // Around the length at which the header no longer fits into the limit of a subgraph together with the fields of the gateway.
    for (let length = 15_600; length <= 16_500; length += 50) lengths.push(length);
    const seen = new Set<string>();
    for (const length of lengths) {
      const authorization = `Authorization: Bearer ${'A'.repeat(length - 'Bearer '.length)}`;
      const expected = length <= 14_336 ? [401, 200] : [431, 431];
      const asked = head(
        'POST',
        '/graphql',
        'Content-Type: application/json',
        authorization,
        `Content-Length: ${query.length}`,
        'Connection: close',
      );
      const reply = await sendRaw(system.url, [asked + query]);
      expect([length, ...statusesIn(await profile(authorization)), ...statusesIn(reply)]).toEqual([
        length,
        ...expected,
      ]);
      for (const [, code] of reply.matchAll(/"code":"(\w+)"/g)) seen.add(code ?? '');
    }
    expect([...seen].sort()).toEqual(['BAD_USER_INPUT', 'HEADERS_TOO_LARGE', 'UNAUTHENTICATED']);
  }, 60_000);

  it.each(['Basic', 'Token', 'JWT', ''])('is refused with the scheme "%s"', async (scheme) => {
    expect(statusesIn(await profile(`Authorization: ${scheme} ${account.token}`))).toEqual([401]);
  });
});

describe('the order of another user', () => {
  const owner = useAccount(client);
  const stranger = useAccount(client);
  let product: { id: string };
  let order: { id: string; version: number };

  beforeAll(async () => {
    product = await client.product(owner.token);
    const placed = await client.rest('POST', '/orders', {
      token: owner.token,
      body: { product_id: product.id, quantity: 1 },
      headers: { 'idempotency-key': 'the-owner-s-key' },
    });
    expect(placed.status).toBe(201);
    order = placed.body;
  }, 60_000);

  /** A reply without the parts that differ between any two replies: the ids of request and order. */
  const shape = ({ status, text, headers }: Reply, id: string) => ({
    status,
    text: text
      .replaceAll(headers.get('x-request-id') ?? '', 'REQUEST')
      .replaceAll(new RegExp(`\\b${id}\\b`, 'g'), 'ID'),
    names: [...headers.keys()].sort(),
  });

  describe('by REST', () => {
    const same = async (
      method: string,
      path: (id: string) => string,
      headers: Record<string, string> = {},
    ) => {
      const call = async (id: string) =>
        shape(await client.rest(method, path(id), { token: stranger.token, headers }), id);
      const theirs = await call(order.id);
      expect(theirs.status).toBe(404);
      expect(theirs).toEqual(await call(UNKNOWN_ID));
    };

    it('cannot be read, and a conditional request does not reveal it either', async () => {
      const path = (id: string) => `/orders/${id}`;
      await same('GET', path);
      for (const tag of [`"${order.version}"`, '"999"', '*', 'W/"1"']) {
        await same('GET', path, { 'if-none-match': tag });
      }
    });

    it('cannot be cancelled, and trying versions does not reveal its version', async () => {
      const path = (id: string) => `/orders/${id}/cancel`;
      for (const tag of [`"${order.version}"`, '"1"', '"999"', '"1", "2", "3"', '*']) {
        await same('POST', path, { 'if-match': tag });
      }
    });

    it('is in no list of another user', async () => {
      const list = await client.rest('GET', '/orders?limit=100', { token: stranger.token });
      expect(list.body).toEqual([]);
    });

    it('gives a cursor that is useless to another user', async () => {
      await client.rest('POST', '/orders', {
        token: owner.token,
        body: { product_id: product.id, quantity: 1 },
      });
      const page = await client.rest('GET', '/orders?limit=1', { token: owner.token });
      const cursor = /cursor=([^&>]+)/.exec(page.headers.get('link') ?? '')?.[1];
      expect(cursor).toBeDefined();
      const theirs = await client.rest('GET', `/orders?cursor=${cursor}`, { token: stranger.token });
      expect(theirs.body).toEqual([]);
    });

    it('is not revealed by its idempotency key: the same key of another user is a new key', async () => {
      for (const quantity of [1, 2]) {
        const placed = await client.rest('POST', '/orders', {
          token: (await client.account()).token,
          body: { product_id: product.id, quantity },
          headers: { 'idempotency-key': 'the-owner-s-key' },
        });
        expect(placed.status).toBe(201);
        expect(placed.body.id).not.toBe(order.id);
      }
    });
  });

  describe('by GraphQL', () => {
    const CANCEL = `mutation($id: ID!, $v: Int!) { cancelOrder(id: $id, expectedVersion: $v) {
    __typename ... on Order { id } ... on Problem { code message }
    ... on OrderVersionConflict { currentVersion current { id } } } }`;

    it('is null as a root field, and no other field finds an object by its id', async () => {
      const read = (id: string) =>
        client.graphql('query($id: ID!) { order(id: $id) { id } }', { id }, stranger.token);
      expect(await read(order.id)).toEqual({ data: { order: null }, errors: [], status: 200 });
      expect(await read(order.id)).toEqual(await read(UNKNOWN_ID));
      const node = await client.graphql(
        'query($id: ID!) { node(id: $id) { id } }',
        { id: order.id },
        owner.token,
      );
      expect(node.errors[0]?.extensions.code).toBe('BAD_USER_INPUT');
    });

    it('cannot be cancelled at any version', async () => {
      for (const v of [order.version, 1, 999]) {
        const cancel = async (id: string) => {
          const { data, errors } = await client.graphql(CANCEL, { id, v }, stranger.token);
          return { errors, ...data.cancelOrder, message: data.cancelOrder.message.replace(id, 'ID') };
        };
        const theirs = await cancel(order.id);
        expect(theirs.code).toBe('ORDER_NOT_FOUND');
        expect(theirs).toEqual(await cancel(UNKNOWN_ID));
      }
    });
  });

  describe('behind the gateway', () => {
    it('is hidden as an entity and through its owner from a caller with a service token and another user’s access token', async () => {
      const orderOf = (id: string, token?: string) =>
        askEntity(system, 'orders', { __typename: 'Order', id }, 'status unitPrice user { id }', token);
      expect((await orderOf(order.id, owner.token)).entity).toMatchObject({ status: 'CONFIRMED' });
      expect(await orderOf(order.id, stranger.token)).toEqual({ entity: null, codes: [] });
      expect(await orderOf(UNKNOWN_ID, stranger.token)).toEqual({ entity: null, codes: [] });
      expect(await orderOf(order.id)).toEqual({ entity: null, codes: ['UNAUTHENTICATED'] });
      expect(await orderOf(UNKNOWN_ID)).toEqual({ entity: null, codes: ['UNAUTHENTICATED'] });

      const ordersOf = (id: string, token?: string) =>
        askEntity(system, 'orders', { __typename: 'User', id }, 'orders { edges { node { id } } }', token);
      expect((await ordersOf(owner.id, owner.token)).codes).toEqual([]);
      expect(await ordersOf(owner.id, stranger.token)).toEqual(await ordersOf(UNKNOWN_ID, stranger.token));
      expect(await ordersOf(owner.id, stranger.token)).toEqual({
        entity: { orders: null },
        codes: ['FORBIDDEN'],
      });
      expect((await ordersOf(owner.id)).codes).toEqual(['UNAUTHENTICATED']);
    });

    it('hides the other user too', async () => {
      const userOf = (id: string, token?: string) =>
        askEntity(system, 'users', { __typename: 'User', id }, 'username email role', token);
      expect((await userOf(owner.id, owner.token)).entity).toMatchObject({ username: owner.username });
      for (const token of [stranger.token, undefined])
        expect(await userOf(owner.id, token)).toEqual(await userOf(UNKNOWN_ID, token));
    });
  });

  describe('after all of this', () => {
    it('the order is what it was', async () => {
      const rows = await inspect(system.adminUrl, async (database) => {
        const found = await database.query(
          'SELECT status, version, user_id FROM orders.orders WHERE id = $1',
          [order.id],
        );
        return found.rows;
      });
      expect(rows).toEqual([{ status: 'CONFIRMED', version: order.version, user_id: Number(owner.id) }]);
    });
  });
});
