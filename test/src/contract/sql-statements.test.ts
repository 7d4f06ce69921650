// What requests cost in SQL statements, counted by the services themselves (`sql_statements_total`).
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Account, Client } from '../support/client.ts';
import { staffAccount } from '../support/staff.ts';
import { type System, startSystem } from '../support/system.ts';

const SERVICES = ['users', 'products', 'orders'] as const;
type Counts = Record<(typeof SERVICES)[number], number>;

let system: System;
let client: Client;
let account: Account;

async function countOf(service: (typeof SERVICES)[number]): Promise<number> {
  const text = await (await fetch(system.opsUrl(service, '/metrics'))).text();
  const value = /^sql_statements_total (\d+)$/m.exec(text)?.[1];
  if (value === undefined) throw new Error(`${service} exports no sql_statements_total`);
  return Number(value);
}

async function counts(): Promise<Counts> {
  const [users = 0, products = 0, orders = 0] = await Promise.all(SERVICES.map(countOf));
  return { users, products, orders };
}

/** The statements that `request` made, by service. */
async function costOf(request: () => Promise<unknown>): Promise<Counts> {
  const before = await counts();
  await request();
  const after = await counts();
  return {
    users: after.users - before.users,
    products: after.products - before.products,
    orders: after.orders - before.orders,
  };
}

const ordered = async (count: number): Promise<void> => {
  for (let index = 0; index < count; index += 1) {
    const product = await client.product(account.token, { name: `Thing ${index}` });
    const order = await client.rest('POST', '/orders', {
      token: account.token,
      body: { product_id: product.id, quantity: 1 },
    });
    expect(order.status).toBe(201);
  }
};

describe.each([
  // Without the cache every look-up of products is one statement, however many they are.
  { CACHE: 'off', lookUp: 1 },
  // With it none is needed: each product is put there by the write that made it.
  { CACHE: 'on', lookUp: 0 },
])('SQL statements of a request, cache $CACHE', ({ CACHE, lookUp }) => {
  beforeAll(async () => {
    system = await startSystem({ env: { CACHE } });
    client = await Client.of(system.url);
    account = await client.account();
  });
  afterAll(() => system?.stop());

  it('do not grow with the number of orders, their products and their users', async () => {
    const query = '{ me { orders(first: 20) { edges { node { product { name } user { username } } } } } }';
    const ask = async (expected: number) => {
      const { data, errors } = await client.graphql(query, {}, account.token);
      expect(errors).toEqual([]);
      expect(data.me.orders.edges).toHaveLength(expected);
      expect(data.me.orders.edges[0].node.product.name).toMatch(/^Thing/);
    };
    await ordered(2);
    const few = await costOf(() => ask(2));
    await ordered(13);
    const many = await costOf(() => ask(15));
    expect(many).toEqual(few);
    // me, and the orders' users; the orders; their products.
    expect(many).toEqual({ users: 2, products: lookUp, orders: 1 });
  });

  it('do not grow with the number of orders that staff look at', async () => {
    const staff = await staffAccount(system, client);
    const query = `query($first: Int!) { allOrders(first: $first, status: CONFIRMED) {
      edges { node { product { name } user { username } history { at } } } } }`;
    const ask = async (first: number) => {
      const { data, errors } = await client.graphql(query, { first }, staff.token);
      expect(errors).toEqual([]);
      expect(data.allOrders.edges).toHaveLength(first);
      expect(data.allOrders.edges.at(-1).node).toMatchObject({ user: { username: account.username } });
    };
    await ordered(10);
    const few = await costOf(() => ask(2));
    const many = await costOf(() => ask(10));
    expect(many).toEqual(few);
    expect(many).toEqual({ users: 1, products: lookUp, orders: 2 });
  });

  it.each([
    [
      'a product',
      (id: string) => client.rest('GET', `/products/${id}`),
      { users: 0, products: lookUp, orders: 0 },
    ],
    [
      'a page of products',
      () => client.rest('GET', '/products?limit=20'),
      { users: 0, products: 1, orders: 0 },
    ],
    ['an edit', (id: string) => patch(id), { users: 0, products: 1, orders: 0 }],
    ['an order with a key', (id: string) => order(id), { users: 0, products: 1, orders: 3 }],
    // The id, for which the cache is fenced, and the product.
    ['a new product with a key', () => create(), { users: 0, products: 2, orders: 0 }],
    [
      'a page of orders',
      () => client.rest('GET', '/orders', { token: account.token }),
      { users: 0, products: 0, orders: 1 },
    ],
  ])('are few for %s', async (_, request, expected) => {
    const product = await client.product(account.token);
    const cost = await costOf(async () => expect((await request(product.id)).status).toBeLessThan(300));
    expect(cost).toEqual(expected);
  });

  it('are saved for a page that was read before, if the cache is on', async () => {
    const read = () => client.rest('GET', '/products?limit=20&sort=oldest');
    expect(await costOf(read)).toMatchObject({ products: 1 });
    expect(await costOf(read)).toMatchObject({ products: lookUp });
    await client.product(account.token);
    expect(await costOf(read)).toMatchObject({ products: 1 });
  });

  const patch = (id: string) =>
    client.rest('PATCH', `/products/${id}`, {
      token: account.token,
      headers: { 'if-match': '"1"' },
      body: { name: 'Renamed' },
    });
  const create = () =>
    client.rest('POST', '/products', { token: account.token, body: { name: 'New', price: 1, stock: 1 } });
  const order = (id: string) =>
    client.rest('POST', '/orders', { token: account.token, body: { product_id: id, quantity: 1 } });
});
