// Bytes and texts: what comes is stored as it came, or it is refused. Nothing becomes U+FFFD on the way.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Account, Client, uniqueName } from '../support/client.ts';
import { fieldsOf } from '../support/problems.ts';
import { head, sendRaw, statusesIn } from '../support/raw-http.ts';
import type { Subgraph } from '../support/running-system.ts';
import { useSharedSystem } from '../support/use-system.ts';
import { type VitalSigns, vitalSigns } from '../support/vital-signs.ts';

const PASSWORD = 'correct horse 42 stapler';
const SUBGRAPHS: readonly Subgraph[] = ['users', 'products', 'orders'];

const system = useSharedSystem();
let client: Client;
let account: Account;
let productPath: string;
let vital: VitalSigns;

beforeAll(async () => {
  client = await Client.of(system.url);
  account = await client.account();
  productPath = `/products/${(await client.product(account.token, { name: 'As it was' })).id}`;
  vital = vitalSigns(system);
}, 60_000);
afterAll(() => vital?.expectUnharmed());

interface Where {
  readonly type?: string;
  readonly url?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Sends bytes as they are; gives the status and the text of the reply. */
async function send(
  method: string,
  path: string,
  body: Buffer | string,
  { type = 'application/json', url = system.url, headers = {} }: Where = {},
) {
  const fields = {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(body),
    Authorization: `Bearer ${account.token}`,
    'If-Match': '*',
    Connection: 'close',
    ...headers,
  };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}`);
  const text = await sendRaw(url, [head(method, path, ...lines), body]);
  return { status: statusesIn(text)[0], text };
}

/** Every call that takes a text; @ stands for the bytes to be tried. */
const CALLS: readonly (readonly [method: string, path: () => string, body: string])[] = [
  ['PATCH', () => productPath, '{"name":"a@b"}'],
  ['PUT', () => productPath, '{"name":"a@b","description":null,"price":1,"stock":1}'],
  ['POST', () => '/products', '{"name":"a@b","price":1,"stock":1}'],
  ['POST', () => '/register', `{"username":"x","email":"x","password":"${PASSWORD}@"}`],
  ['POST', () => '/login', '{"username":"a","password":"a@b"}'],
  ['POST', () => '/token/refresh', '{"refresh_token":"a@b"}'],
  ['POST', () => '/logout', '{"refresh_token":"a@b"}'],
  ['PUT', () => '/profile/password', `{"current_password":"a@b","new_password":"${PASSWORD}"}`],
  ['POST', () => '/orders', '{"product_id":"a@b","quantity":1}'],
  ['POST', () => '/graphql', '{"query":"{ __typename } # @"}'],
  ['POST', () => '/graphql', '{"query":"{ __typename }","variables":{"unused":"a@b"}}'],
];
const NOT_UTF_8 = [
  [0xff],
  [0x80],
  [0xc3],
  [0xc0, 0x80],
  [0xed, 0xa0, 0x80],
  [0xf4, 0x90, 0x80, 0x80],
] as const;
const withBytes = (body: string, bytes: readonly number[]) =>
  Buffer.concat(
    body.split('@').flatMap((part, index) => [...(index ? [Buffer.from(bytes)] : []), Buffer.from(part)]),
  );

describe('a body', () => {
  it('of bytes that are not UTF-8 is 400 at every path, and changes nothing', async () => {
    for (const [method, path, body] of CALLS)
      for (const bytes of NOT_UTF_8) {
        const { status, text } = await send(method, path(), withBytes(body, bytes));
        expect([method, path(), bytes, status]).toEqual([method, path(), bytes, 400]);
        expect(text).toContain('The body: expected UTF-8, got other bytes.');
      }
    expect((await client.rest('GET', productPath)).body).toMatchObject({ name: 'As it was', version: 1 });
  }, 60_000);

  it('with half a character as an escape is 400 at every path, and the member is named', async () => {
    for (const [method, path, body] of CALLS)
      for (const escaped of ['\\ud800', '\\uDFFF', '\\udc00\\ud800']) {
        if (body.includes('# @')) continue;
        const { status, text } = await send(method, path(), body.replace('@', escaped));
        expect([method, path(), status]).toEqual([method, path(), 400]);
        expect(text).toContain('expected whole characters, got half of a surrogate pair');
      }
    const variables = encodeURIComponent('{"s":"\\ud800"}');
    const reply = await fetch(`${system.url}/graphql?query=%7B__typename%7D&variables=${variables}`, {
      headers: { 'apollo-require-preflight': '1' },
    });
    expect([reply.status, await reply.text()]).toEqual([400, expect.stringContaining('s: expected whole')]);
    expect((await client.rest('GET', productPath)).body).toMatchObject({ name: 'As it was', version: 1 });
  }, 60_000);

  it('in another charset is 415, in UTF-8 by any of its names it is read', async () => {
    const bodies = [
      ['/login', '{"username":"x","password":"y"}', 401],
      ['/graphql', '{"query":"{ __typename }"}', 200],
    ] as const;
    for (const [path, body, good] of bodies) {
      for (const charset of ['utf-8', 'UTF-8', '"Utf-8"', 'utf8'])
        expect([
          charset,
          (await send('POST', path, body, { type: `application/json; charset=${charset}` })).status,
        ]).toEqual([charset, good]);
      for (const charset of [
        'utf-16',
        'utf-16le',
        'utf-32',
        'utf-7',
        'iso-8859-1',
        'windows-1252',
        'us-ascii',
      ]) {
        const type = `application/json; charset=${charset}`;
        const { status, text } = await send('POST', path, body, { type });
        expect([charset, status]).toEqual([charset, 415]);
        expect(text).toContain('Content-Type: expected the charset utf-8');
      }
      expect((await send('POST', path, `\ufeff${body}`)).status).toBe(good);
    }
  });

  it('is held to the same rules by each subgraph', async () => {
    for (const name of SUBGRAPHS) {
      const where = { url: system.subgraphUrl(name), headers: await system.serviceHeaders(name) };
      const ask = async (body: Buffer | string, type?: string) =>
        (await send('POST', '/graphql', body, { ...where, ...(type !== undefined && { type }) })).status;
      const good = '{"query":"{ __typename }","variables":{"a":"@"}}';
      expect(await ask(good)).toBe(200);
      expect(await ask(withBytes(good, [0xff]))).toBe(400);
      expect(await ask(good.replace('@', '\\ud800'))).toBe(400);
      expect(await ask(good, 'application/json; charset=utf-16')).toBe(415);
      expect(await ask(good, 'application/json-patch+json')).toBe(415);
    }
  });
});

const range = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, index) => String.fromCodePoint(first + index));

describe('the texts of a product', () => {
  const CREATE = `mutation($input: CreateProductInput!) {
    createProduct(input: $input) { __typename ... on InvalidInput { errors { field message } } } }`;
  /** The fields that are refused, by REST and by GraphQL alike. */
  async function refused(texts: { name?: string; description?: string }): Promise<string[]> {
    const input = { name: 'Pot', description: 'A pot.', price: '1', stock: 1, ...texts };
    const { status, body } = await client.rest('POST', '/products', { token: account.token, body: input });
    const { data } = await client.graphql(CREATE, { input }, account.token);
    const fields = status === 201 ? [] : fieldsOf(body);
    expect([input, fieldsOf({ errors: [], ...data.createProduct })]).toEqual([input, fields]);
    return fields;
  }

  it('have no control characters; a description may have tabs and line breaks', async () => {
    for (const character of [...range(0, 0x1f), ...range(0x7f, 0x9f), '\u2028', '\u2029']) {
      const isAllowed = ['\t', '\n', '\r', '\u2028', '\u2029'].includes(character);
      for (const text of [`a${character}b`, `ab${character}`])
        expect([character, await refused({ name: text, description: text })]).toEqual([
          character,
          isAllowed ? ['name'] : ['description', 'name'],
        ]);
    }
    expect(await refused({ description: 'One\r\n\ttwo\n' })).toEqual([]);
  }, 60_000);

  it('have a name of which something can be seen', async () => {
    for (const name of [
      ' ',
      '\u00a0',
      '\u200b',
      '\u3164',
      '\u2800',
      '\u00ad',
      '\u200d\ufe0f',
      '\u034f',
      '\u{e0041}',
    ])
      expect([name, await refused({ name })]).toEqual([name, ['name']]);
    for (const name of ['\u200bTea', '👩‍🚀', 'e\u0301', '茶'])
      expect([name, await refused({ name })]).toEqual([name, []]);
  });

  it('are counted in characters, as the message says', async () => {
    expect(await refused({ name: '🧭'.repeat(255), description: '🧭'.repeat(10_000) })).toEqual([]);
    expect(await refused({ name: '🧭'.repeat(256) })).toEqual(['name']);
    expect(await refused({ description: '🧭'.repeat(10_001) })).toEqual(['description']);
  });

  it('are refused in a change as in a new product, with a message that says what was expected', async () => {
    const reply = await client.rest('PATCH', productPath, {
      token: account.token,
      headers: { 'if-match': '*' },
      body: { name: 'a\u0085b', description: 'a\u009bb' },
    });
    expect(reply.body.errors).toEqual([
      {
        field: 'name',
        message:
          'expected 1 to 255 characters, some of them visible, no control characters or line breaks, got "a\u0085b"',
      },
      {
        field: 'description',
        message:
          'expected at most 10000 characters, no control characters except tabs and line breaks, got "a\u009bb"',
      },
    ]);
  });
});

it('usernames and e-mail addresses have no control or invisible characters', async () => {
  for (const character of ['\u0000', '\n', '\u0085', '\u009b', '\u2028', '\u200b', '\u3164']) {
    const name = uniqueName('x');
    for (const [field, body] of [
      ['username', { username: `${name}${character}`, email: `${name}@example.com` }],
      ['username', { username: `${character}${name}`, email: `${name}@example.com` }],
      ['email', { username: name, email: `${name}${character}@example.com` }],
      ['email', { username: name, email: `${name}@example.com${character}` }],
    ] as const) {
      const reply = await client.rest('POST', '/register', { body: { ...body, password: PASSWORD } });
      expect([character, field, reply.status]).toEqual([character, field, 400]);
      expect(fieldsOf(reply.body)).toEqual([field]);
    }
  }
});
