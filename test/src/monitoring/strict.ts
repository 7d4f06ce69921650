// Mutations with several fields, mailed links, and roles, in a shop with strict settings.
import { afterAll, describe, expect, it } from '@jest/globals';
import { type Account, eventually, secretsUsed } from '../support/client.ts';
import { UNKNOWN_ID } from '../support/ids.ts';
import { inspect } from '../support/invariants.ts';
import { expectProblem } from '../support/problems.ts';
import { account, client, product, staff, system } from './watched-shop.ts';

describe('mutations of several fields in several services', () => {
  const rows = () =>
    inspect(system.adminUrl, async (admin) => {
      const counts = await admin.query(`SELECT (SELECT count(*) FROM orders.orders) AS orders,
      (SELECT count(*) FROM products.products) AS products, (SELECT sum(version) FROM users.users) AS users`);
      return counts.rows[0];
    });

  const order =
    () => `createOrder(input: { productId: "${product.id}", quantity: 1, idempotencyKey: "${crypto.randomUUID()}" }) {
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
  });

  describe('a mutation with an invalid value', () => {
    const price = (text: string) =>
      `createProduct(input: { name: "Lamp", price: ${text}, stock: 1 }) { __typename }`;

    it.each([
      ['a literal', () => `mutation { ${order()} ${price('"1,99"')} }`, {}],
      ['a literal that is no finite number', () => `mutation { ${order()} ${price('1e400')} }`, {}],
      [
        'a literal with a variable in it',
        () => `mutation($n: Int) { ${order()} ${price('[$n]')} }`,
        { n: 1 },
      ],
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
    ])('is not executed at all: %s', async (_, text, variables: Record<string, unknown>) => {
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

    /** Places an order without a key. The client of the tests always sends one. */
    async function placeWithoutKey(): Promise<Response> {
      return fetch(`${system.url}/orders`, {
        method: 'POST',
        headers: { authorization: `Bearer ${account.token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ product_id: product.id, quantity: 1 }),
      });
    }

    const orders = async (): Promise<unknown[]> =>
      (await client.rest('GET', '/orders?limit=100', { token: account.token })).body;

    it('POST /orders without a key is 400, names the header and places no order', async () => {
      const before = await orders();
      const reply = await placeWithoutKey();
      const text = await reply.text();
      const { status, headers } = reply;
      expectProblem({ status, headers, text, body: JSON.parse(text) }, 400, 'INVALID_INPUT');
      expect(JSON.parse(text).errors).toEqual([{ field: 'Idempotency-Key', message: MESSAGE }]);
      expect(await orders()).toEqual(before);
    });

    it('createOrder without a key is BAD_USER_INPUT, names the argument and places no order', async () => {
      const before = await orders();
      for (const idempotencyKey of [undefined, null]) {
        const input = { productId: product.id, quantity: 1, idempotencyKey };
        const { errors } = await client.graphql(CREATE, { input }, account.token);
        const error = { code: 'BAD_USER_INPUT', errors: [{ field: 'idempotencyKey', message: MESSAGE }] };
        expect(errors).toMatchObject([{ path: ['createOrder'], extensions: error }]);
      }
      expect(await orders()).toEqual(before);
    });

    it('an order with a key is placed', async () => {
      const body = { product_id: product.id, quantity: 1 };
      const placed = await client.rest('POST', '/orders', { token: account.token, body });
      expect(placed.status).toBe(201);
      const input = { productId: product.id, quantity: 1, idempotencyKey: crypto.randomUUID() };
      const { data } = await client.graphql(CREATE, { input }, account.token);
      expect(data.createOrder.__typename).toBe('Order');
    });
  });
});

describe('mailed links, with the outbox of `npm start` in the place of a mail server', () => {
  /** The newest token that was mailed to `address` for the page `/account/<page>`. */
  async function mailedToken(page: string, address: string): Promise<string> {
    const outbox = new URL('/outbox', system.subgraphUrl('users'));
    const find = async (): Promise<string | undefined> => {
      const mails = (await (await fetch(outbox)).text()).split('<article>');
      const mail = mails.find(
        (text) => text.includes(`to ${address}<`) && text.includes(`/account/${page}#`),
      );
      return /#token=([\w-]{43})"/.exec(mail ?? '')?.[1];
    };
    return (await eventually(find, (token) => token !== undefined)) ?? '';
  }

  const emailOf = ({ username }: Account): string => `${username}@example.com`;

  const login = async ({ username }: Account, password: string) =>
    client.rest('POST', '/login', { body: { username, password } });

  it('only a verified account may order; the mailed link verifies it, from the next token on', async () => {
    const account = await client.account();
    const order = (token: string) =>
      client.rest('POST', '/orders', { token, body: { product_id: product.id, quantity: 1 } });
    expectProblem(await order(account.token), 403, 'FORBIDDEN');

    const token = await mailedToken('verify-email', emailOf(account));
    const verified = await client.rest('POST', '/email/verify', { body: { token } });
    expect([verified.status, verified.body.email_verified]).toEqual([200, true]);
    expectProblem(
      await client.rest('POST', '/email/verify', { body: { token } }),
      401,
      'INVALID_CREDENTIALS',
    );
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

  it('a login link that was never mailed opens no session', async () => {
    const body = { token: 'A'.repeat(43) };
    expectProblem(await client.rest('POST', '/login/confirm', { body }), 401, 'INVALID_CREDENTIALS');
  });
});

describe('roles, as anonymous, as a customer and as staff', () => {
  const PROBLEM = '... on Problem { code message }';

  describe('accounts', () => {
    const makeOnlyStaff = (id: string) =>
      inspect(system.adminUrl, (database) =>
        database.query(
          "UPDATE users.users SET role = CASE id WHEN $1 THEN 'STAFF' ELSE 'CUSTOMER' END::users.role",
          [id],
        ),
      );
    afterAll(() => makeOnlyStaff(staff.id));

    it('are looked up and given roles by staff only, and the last member of staff stays staff', async () => {
      const CHANGE = `mutation($id: ID!, $version: Int!, $role: Role!) {
      changeRole(userId: $id, expectedVersion: $version, role: $role) { __typename
        ... on User { id role version } ${PROBLEM} ... on UserVersionConflict { currentVersion current { id } } } }`;
      const FIND = 'query($name: String!) { userByName(name: $name) { id email role } }';
      const [boss, clerk] = [await client.account(), await client.account()];
      const change = async (token: string | undefined, id: string, version: number, role: string) =>
        client.graphql(CHANGE, { id, version, role }, token);
      for (const [token, code] of [
        [undefined, 'UNAUTHENTICATED'],
        [clerk.token, 'FORBIDDEN'],
      ] as const) {
        const refusals = [
          await change(token, clerk.id, 1, 'STAFF'),
          await client.graphql(FIND, { name: clerk.username }, token),
        ];
        for (const { errors } of refusals) expect(errors[0]?.extensions.code).toBe(code);
      }
      await makeOnlyStaff(boss.id);
      const { username, password } = boss;
      const login = await client.rest('POST', '/login', { body: { username, password } });
      const token: string = login.body.token;
      secretsUsed.add(token).add(login.body.refresh_token);
      const found = await client.graphql(FIND, { name: clerk.username }, token);
      expect(found.data.userByName).toEqual({
        id: clerk.id,
        email: `${clerk.username}@example.com`,
        role: 'CUSTOMER',
      });
      const promoted = await change(token, clerk.id, 1, 'STAFF');
      expect(promoted.data.changeRole).toEqual({
        __typename: 'User',
        id: clerk.id,
        role: 'STAFF',
        version: 2,
      });
      expect((await change(token, clerk.id, 1, 'CUSTOMER')).data.changeRole).toMatchObject({
        __typename: 'UserVersionConflict',
        code: 'VERSION_CONFLICT',
        currentVersion: 2,
        current: { id: clerk.id },
      });
      expect((await change(token, clerk.id, 2, 'CUSTOMER')).data.changeRole).toMatchObject({ version: 3 });
      expect((await change(token, boss.id, 1, 'CUSTOMER')).data.changeRole).toMatchObject({
        __typename: 'LastStaff',
        code: 'LAST_STAFF',
      });
      const byRest = await client.rest('PUT', `/users/${boss.id}/role`, {
        token,
        body: { role: 'CUSTOMER' },
        headers: { 'if-match': '*' },
      });
      expectProblem(byRest, 409, 'LAST_STAFF');
      expect((await change(token, UNKNOWN_ID, 1, 'STAFF')).data.changeRole).toMatchObject({
        __typename: 'UserNotFound',
        code: 'USER_NOT_FOUND',
      });
    });
  });
});
