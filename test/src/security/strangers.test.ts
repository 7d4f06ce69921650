// Another user's order, by every path that leads to one: it looks exactly like an order that does not exist.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { type Account, Client, type Reply } from '../support/client.ts';
import { UNKNOWN_ID } from '../support/ids.ts';
import { inspect } from '../support/invariants.ts';
import { askEntity } from '../support/subgraph.ts';
import { useSharedSystem } from '../support/use-system.ts';

const system = useSharedSystem();
let client: Client;
let owner: Account;
let stranger: Account;
let product: { id: string };
let order: { id: string; version: number };

beforeAll(async () => {
  client = await Client.of(system.url);
  owner = await client.account();
  stranger = await client.account();
  product = await client.product(owner.token);
  const placed = await client.rest('POST', '/orders', {
    token: owner.token,
    body: { product_id: product.id, quantity: 1 },
    headers: { 'idempotency-key': 'the-owner-s-key' },
  });
  expect(placed.status).toBe(201);
  order = placed.body;
}, 60_000);

/** A reply without what differs between any two: the ids of request and order, and the time. */
const shape = ({ status, text, headers }: Reply, id: string) => ({
  status,
  text: text
    .replaceAll(headers.get('x-request-id') ?? '', 'REQUEST')
    .replaceAll(new RegExp(`\\b${id}\\b`, 'g'), 'ID'),
  names: [...headers.keys()].sort(),
});

describe('by REST', () => {
  const same = async (method: string, path: (id: string) => string, headers: Record<string, string> = {}) => {
    const call = async (id: string) =>
      shape(await client.rest(method, path(id), { token: stranger.token, headers }), id);
    const theirs = await call(order.id);
    expect(theirs.status).toBe(404);
    expect(theirs).toEqual(await call(UNKNOWN_ID));
  };

  it('cannot be read, also not by what a condition on it would tell', async () => {
    const path = (id: string) => `/orders/${id}`;
    await same('GET', path);
    for (const tag of [`"${order.version}"`, '"999"', '*', 'W/"1"']) {
      await same('GET', path, { 'if-none-match': tag });
    }
  });

  it('cannot be cancelled, nor its version be found out by trying', async () => {
    const path = (id: string) => `/orders/${id}/cancel`;
    for (const tag of [`"${order.version}"`, '"1"', '"999"', '"1", "2", "3"', '*']) {
      await same('POST', path, { 'if-match': tag });
    }
  });

  it('stands in no list of another', async () => {
    const list = await client.rest('GET', '/orders?limit=100', { token: stranger.token });
    expect(list.body).toEqual([]);
  });

  it('has a page that nobody else can go on from', async () => {
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

  it('is not given away by its idempotency key: the key of another user is a new one', async () => {
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

  it('is null as a root field, and there is no field that finds anything by its id alone', async () => {
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
  it('is not to be had as an entity, nor through its owner, with a service token and another’s access token', async () => {
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

  it('leaves the other user unknown as well', async () => {
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
      const found = await database.query('SELECT status, version, user_id FROM orders.orders WHERE id = $1', [
        order.id,
      ]);
      return found.rows;
    });
    expect(rows).toEqual([{ status: 'CONFIRMED', version: order.version, user_id: Number(owner.id) }]);
  });
});
