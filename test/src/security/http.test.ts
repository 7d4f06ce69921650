// Attacks on HTTP itself: requests that no HTTP client sends (request smuggling, split replies, bodies with a wrong length), bytes
// that are not text, and clients that begin a request and never finish it.

import type { Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, uniqueName } from '../support/client.ts';
import { fieldsOf } from '../support/problems.ts';
import { head, openSocket, sendRaw, statusesIn } from '../support/raw-http.ts';
import type { Subgraph } from '../support/running-system.ts';
import { useShop } from '../support/shop.ts';
import { useVitalSigns } from '../support/vital-signs.ts';

const { system, client, account } = useShop();
useVitalSigns(system);

const JSON_TYPE = 'Content-Type: application/json';

const SOCKETS = 100;
const BEGINNINGS = [
  'GET /products HTTP/1.1\r\nHost: localhost\r\nX-Slow: ',
  'GET /prod',
  'POST /login HTTP/1.1\r\n',
  'G',
];

/** Opens sockets that send `beginnings` and then only `trickle`. Returns the lives of those that are closed by now, in ms. */
async function open(beginnings: readonly string[], trickle: string): Promise<readonly number[]> {
  const lives: number[] = [];
  const sockets: Socket[] = [];
  // One byte a second keeps a server waiting when it measures from the last byte and not from the first.
  const timer = setInterval(() => {
    for (const socket of sockets) if (socket.writable) socket.write(trickle);
  }, 1_000);
  timer.unref();
  for (let index = 0; index < SOCKETS; index += 1) {
    const socket = await openSocket(system.url);
    const openedAt = performance.now();
    socket.on('error', () => socket.destroy()).resume();
    socket.once('close', () => {
      lives.push(performance.now() - openedAt);
      if (lives.length === SOCKETS) clearInterval(timer);
    });
    socket.write(beginnings[index % beginnings.length] ?? '');
    sockets.push(socket);
  }
  return lives;
}

/** The lives of connections whose headers or bodies never end. They are opened first, because the gateway waits long for them. */
let unfinished: { readonly headers: readonly number[]; readonly bodies: readonly number[] };
beforeAll(async () => {
  const begun = head('POST', '/login', JSON_TYPE, 'Content-Length: 900000');
  unfinished = { headers: await open(BEGINNINGS, 'x'), bodies: await open([`${begun}{`], ' ') };
});

describe(`${2 * SOCKETS} connections whose requests never end`, () => {
  it('delay no other client', async () => {
    expect(unfinished).toEqual({ headers: [], bodies: [] });
    for (let call = 0; call < 20; call += 1) {
      const startedAt = performance.now();
      expect((await client.rest('GET', '/products?limit=1')).status).toBe(200);
      expect(performance.now() - startedAt).toBeLessThan(5_000);
    }
  });
});

const LOGIN = JSON.stringify({ username: 'nobody', password: 'not the password' });
/** The bytes that an attacker wants the gateway to read as a second request. */
const SMUGGLED = head('GET', '/smuggled');

const post = (...lines: string[]) => head('POST', '/login', JSON_TYPE, ...lines);
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;

describe('a request with two possible readings', () => {
  it.each<[string, string]>([
    ['both lengths', `${post('Content-Length: 6', 'Transfer-Encoding: chunked')}0\r\n\r\n${SMUGGLED}`],
    [
      'both lengths, the other way round',
      `${post('Transfer-Encoding: chunked', 'Content-Length: 6')}0\r\n\r\n${SMUGGLED}`,
    ],
    ['two lengths', post('Content-Length: 0', `Content-Length: ${SMUGGLED.length}`) + SMUGGLED],
    ['a list of lengths', post('Content-Length: 0, 5') + SMUGGLED],
    ['a signed length', post('Content-Length: +5') + SMUGGLED],
    ['a negative length', post('Content-Length: -1') + SMUGGLED],
    ['a hexadecimal length', post('Content-Length: 0x10') + SMUGGLED],
    ['an unknown coding last', `${post('Transfer-Encoding: chunked, identity')}0\r\n\r\n${SMUGGLED}`],
    ['an unknown coding', `${post('Transfer-Encoding: xchunked')}0\r\n\r\n${SMUGGLED}`],
    ['a space before the colon', `${post('Transfer-Encoding : chunked')}0\r\n\r\n${SMUGGLED}`],
    ['a vertical tab in the coding', `${post('Transfer-Encoding: \x0bchunked')}0\r\n\r\n${SMUGGLED}`],
    ['a folded line', `${post('X-Folded: a\r\n Transfer-Encoding: chunked')}0\r\n\r\n${SMUGGLED}`],
    [
      'a chunk that is longer than it says',
      `${post('Transfer-Encoding: chunked')}1\r\nAB\r\n0\r\n\r\n${SMUGGLED}`,
    ],
    ['a chunk length that is none', `${post('Transfer-Encoding: chunked')}zz\r\n\r\n${SMUGGLED}`],
    [
      'a chunk length beyond all numbers',
      `${post('Transfer-Encoding: chunked')}${'f'.repeat(17)}\r\n${SMUGGLED}`,
    ],
    ['line ends without CR', `POST /login HTTP/1.1\nHost: localhost\nContent-Length: 0\n\n${SMUGGLED}`],
    [
      'a CR alone',
      `POST /login HTTP/1.1\r\nHost: localhost\r\nX: a\rTransfer-Encoding: chunked\r\n\r\n${SMUGGLED}`,
    ],
    ['no host', `POST /login HTTP/1.1\r\nContent-Length: 0\r\n\r\n${SMUGGLED}`],
    ['a NUL in a field', post('X-Nul: a\0b') + SMUGGLED],
  ])('is refused with 400, and the gateway closes the connection: %s', async (_, bytes) => {
    const received = await sendRaw(system.url, [bytes]);
    expect(statusesIn(received)).toEqual([400]);
    expect(received).not.toContain('/smuggled');
  });

  it('is refused in the same way by each subgraph', async () => {
    for (const service of ['users', 'products', 'orders'] satisfies Subgraph[]) {
      const bytes = head('POST', '/graphql', JSON_TYPE, 'Content-Length: 6', 'Transfer-Encoding: chunked');
      expect(
        statusesIn(await sendRaw(system.subgraphUrl(service), [`${bytes}0\r\n\r\n${SMUGGLED}`])),
      ).toEqual([400]);
    }
  });
});

describe('a header that the reply repeats', () => {
  const lines = (received: string) => received.split('\r\n\r\n')[0]?.toLowerCase() ?? '';

  it.each([
    'a%0d%0aset-cookie: x=1',
    'a\\r\\nset-cookie: x=1',
    'a\u0085set-cookie: x=1',
    'a;set-cookie=1',
    '<b>',
    'x'.repeat(65),
  ])('does not split the reply: request id %j', async (id) => {
    const received = await sendRaw(system.url, [
      head('GET', '/products', `X-Request-Id: ${id}`, 'Connection: close'),
    ]);
    expect(statusesIn(received)).toEqual([200]);
    expect(lines(received)).toMatch(/^x-request-id: [0-9a-f-]{36}$/m);
    expect(lines(received)).not.toContain('set-cookie');
  });

  it('does not split the reply: idempotency key, entity tag, origin, path and query', async () => {
    const crlf = '%0d%0aset-cookie:%20x=1';
    const requests = [
      head('GET', `/products?cursor=${crlf}`, 'Connection: close'),
      head('GET', `/products?limit=1&search=${crlf}`, 'Connection: close'),
      head('GET', `/products/${crlf}`, 'Connection: close'),
      head('GET', `/${crlf}`, `Origin: http://x${crlf}`, `If-None-Match: "${crlf}"`, 'Connection: close'),
      `${head(
        'POST',
        '/orders',
        JSON_TYPE,
        `Authorization: Bearer ${account.token}`,
        `Idempotency-Key: ${crlf}`,
        'Content-Length: 2',
        'Connection: close',
      )}{}`,
    ];
    for (const request of requests) {
      const received = await sendRaw(system.url, [request]);
      expect(statusesIn(received)).toHaveLength(1);
      expect(lines(received)).not.toMatch(/^set-cookie/m);
    }
  });
});

describe('the header for the deadline between services', () => {
  it('is ignored when a client sends it, because a client could cause 5xx errors with it', async () => {
    for (const path of ['/products', '/profile']) {
      const reply = await client.rest('GET', path, {
        token: account.token,
        headers: { 'x-request-timeout-ms': '0' },
      });
      expect([path, reply.status]).toEqual([path, 200]);
    }
  });
});

describe('a body', () => {
  /** White space after the JSON counts as part of the body. */
  const sized = (size: number) => LOGIN.padEnd(size);

  it('of 1,000,000 bytes is accepted, and of one byte more is 413, with Content-Length or in chunks', async () => {
    const send = (size: number) => client.rest('POST', '/login', { body: sized(size) });
    expect((await send(1_000_000)).status).toBe(401);
    expect((await send(1_000_001)).status).toBe(413);
    expect(statusesIn(await sendRaw(system.url, [post('Content-Length: 1000001')]))).toEqual([413]);
    expect(statusesIn(await sendRaw(system.url, [post('Content-Length: 99999999999999')]))).toEqual([413]);
    const chunks = Array.from({ length: 101 }, () => chunk('x'.repeat(10_000)));
    expect(statusesIn(await sendRaw(system.url, [post('Transfer-Encoding: chunked'), ...chunks]))).toEqual([
      413,
    ]);
  });

  it('of 1,000,000 bytes reaches its subgraph, although the call to the subgraph is longer', async () => {
    const around = JSON.stringify({ username: '', password: 'x' });
    const body = JSON.stringify({ username: 'x'.repeat(1_000_000 - around.length), password: 'x' });
    expect([body.length, (await client.rest('POST', '/login', { body })).status]).toEqual([1_000_000, 401]);
  });

  it('that ends too early is never executed', async () => {
    const registration = JSON.stringify({
      username: 'half-sent',
      email: 'h@example.com',
      password: 'correct horse 42 x',
    });
    const announced = head('POST', '/register', JSON_TYPE, `Content-Length: ${registration.length + 1}`);
    const received = await sendRaw(system.url, [announced + registration], { end: true });
    expect(statusesIn(received).filter((status) => status < 400)).toEqual([]);
    const login = await client.rest('POST', '/login', {
      body: { username: 'half-sent', password: 'correct horse 42 x' },
    });
    expect(login.status).toBe(401);
  });

  it('that is longer than its Content-Length closes the connection', async () => {
    const short = head('POST', '/login', JSON_TYPE, `Content-Length: ${LOGIN.length}`);
    const statuses = statusesIn(await sendRaw(system.url, [`${short}${LOGIN}garbage\r\n\r\n${SMUGGLED}`]));
    expect(statuses.at(-1)).toBe(400);
    expect(statuses.filter((status) => status < 400 || status === 404)).toEqual([]);
  });

  it('that is compressed is 415, even a small one: the gateway decompresses no body', async () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    expect(bomb.length).toBeLessThan(100_000);
    for (const [path, encoding] of [
      ['/login', 'gzip'],
      ['/graphql', 'gzip'],
      ['/login', 'br'],
      ['/login', 'deflate, gzip'],
    ] as const) {
      const packed = head(
        'POST',
        path,
        JSON_TYPE,
        `Content-Encoding: ${encoding}`,
        `Content-Length: ${bomb.length}`,
      );
      const received = await sendRaw(system.url, [packed, bomb]);
      expect(statusesIn(received)).toEqual([415]);
      expect(received.toLowerCase()).toContain('accept-encoding: identity');
    }
  });
});

describe('bytes and texts are stored unchanged or refused', () => {
  const PASSWORD = 'correct horse 42 stapler';
  const SUBGRAPHS: readonly Subgraph[] = ['users', 'products', 'orders'];

  let productPath: string;
  beforeAll(async () => {
    productPath = `/products/${(await client.product(account.token, { name: 'As it was' })).id}`;
  });

  interface Where {
    readonly type?: string;
    readonly url?: string;
    readonly headers?: Readonly<Record<string, string>>;
  }

  /** Sends bytes unchanged. Returns the status and the text of the reply. */
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

  /** Every call that takes a text. The test puts its bytes in the place of @. */
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
    it('of bytes that are not UTF-8 is 400 at every path, and changes no data', async () => {
      const tried = CALLS.map((call, index) => [call, NOT_UTF_8[index % NOT_UTF_8.length] ?? []] as const);
      const [login = CALLS[0]] = CALLS.filter(([, path]) => path() === '/login');
      for (const bytes of NOT_UTF_8) if (login) tried.push([login, bytes]);
      for (const [[method, path, body], bytes] of tried) {
        const { status, text } = await send(method, path(), withBytes(body, bytes));
        expect([method, path(), bytes, status]).toEqual([method, path(), bytes, 400]);
        expect(text).toContain('The body: expected UTF-8, got other bytes.');
      }
      expect((await client.rest('GET', productPath)).body).toMatchObject({ name: 'As it was', version: 1 });
    });

    it('with half a surrogate pair as an escape is 400 at every path, and the reply names the member', async () => {
      const escapes = ['\\ud800', '\\uDFFF', '\\udc00\\ud800'];
      for (const [index, [method, path, body]] of CALLS.entries()) {
        if (body.includes('# @')) continue;
        const escaped = escapes[index % escapes.length] ?? '';
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
    });

    it('in another charset is 415, and in UTF-8 by any of its names is accepted', async () => {
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

    it('is subject to the same rules in each subgraph', async () => {
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
    /** The fields that REST refuses. GraphQL must refuse the same ones. */
    async function refused(texts: { name?: string; description?: string }): Promise<string[]> {
      const input = { name: 'Pot', description: 'A pot.', price: '1', stock: 1, ...texts };
      const { status, body } = await client.rest('POST', '/products', { token: account.token, body: input });
      const { data } = await client.graphql(CREATE, { input }, account.token);
      const fields = status === 201 ? [] : fieldsOf(body);
      expect([input, fieldsOf({ errors: [], ...data.createProduct })]).toEqual([input, fields]);
      return fields;
    }

    it('contain no control characters, except tabs and line breaks in a description', async () => {
      for (const character of [...range(0, 0x1f), ...range(0x7f, 0x9f), '\u2028', '\u2029']) {
        const isAllowed = ['\t', '\n', '\r', '\u2028', '\u2029'].includes(character);
        const text = `a${character}b`;
        expect([character, await refused({ name: text, description: text })]).toEqual([
          character,
          isAllowed ? ['name'] : ['description', 'name'],
        ]);
      }
      expect(await refused({ name: 'ab\u0000', description: 'ab\u009f' })).toEqual(['description', 'name']);
      expect(await refused({ description: 'One\r\n\ttwo\n' })).toEqual([]);
    }, 60_000);

    it('have a name with visible characters', async () => {
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

    it('are counted in characters, not in UTF-16 units', async () => {
      expect(await refused({ name: '🧭'.repeat(255), description: '🧭'.repeat(10_000) })).toEqual([]);
      expect(await refused({ name: '🧭'.repeat(256) })).toEqual(['name']);
      expect(await refused({ description: '🧭'.repeat(10_001) })).toEqual(['description']);
    });

    it('are refused in a change as in a new product, with a message that names the expected value', async () => {
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
});

describe('a connection whose request never ends', () => {
  const untilClosed = (lives: readonly number[]) =>
    eventually(
      async () => lives.length,
      (closed) => closed === SOCKETS,
    );

  it('is closed ten seconds after its beginning while the headers go on', async () => {
    await untilClosed(unfinished.headers);
    expect(Math.max(...unfinished.headers)).toBeLessThan(20_000);
  }, 70_000);

  it('is closed after the time limit of a request while the body goes on', async () => {
    await untilClosed(unfinished.bodies);
    expect(Math.max(...unfinished.bodies)).toBeLessThan(45_000);
  }, 70_000);
});
