// The REST contract, row by row. The client holds every reply to /openapi.json besides.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Account, Client, uniqueName } from '../support/client.js';
import { type System, startSystem } from '../support/system.js';

let system: System;
let client: Client;
let account: Account;

beforeAll(async () => {
  system = await startSystem();
  client = await Client.of(system.url);
  account = await client.account();
});
afterAll(() => system?.stop());

const MISSING = '01890a5d-ac96-774b-bcce-b302099a8057';
const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const PASSWORD = 'correct horse battery staple 9';

const isProblem = (
  reply: { status: number; headers: Headers; body: Record<string, unknown> },
  status: number,
  code: string,
) => {
  expect(reply.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(reply.body).toMatchObject({ status, code, title: expect.any(String), detail: expect.any(String) });
  expect(reply.body['request_id']).toBe(reply.headers.get('x-request-id'));
  expect(reply.status).toBe(status);
};
const fieldsOf = (body: { errors: { field: string }[] }) => body.errors.map(({ field }) => field).sort();

describe('accounts', () => {
  it('POST /register makes an account and shows it', async () => {
    const username = uniqueName('ann');
    const reply = await client.rest('POST', '/register', {
      body: { username, email: `${username}@Example.COM`, password: PASSWORD },
    });
    expect(reply.status).toBe(201);
    expect(reply.headers.get('location')).toBe('/profile');
    expect(reply.body).toEqual({
      id: expect.any(String),
      username,
      email: `${username}@example.com`,
      role: 'CUSTOMER',
      version: 1,
      created_at: expect.stringMatching(RFC3339),
      updated_at: expect.stringMatching(RFC3339),
    });
  });

  it('POST /register refuses bad input field by field, unknown members too, and never shows the password', async () => {
    const reply = await client.rest('POST', '/register', {
      body: { username: 'a!', email: 'nowhere', password: 'hunter2' },
    });
    isProblem(reply, 400, 'INVALID_INPUT');
    expect(fieldsOf(reply.body)).toEqual(['email', 'password', 'username']);
    expect(reply.text).not.toContain('hunter2');
    const missing = await client.rest('POST', '/register', { body: { username: 5, role: 'STAFF' } });
    expect(missing.status).toBe(400);
    expect(fieldsOf(missing.body)).toEqual(['email', 'password', 'role', 'username']);
  });

  it('POST /register refuses a name or an address that is taken, whatever its case', async () => {
    const { username } = account;
    const name = await client.rest('POST', '/register', {
      body: { username: username.toUpperCase(), email: `${uniqueName('x')}@example.com`, password: PASSWORD },
    });
    isProblem(name, 409, 'USERNAME_TAKEN');
    const email = await client.rest('POST', '/register', {
      body: { username: uniqueName('x'), email: `${username.toUpperCase()}@example.com`, password: PASSWORD },
    });
    isProblem(email, 409, 'EMAIL_TAKEN');
  });

  it('POST /login opens a session by name or address and refuses all else alike', async () => {
    for (const name of [
      account.username,
      account.username.toUpperCase(),
      `${account.username}@EXAMPLE.com`,
    ]) {
      const reply = await client.rest('POST', '/login', {
        body: { username: name, password: account.password },
      });
      expect(reply.status).toBe(200);
      expect(reply.body).toEqual({
        token: expect.any(String),
        token_type: 'Bearer',
        expires_in: 900,
        refresh_token: expect.any(String),
      });
    }
    const wrong = await client.rest('POST', '/login', {
      body: { username: account.username, password: `${account.password}x` },
    });
    const unknown = await client.rest('POST', '/login', {
      body: { username: uniqueName('nobody'), password: account.password },
    });
    isProblem(wrong, 401, 'INVALID_CREDENTIALS');
    isProblem(unknown, 401, 'INVALID_CREDENTIALS');
    expect(wrong.body.detail).toBe(unknown.body.detail);
    expect((await client.rest('POST', '/login', { body: { username: account.username } })).status).toBe(400);
  });

  it('POST /token/refresh rotates, a used token ends the family, POST /logout ends a session', async () => {
    const login = async () =>
      (
        await client.rest('POST', '/login', {
          body: { username: account.username, password: account.password },
        })
      ).body;
    const refresh = (refresh_token: string) =>
      client.rest('POST', '/token/refresh', { body: { refresh_token } });
    const first = (await login()).refresh_token;
    const second = await refresh(first);
    expect(second.status).toBe(200);
    expect((await client.rest('GET', '/profile', { token: second.body.token })).status).toBe(200);
    isProblem(await refresh(first), 401, 'INVALID_CREDENTIALS');
    expect((await refresh(second.body.refresh_token)).status).toBe(401);

    const other = (await login()).refresh_token;
    expect((await client.rest('POST', '/logout', { body: { refresh_token: other } })).status).toBe(204);
    expect((await refresh(other)).status).toBe(401);
  });

  it('GET /profile shows the account', async () => {
    const reply = await client.rest('GET', '/profile', { token: account.token });
    expect(reply.status).toBe(200);
    expect(reply.body).toMatchObject({
      id: account.id,
      username: account.username,
      email: `${account.username}@example.com`,
    });
    expect(reply.text).not.toMatch(/argon2|password/);
  });
});

describe('products', () => {
  it('POST /products makes one, with Location and ETag, price as number or string', async () => {
    for (const price of [12.5, '12.50']) {
      const reply = await client.rest('POST', '/products', {
        token: account.token,
        body: { name: 'Teapot', description: 'Holds tea.', price, stock: 3 },
      });
      expect(reply.status).toBe(201);
      expect(reply.headers.get('location')).toBe(`/products/${reply.body.id}`);
      expect(reply.headers.get('etag')).toBe('"1"');
      expect(reply.body).toMatchObject({
        name: 'Teapot',
        description: 'Holds tea.',
        price: 12.5,
        stock: 3,
        version: 1,
      });
    }
  });

  it('POST /products refuses bad input field by field', async () => {
    const reply = await client.rest('POST', '/products', {
      token: account.token,
      body: { name: '', description: null, price: -1, stock: -1 },
    });
    expect(reply.status).toBe(400);
    expect(fieldsOf(reply.body)).toEqual(['name', 'price', 'stock']);
    const cents = await client.rest('POST', '/products', {
      token: account.token,
      body: { name: 'x', price: 1.999, stock: 1 },
    });
    expect(cents.status).toBe(400);
    expect(fieldsOf(cents.body)).toEqual(['price']);
    expect(cents.text).toContain('1.999');
  });

  it('GET /products/{id} answers 304 to the ETag that it gave, 404 to what is not there', async () => {
    const product = await client.product(account.token);
    const first = await client.rest('GET', `/products/${product.id}`);
    expect(first.headers.get('etag')).toBe('"1"');
    for (const tag of ['"1"', 'W/"1"', '"9", "1"', '*']) {
      const again = await client.rest('GET', `/products/${product.id}`, {
        headers: { 'if-none-match': tag },
      });
      expect(again.status).toBe(304);
      expect(again.headers.get('etag')).toBe('"1"');
    }
    expect(
      (await client.rest('GET', `/products/${product.id}`, { headers: { 'if-none-match': '"2"' } })).status,
    ).toBe(200);
    for (const id of [MISSING, 'not-an-id', '1'])
      isProblem(await client.rest('GET', `/products/${id}`), 404, 'PRODUCT_NOT_FOUND');
  });

  it('GET /products goes through all of them by Link, in any order, each once', async () => {
    const mark = uniqueName('paged').replaceAll('-', '');
    const made: string[] = [];
    for (let index = 0; index < 7; index += 1) {
      made.push(
        (await client.product(account.token, { name: `${mark} ${index % 3}`, price: 5 + (index % 3) })).id,
      );
    }
    for (const sort of ['newest', 'oldest', 'price_asc', 'price_desc', 'name_asc']) {
      const seen: { id: string; price: number }[] = [];
      let next: string | undefined = `/products?limit=3&search=${mark}&sort=${sort}`;
      while (next !== undefined) {
        const page = await client.rest('GET', next);
        expect(page.body.length).toBeLessThanOrEqual(3);
        seen.push(...page.body);
        next = /^<([^>]+)>; rel="next"$/.exec(page.headers.get('link') ?? '')?.[1]?.replace(system.url, '');
      }
      expect(seen.map(({ id }) => id).sort()).toEqual([...made].sort());
      const prices = seen.map(({ price }) => price);
      if (sort === 'price_asc') expect(prices).toEqual([...prices].sort((a, b) => a - b));
      if (sort === 'price_desc') expect(prices).toEqual([...prices].sort((a, b) => b - a));
      if (sort === 'newest') expect(seen.map(({ id }) => id)).toEqual([...made].reverse());
    }
  });

  it('GET /products refuses what it does not understand', async () => {
    for (const query of [
      'limit=0',
      'limit=101',
      'limit=x',
      'cursor=nonsense',
      'sort=sideways',
      'colour=red',
      'min_price=cheap',
    ]) {
      const reply = await client.rest('GET', `/products?${query}`);
      expect({ query, status: reply.status }).toEqual({ query, status: 400 });
      expect(reply.body.errors[0].field).toBe(query.split('=')[0]);
    }
  });

  it('PUT /products/{id} replaces, by If-Match or by version', async () => {
    const { id } = await client.product(account.token);
    const body = { name: 'New', description: 'Newer', price: 1, stock: 2 };
    const byTag = await client.rest('PUT', `/products/${id}`, {
      token: account.token,
      headers: { 'if-match': '"1"' },
      body,
    });
    expect(byTag.status).toBe(200);
    expect(byTag.headers.get('etag')).toBe('"2"');
    expect(byTag.body).toMatchObject({ ...body, version: 2 });
    const byVersion = await client.rest('PUT', `/products/${id}`, {
      token: account.token,
      body: { ...body, version: 2 },
    });
    expect(byVersion.body.version).toBe(3);

    const staleVersion = await client.rest('PUT', `/products/${id}`, {
      token: account.token,
      body: { ...body, version: 2 },
    });
    isProblem(staleVersion, 409, 'VERSION_CONFLICT');
    const staleTag = await client.rest('PUT', `/products/${id}`, {
      token: account.token,
      headers: { 'if-match': '"1"' },
      body,
    });
    isProblem(staleTag, 412, 'PRECONDITION_FAILED');
    for (const stale of [staleVersion, staleTag]) {
      expect(stale.headers.get('etag')).toBe('"3"');
      expect(stale.body.current_version).toBe(3);
    }
    expect(
      (
        await client.rest('PUT', `/products/${id}`, {
          token: account.token,
          headers: { 'if-match': 'W/"3"' },
          body,
        })
      ).status,
    ).toBe(412);
    isProblem(
      await client.rest('PUT', `/products/${id}`, { token: account.token, body }),
      428,
      'PRECONDITION_REQUIRED',
    );
    const partial = await client.rest('PUT', `/products/${id}`, {
      token: account.token,
      headers: { 'if-match': '"3"' },
      body: { name: 'x' },
    });
    expect(partial.status).toBe(400);
    const missing = await client.rest('PUT', `/products/${MISSING}`, {
      token: account.token,
      headers: { 'if-match': '"1"' },
      body,
    });
    isProblem(missing, 404, 'PRODUCT_NOT_FOUND');
  });

  it('PUT takes back the representation that GET gave', async () => {
    const { id } = await client.product(account.token);
    const { body } = await client.rest('GET', `/products/${id}`);
    const reply = await client.rest('PUT', `/products/${id}`, {
      token: account.token,
      body: { ...body, price: 3.5 },
    });
    expect(reply.status).toBe(200);
    expect(reply.body).toMatchObject({ price: 3.5, version: 2 });
  });

  it('PATCH /products/{id} changes what it names', async () => {
    const { id } = await client.product(account.token, { name: 'Before' });
    const reply = await client.rest('PATCH', `/products/${id}`, {
      token: account.token,
      headers: { 'if-match': '"1"' },
      body: { description: null },
    });
    expect(reply.status).toBe(200);
    expect(reply.body).toMatchObject({ name: 'Before', description: null, version: 2 });
    expect(
      (await client.rest('PATCH', `/products/${id}`, { token: account.token, body: { name: 'x' } })).status,
    ).toBe(428);
    expect(
      (
        await client.rest('PATCH', `/products/${id}`, {
          token: account.token,
          headers: { 'if-match': '"2"' },
          body: {},
        })
      ).status,
    ).toBe(400);
    const any = await client.rest('PATCH', `/products/${id}`, {
      token: account.token,
      headers: { 'if-match': '*' },
      body: { name: 'Any' },
    });
    expect(any.body).toMatchObject({ name: 'Any', version: 3 });
  });

  it('DELETE /products/{id} takes it out of sight; its orders still show it', async () => {
    const { id } = await client.product(account.token, { name: 'Short-lived' });
    const order = await client.rest('POST', '/orders', {
      token: account.token,
      body: { product_id: id, quantity: 1 },
    });
    expect(
      (
        await client.rest('DELETE', `/products/${id}`, {
          token: account.token,
          headers: { 'if-match': '"1"' },
        })
      ).status,
    ).toBe(412);
    expect((await client.rest('DELETE', `/products/${id}`, { token: account.token })).status).toBe(204);
    expect((await client.rest('GET', `/products/${id}`)).status).toBe(404);
    expect((await client.rest('DELETE', `/products/${id}`, { token: account.token })).status).toBe(404);
    const again = await client.rest('POST', '/orders', {
      token: account.token,
      body: { product_id: id, quantity: 1 },
    });
    isProblem(again, 404, 'PRODUCT_NOT_FOUND');
    const { data } = await client.graphql(
      `{ order(id: "${order.body.id}") { product { id name } } }`,
      {},
      account.token,
    );
    expect(data.order.product).toEqual({ id, name: 'Short-lived' });
  });
});

describe('orders', () => {
  const place = (body: unknown, headers: Record<string, string> = {}) =>
    client.rest('POST', '/orders', { token: account.token, body, headers });

  it('POST /orders answers 201 with Location and the order', async () => {
    const product = await client.product(account.token, { price: 2.35, stock: 5 });
    const reply = await place({ product_id: product.id, quantity: 3 });
    expect(reply.status).toBe(201);
    expect(reply.headers.get('location')).toBe(`/orders/${reply.body.id}`);
    expect(reply.body).toMatchObject({
      user_id: account.id,
      product_id: product.id,
      quantity: 3,
      unit_price: 2.35,
      total_price: 7.05,
      status: 'CONFIRMED',
      version: 2,
    });
    const one = await client.rest('GET', `/orders/${reply.body.id}`, { token: account.token });
    expect(one.headers.get('etag')).toBe('"2"');
    expect(one.body.history.map(({ status }: { status: string }) => status)).toEqual([
      'PENDING',
      'CONFIRMED',
    ]);
    const list = await client.rest('GET', '/orders?limit=1', { token: account.token });
    expect(list.body[0].id).toBe(reply.body.id);
  });

  it('POST /orders names what is wrong', async () => {
    const product = await client.product(account.token, { stock: 1 });
    const short = await place({ product_id: product.id, quantity: 2 });
    isProblem(short, 409, 'OUT_OF_STOCK');
    expect(short.body.available).toBe(1);
    isProblem(await place({ product_id: MISSING, quantity: 1 }), 404, 'PRODUCT_NOT_FOUND');
    const invalid = await place({ product_id: product.id, quantity: 0 });
    expect(invalid.status).toBe(400);
    expect(fieldsOf(invalid.body)).toEqual(['quantity']);
    const priced = await place({ product_id: product.id, quantity: 1, total_price: 0.01, user_id: MISSING });
    expect(priced.status).toBe(400);
    expect(fieldsOf(priced.body)).toEqual(['total_price', 'user_id']);
  });

  it('gives the same reply to the same key, a rejection too', async () => {
    const product = await client.product(account.token, { stock: 1 });
    const headers = { 'idempotency-key': '"8e03978e-40d5-43dd-bc93-6894a57f9324"' };
    const short = await place({ product_id: product.id, quantity: 2 }, headers);
    expect(short.status).toBe(409);
    await client.rest('PATCH', `/products/${product.id}`, {
      token: account.token,
      headers: { 'if-match': '*' },
      body: { stock: 50 },
    });
    const again = await place({ product_id: product.id, quantity: 2 }, headers);
    expect(again.status).toBe(409);
    expect(again.body.available).toBe(short.body.available);
  });

  it('honours Prefer', async () => {
    const product = await client.product(account.token);
    const async = await place({ product_id: product.id, quantity: 1 }, { prefer: 'respond-async' });
    expect(async.status).toBe(202);
    expect(async.headers.get('preference-applied')).toBe('respond-async');
    expect(async.headers.get('location')).toBe(`/orders/${async.body.id}`);
    const waited = await place({ product_id: product.id, quantity: 1 }, { prefer: 'wait=5' });
    expect(waited.status).toBe(201);
    expect(waited.headers.get('preference-applied')).toBe('wait=5');
  });

  it('POST /orders/{id}/cancel cancels once', async () => {
    const product = await client.product(account.token);
    const { body: order } = await place({ product_id: product.id, quantity: 1 });
    const cancel = (headers: Record<string, string>) =>
      client.rest('POST', `/orders/${order.id}/cancel`, { token: account.token, headers });
    expect((await cancel({})).status).toBe(428);
    const stale = await cancel({ 'if-match': '"1"' });
    isProblem(stale, 412, 'PRECONDITION_FAILED');
    expect(stale.headers.get('etag')).toBe('"2"');
    const cancelled = await cancel({ 'if-match': '"2"' });
    expect(cancelled.status).toBe(200);
    expect(cancelled.body).toMatchObject({ status: 'CANCELLED', version: 3 });
    isProblem(await cancel({ 'if-match': '"3"' }), 409, 'ORDER_NOT_CANCELLABLE');
    const missing = await client.rest('POST', `/orders/${MISSING}/cancel`, {
      token: account.token,
      headers: { 'if-match': '"1"' },
    });
    isProblem(missing, 404, 'ORDER_NOT_FOUND');
  });

  it('GET /orders filters by status', async () => {
    const list = await client.rest('GET', '/orders?status=CANCELLED&limit=100', { token: account.token });
    expect(list.body.length).toBeGreaterThan(0);
    for (const { status } of list.body) expect(status).toBe('CANCELLED');
  });
});

describe('HTTP', () => {
  it('says 405 with Allow, 415, 413, 400 and 404 where they belong', async () => {
    const method = await client.rest('PUT', '/products');
    isProblem(method, 405, 'METHOD_NOT_ALLOWED');
    expect((method.headers.get('allow') ?? '').split(', ').sort()).toEqual(['GET', 'HEAD', 'POST']);
    const type = await client.rest('POST', '/login', {
      body: 'username=a',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    isProblem(type, 415, 'UNSUPPORTED_MEDIA_TYPE');
    isProblem(await client.rest('POST', '/login', { body: '{"username":' }), 400, 'MALFORMED_JSON');
    isProblem(
      await client.rest('POST', '/login', { body: JSON.stringify({ username: 'x'.repeat(1_000_001) }) }),
      413,
      'CONTENT_TOO_LARGE',
    );
    isProblem(await client.rest('GET', '/nowhere'), 404, 'NOT_FOUND');
  });

  it('takes over a harmless request id and no other', async () => {
    const kept = await client.rest('GET', '/products?limit=1', {
      headers: { 'x-request-id': 'my-request.7' },
    });
    expect(kept.headers.get('x-request-id')).toBe('my-request.7');
    const replaced = await client.rest('GET', '/products?limit=1', { headers: { 'x-request-id': 'a b"c' } });
    expect(replaced.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });
});
