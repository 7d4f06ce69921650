// Members that are not the client's to set: refused by name, or left alone where a whole representation comes back.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { type Account, Client, uniqueName } from '../support/client.ts';
import { UNKNOWN_ID } from '../support/ids.ts';
import { inspect } from '../support/invariants.ts';
import { expectProblem, fieldsOf } from '../support/problems.ts';
import { useSharedSystem } from '../support/use-system.ts';

const system = useSharedSystem();
let client: Client;
let account: Account;

beforeAll(async () => {
  client = await Client.of(system.url);
  account = await client.account();
}, 60_000);

const rowsOf = (sql: string, ...values: unknown[]) =>
  inspect(system.adminUrl, async (database) => (await database.query(sql, values)).rows);

/** Of the products that this suite asks for, and of no others. */
const NAME = uniqueName('mass');
/** What the requests of this suite could have made. */
const counts = () =>
  rowsOf(
    `SELECT (SELECT count(*)::int FROM users.users WHERE username LIKE $1 || '%') AS users,
            (SELECT count(*)::int FROM products.products WHERE name = $1) AS products,
            (SELECT count(*)::int FROM orders.orders WHERE user_id = $2) AS orders`,
    NAME,
    account.id,
  );

const newAccount = () => {
  const username = `${NAME}-${uniqueName('u').slice(0, 8)}`;
  return { username, email: `${username}@example.com`, password: `correct horse ${crypto.randomUUID()}` };
};

const OF_A_USER = {
  id: UNKNOWN_ID,
  role: 'STAFF',
  version: 99,
  created_at: '2000-01-01T00:00:00Z',
  password_hash: '$argon2id$',
  passwordHash: '$argon2id$',
  isCaller: true,
};
const OF_A_PRODUCT = {
  archived_at: null,
  archivedAt: null,
  content_version: 99,
  user_id: UNKNOWN_ID,
  owner: UNKNOWN_ID,
};
const READ_ONLY_OF_A_PRODUCT = { id: UNKNOWN_ID, version: 99, created_at: '2000-01-01T00:00:00Z' };
const OF_AN_ORDER = {
  id: UNKNOWN_ID,
  user_id: UNKNOWN_ID,
  userId: UNKNOWN_ID,
  status: 'DELIVERED',
  version: 99,
  unit_price: 0.01,
  total_price: 0.01,
  idempotency_key: 'mine',
  rejection_code: null,
};

describe('a REST body', () => {
  it.each<[string, string, () => object, object]>([
    ['POST', '/register', newAccount, OF_A_USER],
    ['POST', '/login', () => ({ username: account.username, password: account.password }), OF_A_USER],
    [
      'POST',
      '/products',
      () => ({ name: NAME, description: null, price: 1, stock: 1 }),
      { ...OF_A_PRODUCT, ...READ_ONLY_OF_A_PRODUCT },
    ],
    ['POST', '/orders', () => ({ product_id: UNKNOWN_ID, quantity: 1 }), OF_AN_ORDER],
  ])(
    '%s %s is refused, each member that does not belong there by its name',
    async (method, path, good, more) => {
      const before = await counts();
      const reply = await client.rest(method, path, { token: account.token, body: { ...good(), ...more } });
      expectProblem(reply, 400, 'INVALID_INPUT');
      expect(fieldsOf(reply.body)).toEqual(Object.keys(more).sort());
      for (const [member, value] of Object.entries(more)) {
        const alone = await client.rest(method, path, {
          token: account.token,
          body: { ...good(), [member]: value },
        });
        expectProblem(alone, 400, 'INVALID_INPUT');
        expect(fieldsOf(alone.body)).toEqual([member]);
      }
      expect(await counts()).toEqual(before);
    },
  );

  it('of a PUT or PATCH changes nothing but what may be changed', async () => {
    const { id } = await client.product(account.token);
    const look = () =>
      rowsOf(
        'SELECT id, version, created_at, archived_at, content_version FROM products.products WHERE id = $1',
        id,
      );
    const before = await look();
    for (const [member, value] of Object.entries(OF_A_PRODUCT)) {
      for (const [method, body] of [
        ['PUT', { name: 'A', description: null, price: 1, stock: 1, [member]: value }],
        ['PATCH', { name: 'A', [member]: value }],
      ] as const) {
        const reply = await client.rest(method, `/products/${id}`, {
          token: account.token,
          body,
          headers: { 'if-match': '"1"' },
        });
        expectProblem(reply, 400, 'INVALID_INPUT');
        expect(fieldsOf(reply.body)).toEqual([member]);
      }
    }
    expect(await look()).toEqual(before);
    const whole = { name: 'B', description: null, price: 2, stock: 3, ...READ_ONLY_OF_A_PRODUCT, version: 1 };
    expect(
      (
        await client.rest('PUT', `/products/${id}`, {
          token: account.token,
          body: whole,
          headers: { 'if-match': '"1"' },
        })
      ).status,
    ).toBe(200);
    expect(await look()).toEqual([{ ...before[0], version: 2, content_version: 2 }]);
  });
});

describe('a GraphQL input', () => {
  const INPUTS: [field: string, type: string, good: () => object, more: object][] = [
    ['register', 'RegisterInput', newAccount, OF_A_USER],
    ['login', 'LoginInput', () => ({ username: 'x', password: 'y' }), OF_A_USER],
    [
      'createProduct',
      'CreateProductInput',
      () => ({ name: NAME, price: '1', stock: 1 }),
      { ...OF_A_PRODUCT, ...READ_ONLY_OF_A_PRODUCT },
    ],
    ['createOrder', 'CreateOrderInput', () => ({ productId: UNKNOWN_ID, quantity: 1 }), OF_AN_ORDER],
  ];
  const literal = (input: object) =>
    `{ ${Object.entries(input)
      .map(([name, value]) => `${name}: ${JSON.stringify(value)}`)
      .join(' ')} }`;

  it.each(INPUTS)('of %s is refused, in a variable and in the text', async (field, type, good, more) => {
    const before = await counts();
    for (const [member, value] of Object.entries(more)) {
      const input = { ...good(), [member]: value };
      const replies = [
        await client.graphql(
          `mutation($input: ${type}!) { ${field}(input: $input) { __typename } }`,
          { input },
          account.token,
        ),
        await client.graphql(
          `mutation { ${field}(input: ${literal(input)}) { __typename } }`,
          {},
          account.token,
        ),
      ];
      for (const { data, errors } of replies) {
        expect({ member, data: data ?? null, code: errors[0]?.extensions.code }).toEqual({
          member,
          data: null,
          code: 'BAD_USER_INPUT',
        });
        expect(errors[0]?.message).toContain(`"${member}"`);
      }
    }
    expect(await counts()).toEqual(before);
  });

  it('has no argument beside it for what is not the caller’s', async () => {
    for (const argument of ['userId', 'unitPrice', 'role', 'as']) {
      const { errors } = await client.graphql(
        `mutation { createOrder(input: { productId: "${UNKNOWN_ID}", quantity: 1 }, ${argument}: "x") { __typename } }`,
        {},
        account.token,
      );
      expect(errors[0]?.extensions.code).toBe('BAD_USER_INPUT');
    }
  });

  it('leaves everybody a customer', async () => {
    expect(await rowsOf('SELECT DISTINCT role::text, version FROM users.users')).toEqual([
      { role: 'CUSTOMER', version: 1 },
    ]);
  });
});
