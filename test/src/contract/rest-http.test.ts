// The REST contract: methods, paths, header fields and bodies of HTTP. The client also checks every reply against
// /openapi.json.
import { describe, expect, it } from '@jest/globals';
import { eventually } from '../support/client.ts';
import { expectProblem } from '../support/problems.ts';
import { head, sendRaw, statusesIn } from '../support/raw-http.ts';
import { useShop } from '../support/shop.ts';

const { system, client, account } = useShop();

describe('HTTP', () => {
  it('answers 404, 405 with Allow, 413, 415 or 400 with a problem', async () => {
    const long = '1'.repeat(7_000);
    const plain = { 'content-type': 'text/plain' };
    const refused: [method: string, path: string, body: string | undefined, status: number, code: string][] =
      [
        ['PUT', '/products', undefined, 405, 'METHOD_NOT_ALLOWED'],
        ['PROPFIND', '/products', undefined, 405, 'METHOD_NOT_ALLOWED'],
        ['POST', `/products/${long}`, undefined, 405, 'METHOD_NOT_ALLOWED'],
        ['GET', '/nowhere', undefined, 404, 'NOT_FOUND'],
        ['GET', '/products/', undefined, 404, 'PRODUCT_NOT_FOUND'],
        ['GET', `/products/${long}`, undefined, 404, 'PRODUCT_NOT_FOUND'],
        ['GET', '/products/%F0%9F%8D%B5', undefined, 404, 'PRODUCT_NOT_FOUND'],
        ['GET', '/products/%00', undefined, 404, 'PRODUCT_NOT_FOUND'],
        ['POST', '/login', '{"username":', 400, 'MALFORMED_JSON'],
        ['POST', '/login', '', 400, 'MALFORMED_JSON'],
        ['POST', '/login', JSON.stringify({ username: 'x'.repeat(1_000_001) }), 413, 'CONTENT_TOO_LARGE'],
        ['POST', '/login?x=1', '{}', 400, 'INVALID_INPUT'],
      ];
    for (const [method, path, body, status, code] of refused) {
      const reply = await client.rest(method, path, { body });
      expectProblem(reply, status, code);
      expect(reply.body.type).toBe(`/problems/${code.toLowerCase().replaceAll('_', '-')}`);
    }
    const typed = await client.rest('POST', '/login', { body: 'username=a', headers: plain });
    expectProblem(typed, 415, 'UNSUPPORTED_MEDIA_TYPE');
    expect((await client.rest('PUT', '/products')).headers.get('allow')).toBe('GET, HEAD, POST');
    expect((await client.rest('PUT', '/graphql')).headers.get('allow')).toBe('GET, POST');
  });

  it('answers HEAD like GET, without the body', async () => {
    const { id } = await client.product(account.token);
    const reply = await fetch(`${system.url}/products/${id}`, { method: 'HEAD' });
    expect([reply.status, await reply.text(), reply.headers.get('etag')]).toEqual([200, '', '"1"']);
  });

  it('answers 400 to a path or a query that is not percent-encoded UTF-8', async () => {
    for (const escaped of ['%zz', '%', '%f', '%ff', '%c0%80', '%ed%a0%80'])
      for (const [path, field] of [
        [`/products/${escaped}`, 'path'],
        [`/products?search=${escaped}`, 'query'],
      ] as const) {
        const reply = await client.rest('GET', path);
        expect([escaped, reply.status, reply.body.errors]).toEqual([
          escaped,
          400,
          [expect.objectContaining({ field })],
        ]);
      }
  });

  it('explains each problem on a page', async () => {
    const page = await fetch(`${system.url}/problems/out-of-stock`);
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(await page.text()).toContain('<h1>Not enough in stock</h1>');
    expect((await fetch(`${system.url}/problems/unknown`)).status).toBe(404);
  });

  it('keeps a request id of harmless characters, and replaces any other', async () => {
    const kept = await client.rest('GET', '/products?limit=1', {
      headers: { 'x-request-id': 'my-request.7' },
    });
    expect(kept.headers.get('x-request-id')).toBe('my-request.7');
    const replaced = await client.rest('GET', '/products?limit=1', { headers: { 'x-request-id': 'a b"c' } });
    expect(replaced.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('a field with one value', () => {
  it('is refused by name when it comes twice, and the request is not executed', async () => {
    const { id } = await client.product(account.token);
    const order = JSON.stringify({ product_id: id, quantity: 1 });
    const bearer = `Authorization: Bearer ${account.token}`;
    const json = 'Content-Type: application/json';
    for (const [name, ...lines] of [
      ['Idempotency-Key', 'Idempotency-Key: a', 'Idempotency-Key: b', json, bearer],
      ['Idempotency-Key', 'Idempotency-Key: a', 'idempotency-key: a', json, bearer],
      ['Content-Type', json, 'Content-Type: text/plain', bearer],
      ['Authorization', bearer, bearer, json],
      ['Host', 'Host: other', json, bearer],
    ] as const) {
      const asked = head('POST', '/orders', ...lines, `Content-Length: ${order.length}`, 'Connection: close');
      const received = await sendRaw(system.url, [asked + order]);
      expect([name, ...statusesIn(received)]).toEqual([name, 400]);
      expect(JSON.parse(received.split('\r\n\r\n')[1] ?? '')).toMatchObject({
        code: 'INVALID_INPUT',
        errors: [{ field: name, message: 'expected one field, got more than one' }],
      });
    }
    expect((await client.rest('GET', '/orders', { token: account.token })).body).toEqual([]);
    expect((await client.rest('GET', `/products/${id}`)).body.stock).toBe(10);
  });

  it('is not Prefer or If-Match, whose values are lists', async () => {
    const { id } = await client.product(account.token);
    const body = '{"name":"By a list"}';
    const received = await sendRaw(system.url, [
      head(
        'PATCH',
        `/products/${id}`,
        `Authorization: Bearer ${account.token}`,
        'Content-Type: application/json',
        'If-Match: "8"',
        'If-Match: "1"',
        `Content-Length: ${body.length}`,
        'Connection: close',
      ) + body,
    ]);
    expect(statusesIn(received)).toEqual([200]);
  });
});

it('a number in a query is a decimal whole number and comes once', async () => {
  const { id } = await client.product(account.token);
  await client.rest('POST', '/orders', { token: account.token, body: { product_id: id, quantity: 1 } });
  for (const path of ['/products', '/orders'])
    for (const limit of [
      '0x10',
      '1e1',
      '%205',
      '5%20',
      '+5',
      '%2B5',
      '05',
      '5.0',
      '0',
      '101',
      '',
      '5&limit=5',
    ]) {
      const reply = await client.rest('GET', `${path}?limit=${limit}`, { token: account.token });
      expectProblem(reply, 400, 'INVALID_INPUT');
      expect([limit, reply.body.errors[0].field]).toEqual([limit, 'limit']);
    }
  expect((await client.rest('GET', '/products?limit=%35')).status).toBe(200);
});

describe('an unreadable request', () => {
  /** Reads the problem in a reply that closes the connection. */
  async function problemTo(...parts: string[]) {
    const received = await sendRaw(system.url, parts, { quietMs: 15_000 });
    const [fields = '', body = ''] = received.split('\r\n\r\n');
    expect(fields.toLowerCase()).toContain('\r\ncontent-type: application/problem+json\r\n');
    expect(fields.toLowerCase()).toContain('\r\nx-content-type-options: nosniff\r\n');
    const problem = JSON.parse(body);
    expect(statusesIn(received)).toEqual([problem.status]);
    expect(fields.toLowerCase()).toContain(`\r\nx-request-id: ${problem.request_id}`);
    await eventually(
      async () => system.logs().filter((line) => line.includes(problem.request_id)),
      ({ length }) => length === 1,
    );
    return problem;
  }

  it.each<[string, string, number, string]>([
    ['a long field', head('GET', '/products', `X: ${'x'.repeat(17_000)}`), 431, 'HEADERS_TOO_LARGE'],
    ['a long path', head('GET', `/${'x'.repeat(17_000)}`), 431, 'HEADERS_TOO_LARGE'],
    [
      'a long Authorization',
      head('GET', '/profile', `Authorization: ${'x'.repeat(15_000)}`, 'Connection: close'),
      431,
      'HEADERS_TOO_LARGE',
    ],
    ['a space before the colon', head('GET', '/products', 'X : y'), 400, 'BAD_USER_INPUT'],
    ['no HTTP', 'EHLO example.com\r\n\r\n', 400, 'BAD_USER_INPUT'],
    ['no host', 'GET /products HTTP/1.1\r\nConnection: close\r\n\r\n', 400, 'INVALID_INPUT'],
    [
      'a chunk that is none',
      `${head('POST', '/login', 'Content-Type: application/json', 'Transfer-Encoding: chunked')}zz\r\n`,
      400,
      'MALFORMED_JSON',
    ],
    [
      'long extensions of a chunk',
      `${head('POST', '/login', 'Content-Type: application/json', 'Transfer-Encoding: chunked')}1;${'x'.repeat(20_000)}\r\n`,
      413,
      'CONTENT_TOO_LARGE',
    ],
    ['a head that does not end', 'GET /products HTTP/1.1\r\nHost: x\r\n', 408, 'REQUEST_TIMEOUT'],
  ])(
    'gets a problem as its reply: %s',
    async (_, bytes, status, code) => {
      expect(await problemTo(bytes)).toMatchObject({
        status,
        code,
        type: expect.any(String),
        detail: expect.any(String),
      });
    },
    20_000,
  );

  it('is 408 or 431 in the contract of every call', async () => {
    const { paths } = JSON.parse(await (await fetch(`${system.url}/openapi.json`)).text());
    const calls = Object.entries<Record<string, { responses: object }>>(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { responses }]) => [`${method} ${path}`, Object.keys(responses)]),
    );
    for (const [call, statuses] of calls)
      expect([call, statuses]).toEqual([call, expect.arrayContaining(['400', '408', '431'])]);
  });
});

it('/graphql accepts application/json, and no other type that begins with it', async () => {
  const ask = async (type: string) => {
    const reply = await fetch(`${system.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': type },
      body: '{"query":"{ __typename }"}',
    });
    return reply.status;
  };
  for (const type of [
    'application/json',
    'Application/JSON ; charset=utf-8',
    'application/graphql-response+json',
  ])
    expect([type, await ask(type)]).toEqual([type, 200]);
  for (const type of [
    'application/json-patch+json',
    'application/json-seq',
    'application/json.x',
    'application/json/x',
    'application/jsonp',
    'text/plain',
  ])
    expect([type, await ask(type)]).toEqual([type, 415]);
});
