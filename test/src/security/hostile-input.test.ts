// Hostile values in every place that takes one: SQL, members of every object, text that is none, shapes without end.
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Account, Client, uniqueName } from '../support/client.ts';
import { inspect } from '../support/invariants.ts';
import { useSystem } from '../support/use-system.ts';
import { type VitalSigns, vitalSigns } from '../support/vital-signs.ts';

const PASSWORD = 'correct horse 42 stapler';

const system = useSystem();
let client: Client;
let account: Account;
let product: { id: string };
let vital: VitalSigns;

beforeAll(async () => {
  client = await Client.of(system.url);
  account = await client.account();
  product = await client.product(account.token);
}, 60_000);
beforeEach(() => {
  vital = vitalSigns(system);
});
afterEach(() => vital.expectUnharmed());

const rows = () =>
  inspect(system.adminUrl, async (database) => {
    const { rows: found } = await database.query(`SELECT (SELECT count(*)::int FROM users.users) AS users,
      (SELECT count(*)::int FROM products.products) AS products, (SELECT count(*)::int FROM orders.orders) AS orders`);
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
    rest('PUT', '/profile/password', { current_password: text, new_password: PASSWORD, refresh_token: text }),
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
  it.each([
    "'; DROP TABLE users.users; --",
    "' OR '1'='1",
    '" OR ""="',
    "x'); DELETE FROM orders.orders; --",
    "\\'; SELECT pg_sleep(10); --",
    '$1::int',
    '1 UNION SELECT password_hash FROM users.users',
    '%27%20OR%201=1',
    '{{7*7}}<%= 7*7 %>#{7*7}',
    '../../../../etc/passwd',
    '"}]} { __schema { types { name } } }',
  ])('takes %j for a text and nothing else', async (text) => {
    const before = await rows();
    const startedAt = Date.now();
    expectRefusals(await everywhere(text));
    expect(Date.now() - startedAt).toBeLessThan(9_000);
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
    // As JSON escapes it, which is the only way to send half a character.
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

  it('keeps what it does take exactly as it was', async () => {
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
  it('are refused by name in a JSON body and in variables, and change nobody', async () => {
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

describe('a shape without end', () => {
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
  ])('is no variable, used or not: %s', async (_, value) => {
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
