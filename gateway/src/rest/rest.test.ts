// The whole shim over HTTP, with the subgraphs' schemas and a store in memory behind them.
import { registry } from '@holdfast/platform/observability/metrics';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type CallOptions, callRest } from '../test/rest-client.ts';
import { type StubProduct, USER_ID } from '../test/stub-data.ts';
import { createStubStore } from '../test/stub-store.ts';
import { type StubSystem, schemaOf, startStubSystem } from '../test/stub-system.ts';

const store = createStubStore();
let system: StubSystem;
let authorization: string;

beforeAll(async () => {
  system = await startStubSystem({ resolvers: store.resolvers });
  authorization = `Bearer ${await system.token(USER_ID)}`;
});
afterAll(() => system.close());

let pot: StubProduct;
beforeEach(() => {
  store.products.clear();
  store.orderInputs.length = 0;
  store.orderStatus = 'CONFIRMED';
  store.overtakes = 0;
  pot = store.addProduct();
});

const call = (method: string, path: string, options?: CallOptions) =>
  callRest(system.url, authorization, method, path, options);

describe('reading', () => {
  it('shows a product with its columns, its price as a number, and its ETag', async () => {
    const reply = await call('GET', `/products/${pot.id}`);
    expect(reply.status).toBe(200);
    expect(reply.headers.get('etag')).toBe('"1"');
    expect(reply.body).toEqual({
      id: Number(pot.id),
      name: 'Pot',
      description: null,
      price: 19.99,
      stock: 5,
      version: 1,
      created_at: expect.any(String),
      updated_at: expect.any(String),
    });
  });

  it('answers 304 without a body to the version that the client has', async () => {
    const reply = await call('GET', `/products/${pot.id}`, { headers: { 'if-none-match': 'W/"1"' } });
    expect([reply.status, reply.text, reply.headers.get('etag')]).toEqual([304, '', '"1"']);
  });

  it('answers HEAD as GET without the body', async () => {
    const reply = await call('HEAD', `/products/${pot.id}`);
    expect([reply.status, reply.text, reply.headers.get('etag')]).toEqual([200, '', '"1"']);
  });

  it('answers 404 to an id that is unknown or none', async () => {
    for (const id of ['2147483647', 'x', '%00', '%F0%9F%8D%B5', 'a'.repeat(101)]) {
      expect((await call('GET', `/products/${id}`)).status).toBe(404);
    }
  });

  it('answers 400 to a path or a query that is no percent-encoded UTF-8', async () => {
    for (const escaped of ['%zz', '%', '%f', '%ff', '%c0%80', '%ed%a0%80']) {
      const inPath = await call('GET', `/products/${escaped}`);
      expect(inPath.body).toMatchObject({ status: 400, errors: [{ field: 'path' }] });
      const inQuery = await call('GET', `/products?search=${escaped}`);
      expect(inQuery.body).toMatchObject({ status: 400, errors: [{ field: 'query' }] });
    }
  });

  it('goes from page to page by Link until the last', async () => {
    store.addProduct();
    store.addProduct();
    const first = await call('GET', '/products?limit=2&sort=oldest');
    expect(first.body).toHaveLength(2);
    const next = /^<(\/products\?limit=2&sort=oldest&cursor=[^>]+)>; rel="next"$/.exec(
      first.headers.get('link') ?? '',
    )?.[1];
    const last = await call('GET', String(next));
    expect(last.body).toHaveLength(1);
    expect(last.headers.get('link')).toBeNull();
  });

  it("names a subgraph's complaint as REST does", async () => {
    const reply = await call('GET', '/products?cursor=nonsense');
    expect(reply.status).toBe(400);
    expect(reply.body.errors).toEqual([{ field: 'cursor', message: 'expected a cursor, got "nonsense"' }]);
  });

  it('shows an order, with its history when it is one', async () => {
    const list = await call('GET', '/orders?status=CONFIRMED');
    expect(list.body[0]).not.toHaveProperty('history');
    const one = await call('GET', `/orders/${list.body[0].id}`);
    expect(one.headers.get('etag')).toBe('"1"');
    expect(one.body).toEqual({
      ...list.body[0],
      user_id: Number(USER_ID),
      unit_price: 2.35,
      total_price: 4.7,
      history: [
        {
          status: 'PENDING',
          version: 1,
          at: expect.any(String),
          actor: { user_id: Number(USER_ID), role: 'CUSTOMER' },
          reason: null,
        },
      ],
    });
  });
});

describe('accounts', () => {
  it('opens accounts and sessions', async () => {
    const body = { username: 'ada', email: 'ada@example.com', password: 'right' };
    const registered = await call('POST', '/register', { body });
    expect([registered.status, registered.headers.get('location')]).toEqual([201, '/profile']);
    expect(registered.body).not.toHaveProperty('__typename');
    expect((await call('POST', '/register', { body: { ...body, username: 'taken' } })).body.code).toBe(
      'USERNAME_TAKEN',
    );
    const login = await call('POST', '/login', { body: { username: 'ada', password: 'right' } });
    expect(login.headers.get('cache-control')).toBe('no-store');
    expect(login.body).toEqual({ token: 'a.b.c', token_type: 'Bearer', expires_in: 900, refresh_token: 'r' });
    expect((await call('POST', '/token/refresh', { body: { refresh_token: 'r' } })).body).toEqual(login.body);
    expect((await call('POST', '/token/refresh', { body: { refresh_token: 's' } })).status).toBe(401);
    expect((await call('POST', '/logout', { body: { refresh_token: 's' } })).status).toBe(204);
    expect((await call('POST', '/logout/everywhere')).status).toBe(204);
    const wrong = await call('POST', '/login', { body: { username: 'ada', password: 'wrong' } });
    expect(wrong.body).toMatchObject({ status: 401, code: 'INVALID_CREDENTIALS' });
  });

  it('changes the password, and names what is wrong with the new one as REST does', async () => {
    const change = (body: object) => call('PUT', '/profile/password', { body });
    const good = { current_password: 'right', new_password: 'new' };
    const changed = await change(good);
    expect([changed.status, changed.text]).toEqual([204, '']);
    expect((await change({ ...good, refresh_token: 'r' })).status).toBe(204);
    const wrong = await change({ ...good, current_password: 'wrong' });
    expect(wrong.body).toMatchObject({ status: 401, code: 'INVALID_CREDENTIALS' });
    const weak = await change({ ...good, new_password: 'weak' });
    expect(weak.body).toMatchObject({
      status: 400,
      code: 'INVALID_INPUT',
      errors: [{ field: 'new_password', message: 'expected another one' }],
    });
    const malformed = await change({ current_password: 5, refresh_token: null });
    expect(malformed.status).toBe(400);
    expect(malformed.body.errors.map(({ field }: { field: string }) => field).sort()).toEqual([
      'current_password',
      'new_password',
      'refresh_token',
    ]);
  });

  it('asks who is there before anything else, and says whether the token was no good', async () => {
    for (const [method, path] of [
      ['GET', '/profile'],
      ['PUT', '/profile/password'],
      ['POST', '/products'],
      ['PUT', '/products/x'],
      ['PATCH', '/products/x'],
      ['DELETE', '/products/x'],
      ['GET', '/orders'],
      ['POST', '/orders'],
      ['POST', '/orders/x/cancel'],
    ] as const) {
      const anonymous = await fetch(system.url + path, { method });
      expect(anonymous.status).toBe(401);
      expect(anonymous.headers.get('www-authenticate')).toBe('Bearer realm="holdfast"');
      const forged = await call(method, path, { headers: { authorization: `${authorization}x` } });
      expect(forged.status).toBe(401);
      expect(forged.headers.get('www-authenticate')).toBe('Bearer realm="holdfast", error="invalid_token"');
    }
    expect((await call('GET', '/profile')).body.username).toBe('ada');
  });
});

describe('plain HTTP', () => {
  it.each([
    ['PUT', '/products', {}, 405, 'METHOD_NOT_ALLOWED'],
    ['PROPFIND', '/products', {}, 405, 'METHOD_NOT_ALLOWED'],
    ['GET', '/nowhere', {}, 404, 'NOT_FOUND'],
    ['GET', '/products/', {}, 404, 'PRODUCT_NOT_FOUND'],
    ['GET', `/products/${'1'.repeat(7_000)}`, {}, 404, 'PRODUCT_NOT_FOUND'],
    ['POST', `/products/${'1'.repeat(7_000)}`, {}, 405, 'METHOD_NOT_ALLOWED'],
    ['POST', '/login', { body: '{"username":' }, 400, 'MALFORMED_JSON'],
    ['POST', '/login', { body: '' }, 400, 'MALFORMED_JSON'],
    [
      'POST',
      '/login',
      { body: 'x', headers: { 'content-type': 'text/plain' } },
      415,
      'UNSUPPORTED_MEDIA_TYPE',
    ],
    ['POST', '/login', { body: 'x'.repeat(1_000_001) }, 413, 'CONTENT_TOO_LARGE'],
    ['POST', '/login?x=1', { body: '{}' }, 400, 'INVALID_INPUT'],
  ])('%s %s with %j is %i %s', async (method, path, options, status, code) => {
    const reply = await call(method, path, options);
    expect(reply.headers.get('content-type')).toBe('application/problem+json');
    expect(reply.body).toMatchObject({ status, code, type: expect.stringMatching(/^\/problems\/[a-z-]+$/) });
    expect(reply.status).toBe(status);
    expect(reply.body.request_id).toBe(reply.headers.get('x-request-id'));
  });

  it('says which methods there are', async () => {
    expect((await call('PUT', '/products')).headers.get('allow')).toBe('GET, HEAD, POST');
    expect((await call('PUT', '/graphql')).headers.get('allow')).toBe('GET, POST');
  });

  it('explains itself', async () => {
    expect((await call('GET', '/openapi.json')).body.openapi).toMatch(/^3\.1/);
    expect((await call('GET', '/')).body.docs).toBe('/docs');
    const { text, headers } = await call('GET', '/problems/out-of-stock');
    expect(headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(text).toContain('<h1>Not enough in stock</h1>');
    expect((await call('GET', '/problems/nothing-known')).status).toBe(404);
  });
});

it('answers 503, and counts our failure, when the subgraph does not know yet what the call asks it for', async () => {
  const count = async (outcome: string) => {
    const labels = `{operation="ListProducts",type="query",outcome="${outcome}"}`;
    const lines = (await registry.metrics()).split('\n');
    const found = lines.find((line) => line.startsWith(`graphql_operation_duration_seconds_count${labels} `));
    return Number(found?.split(' ').at(-1) ?? 0);
  };
  const sdl = await schemaOf('products');
  await system.upgrade('products', sdl.replace('updatedAt: DateTime!', 'changedAt: DateTime!'));
  const before = { errors: await count('error'), refusals: await count('refused') };
  const reply = await call('GET', '/products');
  expect(reply.status).toBe(503);
  expect(reply.headers.get('retry-after')).toBe('1');
  expect(reply.body).toMatchObject({
    code: 'SERVICE_UNAVAILABLE',
    detail: 'The products service cannot do this right now.',
  });
  const after = { errors: await count('error'), refusals: await count('refused') };
  expect(after).toEqual({ ...before, errors: before.errors + 1 });
  await system.upgrade('products', sdl);
  expect((await call('GET', '/products')).status).toBe(200);
});
