// Hostile values: texts that are not ids, SQL and other code in every place that takes a text, very large shapes, and members that a
// client may not set.
import { came } from '@holdfast/platform/validation';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { uniqueName } from '../support/client.ts';
import { NO_IDS, NO_SMALL_IDS, UNKNOWN_ID } from '../support/ids.ts';
import { inspect } from '../support/invariants.ts';
import { expectProblem, fieldsOf } from '../support/problems.ts';
import { useShop } from '../support/shop.ts';
import { askEntity } from '../support/subgraph.ts';
import { useVitalSigns } from '../support/vital-signs.ts';

const { system, client, account } = useShop();
useVitalSigns(system);

describe('ids', () => {
  let productId: string;
  beforeAll(async () => {
    productId = (await client.product(account.token)).id;
  }, 60_000);

  /** Other spellings of an existing id. */
  const spellings = (id: string): string[] => [`0${id}`, `+${id}`, `${id}.0`, ` ${id}`, `${id}\n`, `${id}e0`];

  const ask = async (query: string, id: unknown) => {
    const { data, errors } = await client.graphql(query, { id }, account.token);
    expect(errors).toEqual([]);
    return data;
  };

  const PRODUCT_CALLS = {
    updateProduct: 'updateProduct(id: $id, expectedVersion: 1, input: { name: "x" })',
    deleteProduct: 'deleteProduct(id: $id, expectedVersion: 1)',
    adjustStock: 'adjustStock(id: $id, delta: 1)',
  };

  describe('a text that is not an id', () => {
    it('finds and changes no product', async () => {
      for (const id of [...NO_SMALL_IDS, ...spellings(productId), UNKNOWN_ID]) {
        expect([id, await ask('query($id: ID!) { product(id: $id) { id } }', id)]).toEqual([
          id,
          { product: null },
        ]);
        for (const [field, call] of Object.entries(PRODUCT_CALLS)) {
          const data = await ask(
            `mutation($id: ID!) { ${call} { __typename ... on Problem { message } } }`,
            id,
          );
          expect(data[field]).toEqual({
            __typename: 'ProductNotFound',
            message: `There is no product ${came(id)}.`,
          });
        }
      }
      const data = await ask('query($id: ID!) { product(id: $id) { stock version } }', productId);
      expect(data.product).toEqual({ stock: 10, version: 1 });
    });

    it('finds no order', async () => {
      for (const id of NO_IDS)
        expect([id, await ask('query($id: ID!) { order(id: $id) { id } }', id)]).toEqual([
          id,
          { order: null },
        ]);
    });

    it('is an entity of no subgraph', async () => {
      for (const id of [...NO_SMALL_IDS, ...spellings(account.id)]) {
        const user = await askEntity(system, 'users', { __typename: 'User', id }, 'username', account.token);
        const product = await askEntity(system, 'products', { __typename: 'Product', id }, 'name');
        expect([id, user, product]).toEqual([id, { entity: null, codes: [] }, { entity: null, codes: [] }]);
      }
    });

    it.each(['0', '-1', '2147483648', '9223372036854775808', '9'.repeat(400)])(
      'may be a number in the text of a query: %s',
      async (id) => {
        expect(await ask(`{ product(id: ${id}) { id } order(id: ${id}) { id } }`, undefined)).toEqual({
          product: null,
          order: null,
        });
      },
    );

    it.each([0, -1, 2 ** 31, 2 ** 53, 1e300])('may be a number in the variables: %d', async (id) => {
      expect(await ask('query($id: ID!) { product(id: $id) { id } order(id: $id) { id } }', id)).toEqual({
        product: null,
        order: null,
      });
    });

    it.each<[string, unknown]>([
      ['a fraction', 1.5],
      ['a truth', true],
      ['a list', [[1]]],
      ['an object', { id: 1 }],
    ])('is refused when it is %s', async (_, id) => {
      const { errors } = await client.graphql('query($id: ID!) { product(id: $id) { id } }', { id });
      expect(errors.map(({ extensions }) => extensions.code)).toEqual(['BAD_USER_INPUT']);
    });
  });

  describe('an id', () => {
    it('may be sent as a number, and is shown as a text', async () => {
      const query = 'query($id: ID!) { product(id: $id) { id } }';
      expect((await ask(query, Number(productId))).product).toEqual({ id: productId });
      expect((await ask(`{ product(id: ${productId}) { id } }`, undefined)).product).toEqual({
        id: productId,
      });
    });
  });

  describe('a cursor', () => {
    it.each([...NO_SMALL_IDS])('that ends with %j is refused', async (id) => {
      const lists = [
        ['NEWEST', ['products:NEWEST', id]],
        ['PRICE_ASC', ['products:PRICE_ASC', '1.00', id]],
        ['NAME_ASC', ['products:NAME_ASC:natural', 'Kettle', id]],
      ] as const;
      for (const [sort, key] of lists) {
        const after = Buffer.from(JSON.stringify(key)).toString('base64url');
        const query =
          'query($after: String, $sort: ProductSort) { products(after: $after, sort: $sort) { edges { cursor } } }';
        const { errors } = await client.graphql(query, { after, sort });
        expect(errors.map(({ extensions }) => extensions.code)).toEqual(['BAD_USER_INPUT']);
      }
    });
  });
});

describe('values', () => {
  const PASSWORD = 'correct horse 42 stapler';

  let product: { id: string };

  beforeAll(async () => {
    product = await client.product(account.token);
    const body = { product_id: product.id, quantity: 1 };
    await client.rest('POST', '/orders', { token: account.token, body });
  }, 60_000);

  /** The rows of the account only, because other suites use the same system. */
  const rows = () =>
    inspect(system.adminUrl, async (database) => {
      const { rows: found } = await database.query(
        `SELECT (SELECT count(*)::int FROM users.users WHERE id = $1) AS users,
              (SELECT count(*)::int FROM products.products WHERE id = $2) AS products,
              (SELECT count(*)::int FROM orders.orders WHERE user_id = $1) AS orders`,
        [account.id, product.id],
      );
      return found[0];
    });

  const cursorOf = (...parts: string[]) => Buffer.from(JSON.stringify(parts)).toString('base64url');

  /** Every place by REST and GraphQL that takes a text, with `text` in it; gives the statuses and codes. */
  async function everywhere(text: string): Promise<{ statuses: number[]; codes: string[] }> {
    const { token } = account;
    const url = encodeURIComponent(text);
    const rest = (method: string, path: string, body?: unknown) => client.rest(method, path, { token, body });
    const replies = await Promise.all([
      rest('POST', '/register', { username: text, email: 'a@example.com', password: PASSWORD }),
      rest('POST', '/register', { username: uniqueName('x'), email: text, password: PASSWORD }),
      rest('POST', '/login', { username: text, password: text }),
      rest('POST', '/login', { username: `${text}@example.com`, password: text }),
      rest('POST', '/token/refresh', { refresh_token: text }),
      rest('POST', '/logout', { refresh_token: text }),
      rest('PUT', '/profile/password', {
        current_password: text,
        new_password: PASSWORD,
        refresh_token: text,
      }),
      rest('GET', `/products?search=${url}`),
      rest('GET', `/products?cursor=${url}`),
      rest('GET', `/products?sort=${url}&limit=${url}&min_price=${url}`),
      rest('GET', `/products?sort=name_asc&cursor=${cursorOf('products:NAME_ASC', text, product.id)}`),
      rest('GET', `/products?sort=price_asc&cursor=${cursorOf('products:PRICE_ASC', text, product.id)}`),
      rest('GET', `/products?cursor=${cursorOf('products:NEWEST', text)}`),
      rest('GET', `/products/${url}`),
      rest('PATCH', `/products/${url}`, { name: 'x' }),
      rest('GET', `/orders?cursor=${cursorOf('orders', text)}&status=${url}`),
      rest('GET', `/orders/${url}`),
      rest('POST', '/orders', { product_id: text, quantity: 1 }),
      client.rest('DELETE', `/products/${url}`, { token, headers: { 'if-match': '"1"' } }),
    ]);
    const asked = await Promise.all(
      [
        'query($t: ID!) { product(id: $t) { id } }',
        'query($t: ID!) { order(id: $t) { id } }',
        'query($t: String) { products(after: $t, filter: { search: $t }) { edges { cursor } } }',
        'query($t: String) { orders(after: $t) { edges { cursor } } }',
        'mutation($t: ID!) { adjustStock(id: $t, delta: 1) { __typename } }',
        'mutation($t: ID!) { cancelOrder(id: $t, expectedVersion: 1) { __typename } }',
        'mutation($t: String!) { createOrder(input: { productId: "x", quantity: 1, idempotencyKey: $t }) { __typename } }',
      ].map((query) => client.graphql(query, { t: text }, token)),
    );
    return {
      statuses: [...replies, ...asked].map(({ status }) => status),
      codes: asked.flatMap(({ errors }) => errors.map(({ extensions }) => extensions.code)),
    };
  }

  const expectRefusals = ({ statuses, codes }: Awaited<ReturnType<typeof everywhere>>) => {
    expect(statuses.filter((status) => status >= 500 || status === 201)).toEqual([]);
    expect(codes.filter((code) => code !== 'BAD_USER_INPUT')).toEqual([]);
  };

  describe('every place that takes a text', () => {
    /** Takes 100 s where PostgreSQL runs it. */
    const SLEEP = "\\'; SELECT pg_sleep(100); --";

    it.each([
      "'; DROP TABLE users.users; --",
      "' OR '1'='1",
      '" OR ""="',
      "x'); DELETE FROM orders.orders; --",
      SLEEP,
      '$1::int',
      '1 UNION SELECT password_hash FROM users.users',
      '%27%20OR%201=1',
      '{{7*7}}<%= 7*7 %>#{7*7}',
      '../../../../etc/passwd',
      '"}]} { __schema { types { name } } }',
    ])('treats %j as a plain text', async (text) => {
      const before = await rows();
      expect(before).toEqual({ users: 1, products: 1, orders: 1 });
      const startedAt = Date.now();
      expectRefusals(await everywhere(text));
      if (text === SLEEP) expect(Date.now() - startedAt).toBeLessThan(60_000);
      expect(await rows()).toEqual(before);
    });

    it.each([
      ['U+0000', 'a\u0000b'],
      ['half a character', 'a\ud800b'],
      ['the other half', '\udc00'],
      ['what goes from right to left', '\u202eadmin\u202c'],
      ['no width', 'ad\u200bmin'],
      ['four bytes', '𝒜𝒹𝒶 🧭'],
      ['300 marks on one letter', `a${'\u0301'.repeat(300)}`],
      ['line ends', 'a\r\nset-cookie: x'],
      ['an escape', '\u001b[2J\u001b]0;x\u0007'],
      ['no characters', '\uffff\ufffe'],
    ])('answers for %s', async (_, text) => {
      expectRefusals(await everywhere(Buffer.from(text).toString()));
      // As a JSON escape, because half a surrogate pair cannot be sent otherwise.
      const { token } = account;
      const raw = JSON.stringify(text);
      const calls: [string, string][] = [
        ['/login', `{"username":${raw},"password":${raw}}`],
        ['/register', `{"username":${raw},"email":"a@example.com","password":"${PASSWORD}"}`],
        ['/register', `{"username":"${uniqueName('x')}","email":${raw},"password":"${PASSWORD}"}`],
        ['/orders', `{"product_id":${raw},"quantity":1}`],
        ['/token/refresh', `{"refresh_token":${raw}}`],
      ];
      for (const [path, body] of calls) {
        const { status } = await client.rest('POST', path, { token, body });
        expect([path, status < 500 && status >= 400]).toEqual([path, true]);
      }
    });

    it('stores an accepted text unchanged', async () => {
      for (const name of [
        '‮أدا',
        'e\u0301',
        '𝒜 🧭',
        "Robert'); DROP TABLE",
        '<script>alert(1)</script>',
        '{{7*7}}',
      ]) {
        const made = await client.product(account.token, { name, description: name });
        const { body } = await client.rest('GET', `/products/${made.id}`);
        expect([body.name, body.description]).toEqual([name, name]);
      }
    });
  });

  describe('members of every object', () => {
    it('are refused by name in a JSON body and in variables, and change no account', async () => {
      for (const member of ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty']) {
        const poison = `"${member}":{"role":"STAFF","price":0,"polluted":true}`;
        const body = `{"name":"A","description":null,"price":1,"stock":1,${poison}}`;
        const refused = await client.rest('POST', '/products', { token: account.token, body });
        expect([refused.status, refused.body.errors[0].field]).toEqual([400, member]);
        const input = `{"name":"A","price":"1","stock":1,${poison}}`;
        const variables = `{${poison},"input":${input}}`;
        const query = 'mutation($input: CreateProductInput!) { createProduct(input: $input) { __typename } }';
        const reply = await fetch(`${system.url}/graphql`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', authorization: `Bearer ${account.token}` },
          body: `{"query":${JSON.stringify(query)},"variables":${variables},${poison}}`,
        });
        const { data, errors } = JSON.parse(await reply.text());
        expect([data ?? null, errors[0].extensions.code]).toEqual([null, 'BAD_USER_INPUT']);
        expect(errors[0].message).toContain(member);
      }
      const query = await client.rest('GET', '/products?__proto__=1&constructor=2');
      expect(query.status).toBe(400);
      expect((await client.rest('GET', '/profile', { token: account.token })).body.role).toBe('CUSTOMER');
      expect((await client.rest('GET', `/products/${product.id}`)).body.price).toBe(19.99);
    });
  });

  describe('a very large shape', () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
    const post = async (path: string, body: string) => {
      const reply = await fetch(system.url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${account.token}` },
        body,
      });
      return { status: reply.status, text: await reply.text() };
    };

    it.each<[string, () => string]>([
      ['100,000 brackets', () => '['.repeat(100_000)],
      ['100,000 closed brackets', () => nested(100_000)],
      ['100,000 braces', () => '{"a":'.repeat(100_000)],
      [
        '100,000 members',
        () => JSON.stringify(Object.fromEntries(Array.from({ length: 80_000 }, (_, n) => [`m${n}`, 1]))),
      ],
      ['a number of 900,000 digits', () => `{"username":${'9'.repeat(900_000)},"password":"x"}`],
      ['a name of 900,000 characters', () => `{"${'n'.repeat(900_000)}":1}`],
    ])('is refused with 400 and a short reply: %s', async (_, body) => {
      for (const path of ['/login', '/products', '/graphql']) {
        const { status, text } = await post(path, body());
        expect([path, status, text.length < 2_000]).toEqual([path, 400, true]);
      }
    });

    it.each<[string, () => string]>([
      ['900 kB of nested lists', () => nested(200_000)],
      ['900 kB of lists beside each other', () => `[${'[],'.repeat(299_000)}[]]`],
      [
        '80,000 members',
        () => JSON.stringify(Object.fromEntries(Array.from({ length: 80_000 }, (_, n) => [`m${n}`, 1]))),
      ],
    ])('is refused as a variable, and causes no 5xx error where it is unused: %s', async (_, value) => {
      const used = 'mutation($input: LoginInput!) { login(input: $input) { __typename } }';
      const first = await post(
        '/graphql',
        `{"query":${JSON.stringify(used)},"variables":{"input":${value()}}}`,
      );
      expect(first.status).toBe(400);
      expect(first.text.length).toBeLessThan(20_000);
      const second = await post('/graphql', `{"query":"{ __typename }","variables":{"input":${value()}}}`);
      expect(second.status).toBeLessThan(500);
    });
  });
});

describe('members that are not the client’s to set', () => {
  const rowsOf = (sql: string, ...values: unknown[]) =>
    inspect(system.adminUrl, async (database) => (await database.query(sql, values)).rows);

  /** The name of the products of this suite only. */
  const NAME = uniqueName('mass');
  /** Counts the rows that the requests of this suite could have made. */
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
      '%s %s is refused, and the reply names each member that does not belong there',
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

    it('of a PUT or PATCH changes only the members that a client may set', async () => {
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
      const whole = {
        name: 'B',
        description: null,
        price: 2,
        stock: 3,
        ...READ_ONLY_OF_A_PRODUCT,
        version: 1,
      };
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

    it('accepts no further argument for such a member', async () => {
      for (const argument of ['userId', 'unitPrice', 'role', 'as']) {
        const { errors } = await client.graphql(
          `mutation { createOrder(input: { productId: "${UNKNOWN_ID}", quantity: 1 }, ${argument}: "x") { __typename } }`,
          {},
          account.token,
        );
        expect(errors[0]?.extensions.code).toBe('BAD_USER_INPUT');
      }
    });

    it('leaves the account a customer', async () => {
      expect(await rowsOf('SELECT role::text, version FROM users.users WHERE id = $1', account.id)).toEqual([
        { role: 'CUSTOMER', version: 1 },
      ]);
    });
  });
});
