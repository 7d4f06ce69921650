// Mutations of several fields in several services: one that is refused as a whole has done nothing, and one that did
// something says so. In a shop that takes no order without a key, which a second click would double.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { type Account, Client } from '../support/client.ts';
import { inspect } from '../support/invariants.ts';
import { expectProblem } from '../support/problems.ts';
import { staffAccount } from '../support/staff.ts';
import { useSystem } from '../support/use-system.ts';

const system = useSystem({
  env: { IDEMPOTENCY_KEY: 'required' },
  environment: { products: { CATALOG_WRITERS: 'staff' } },
});
let client: Client;
let account: Account;
let staff: Account;
let productId: string;

beforeAll(async () => {
  client = await Client.of(system.url);
  [account, staff] = await Promise.all([client.account(), staffAccount(system, client)]);
  productId = (await client.product(staff.token, { stock: 1_000 })).id;
});

const rows = () =>
  inspect(system.adminUrl, async (admin) => {
    const counts = await admin.query(`SELECT (SELECT count(*) FROM orders.orders) AS orders,
      (SELECT count(*) FROM products.products) AS products, (SELECT sum(version) FROM users.users) AS users`);
    return counts.rows[0];
  });

const order =
  () => `createOrder(input: { productId: "${productId}", quantity: 1, idempotencyKey: "${crypto.randomUUID()}" }) {
  __typename ... on Order { id status } }`;
const REFUSED_ROLE = 'changeRole(userId: "x", expectedVersion: 1, role: STAFF) { __typename }';
const REFUSED_PRODUCT = 'createProduct(input: { name: "Lamp", price: 1, stock: 1 }) { __typename }';
const placed = { __typename: 'Order', id: expect.any(String), status: 'CONFIRMED' };

describe('a field that fails', () => {
  it.each([
    [
      'after',
      () => `mutation { a: ${order()} changeRole: ${REFUSED_ROLE} }`,
      { a: placed, changeRole: null },
    ],
    [
      'before',
      () => `mutation { changeRole: ${REFUSED_ROLE} a: ${order()} }`,
      { changeRole: null, a: placed },
    ],
  ])('%s an order leaves the order in the reply', async (_, text, expected) => {
    const { status, data, errors } = await client.graphql(text(), {}, account.token);
    expect(status).toBe(200);
    expect(data).toEqual(expected);
    expect(errors).toEqual([
      {
        message: expect.any(String),
        path: ['changeRole'],
        extensions: { code: 'FORBIDDEN' },
      },
    ]);
    const { body } = await client.rest('GET', `/orders/${data.a.id}`, { token: account.token });
    expect(body).toMatchObject({ id: Number(data.a.id), status: 'CONFIRMED' });
  });

  it('of each service leaves those of all services in the reply', async () => {
    const { data, errors } = await client.graphql(
      `mutation { ${REFUSED_ROLE} logout(refreshToken: "none") a: ${order()} ${REFUSED_PRODUCT}
        advanceOrder(id: "x", expectedVersion: 1, status: SHIPPED) { __typename } b: ${order()} }`,
      {},
      account.token,
    );
    expect(data).toEqual({
      changeRole: null,
      logout: true,
      a: placed,
      createProduct: null,
      advanceOrder: null,
      b: placed,
    });
    expect(errors.map(({ path, extensions }) => [path, extensions.code])).toEqual([
      [['changeRole'], 'FORBIDDEN'],
      [['createProduct'], 'FORBIDDEN'],
      [['advanceOrder'], 'FORBIDDEN'],
    ]);
  });

  it('because its service is down leaves what the others did in the reply', async () => {
    await system.kill('products');
    try {
      const { data, errors } = await client.graphql(
        `mutation { logout(refreshToken: "none") ${REFUSED_PRODUCT} changeRole: ${REFUSED_ROLE} }`,
        {},
        staff.token,
      );
      expect(data).toEqual({
        logout: true,
        createProduct: null,
        changeRole: { __typename: 'UserNotFound' },
      });
      expect(errors).toMatchObject([
        { path: ['createProduct'], extensions: { code: 'SERVICE_UNAVAILABLE' } },
      ]);
    } finally {
      await system.restart('products');
    }
  });
});

describe('a mutation with a value that cannot be', () => {
  const price = (text: string) =>
    `createProduct(input: { name: "Lamp", price: ${text}, stock: 1 }) { __typename }`;

  it.each([
    ['a literal', () => `mutation { ${order()} ${price('"1,99"')} }`, {}],
    ['a literal that is no finite number', () => `mutation { ${order()} ${price('1e400')} }`, {}],
    ['a literal with a variable in it', () => `mutation($n: Int) { ${order()} ${price('[$n]')} }`, { n: 1 }],
    ['a default', () => `mutation($p: Money! = "1,99") { ${order()} ${price('$p')} }`, {}],
    ['a variable', () => `mutation($p: Money!) { ${order()} ${price('$p')} }`, { p: '1,99' }],
    [
      'a member of a variable',
      () => `mutation($i: CreateProductInput!) { ${order()} createProduct(input: $i) { __typename } }`,
      { i: { name: 'Lamp', price: true, stock: 1 } },
    ],
    [
      'null in place of a default',
      () => `mutation($p: Money = 1) { ${order()} ${price('$p')} }`,
      { p: null },
    ],
    [
      'null in place of the default of another service’s field',
      () =>
        `mutation($q: Int = 1) { ${REFUSED_ROLE} createOrder(input: { productId: "x", quantity: $q, idempotencyKey: "k" }) { __typename } }`,
      { q: null },
    ],
  ])('has executed nothing: %s', async (_, text, variables: Record<string, unknown>) => {
    const before = await rows();
    const { status, data, errors } = await client.graphql(text(), variables, staff.token);
    const codes = new Set(errors.map(({ extensions }) => extensions.code));
    expect({ status, data: data ?? null, codes }).toEqual({
      status: 400,
      data: null,
      codes: new Set(['BAD_USER_INPUT']),
    });
    expect(await rows()).toEqual(before);
  });
});

describe('IDEMPOTENCY_KEY=required', () => {
  const CREATE = `mutation($input: CreateOrderInput!) { createOrder(input: $input) { __typename ... on Order { id } } }`;
  const MESSAGE = 'expected 1 to 255 printable ASCII characters, got no value';

  let buyer: Account;
  beforeAll(async () => {
    buyer = await client.account();
  });

  /** A call of one who does not send keys, as our own client does. */
  async function placeWithoutKey(): Promise<Response> {
    return fetch(`${system.url}/orders`, {
      method: 'POST',
      headers: { authorization: `Bearer ${buyer.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ product_id: productId, quantity: 1 }),
    });
  }

  const orders = async (): Promise<unknown[]> =>
    (await client.rest('GET', '/orders', { token: buyer.token })).body;

  it('POST /orders without a key is 400, names the header and orders nothing', async () => {
    const reply = await placeWithoutKey();
    const text = await reply.text();
    const { status, headers } = reply;
    expectProblem({ status, headers, text, body: JSON.parse(text) }, 400, 'INVALID_INPUT');
    expect(JSON.parse(text).errors).toEqual([{ field: 'Idempotency-Key', message: MESSAGE }]);
    expect(await orders()).toEqual([]);
  });

  it('createOrder without a key is BAD_USER_INPUT, names the argument and orders nothing', async () => {
    for (const idempotencyKey of [undefined, null]) {
      const input = { productId, quantity: 1, idempotencyKey };
      const { errors } = await client.graphql(CREATE, { input }, buyer.token);
      const error = { code: 'BAD_USER_INPUT', errors: [{ field: 'idempotencyKey', message: MESSAGE }] };
      expect(errors).toMatchObject([{ path: ['createOrder'], extensions: error }]);
    }
    expect(await orders()).toEqual([]);
  });

  it('an order with a key is placed', async () => {
    const body = { product_id: productId, quantity: 1 };
    const placed = await client.rest('POST', '/orders', { token: buyer.token, body });
    expect(placed.status).toBe(201);
    const input = { productId, quantity: 1, idempotencyKey: crypto.randomUUID() };
    const { data } = await client.graphql(CREATE, { input }, buyer.token);
    expect(data.createOrder.__typename).toBe('Order');
  });
});
