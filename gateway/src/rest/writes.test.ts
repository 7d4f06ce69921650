// Writes, and lists of orders, over HTTP, with the subgraphs' schemas and a store in memory behind them.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type CallOptions, callRest, type Headers } from '../test/rest-client.ts';
import { type StubProduct, USER_ID } from '../test/stub-data.ts';
import { createStubStore } from '../test/stub-store.ts';
import { type StubSystem, startStubSystem } from '../test/stub-system.ts';

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
  store.productInputs.length = 0;
  store.orderStatus = 'CONFIRMED';
  store.overtakes = 0;
  pot = store.addProduct();
});

const call = (method: string, path: string, options?: CallOptions) =>
  callRest(system.url, authorization, method, path, options);

const OF_A_POT = { name: 'Pan', description: 'New', price: '25.00', stock: 4 };

describe('changing a product', () => {
  const put = (headers: Headers, body: object = OF_A_POT) =>
    call('PUT', `/products/${pot.id}`, { headers, body });

  it('needs a condition', async () => {
    expect((await put({})).body).toMatchObject({ status: 428, code: 'PRECONDITION_REQUIRED' });
    const patch = await call('PATCH', `/products/${pot.id}`, { body: { stock: 1, version: 1 } });
    expect(patch.status).toBe(428);
  });

  it('goes through when the tag or the version is current', async () => {
    const byTag = await put({ 'if-match': '"1"' });
    expect([byTag.status, byTag.headers.get('etag'), byTag.body.price]).toEqual([200, '"2"', 25]);
    expect((await put({}, { ...OF_A_POT, version: 2 })).status).toBe(200);
    expect((await put({ 'if-match': '"8", "3"' })).status).toBe(200);
    expect((await put({ 'if-match': '*' })).status).toBe(200);
    expect((await put({ 'if-match': '"5"' }, { ...OF_A_POT, version: 5 })).body.version).toBe(6);
    const patch = await call('PATCH', `/products/${pot.id}`, {
      headers: { 'if-match': '"6"', 'content-type': 'application/merge-patch+json' },
      body: { description: null },
    });
    expect(patch.body).toMatchObject({ name: 'Pan', description: null, version: 7 });
  });

  it('is refused with the current version when the tag is stale (412) or the version is (409)', async () => {
    pot.version = 5;
    for (const [headers, body, status] of [
      [{ 'if-match': '"4"' }, OF_A_POT, 412],
      [{ 'if-match': 'W/"5"' }, OF_A_POT, 412],
      [{ 'if-match': '"x"' }, OF_A_POT, 412],
      [{ 'if-match': '"3", "4"' }, OF_A_POT, 412],
      [{ 'if-match': '"4"' }, { ...OF_A_POT, version: 4 }, 412],
      [{}, { ...OF_A_POT, version: 4 }, 409],
      [{ 'if-match': '*' }, { ...OF_A_POT, version: 4 }, 409],
      [{ 'if-match': '"5", "4"' }, { ...OF_A_POT, version: 4 }, 409],
    ] satisfies [Headers, object, number][]) {
      const reply = await put(headers, body);
      const code = status === 412 ? 'PRECONDITION_FAILED' : 'VERSION_CONFLICT';
      expect(reply.body).toMatchObject({ status, code, current_version: 5 });
      expect(reply.headers.get('etag')).toBe('"5"');
    }
    expect(pot.version).toBe(5);
  });

  it('is refused when tag and version contradict each other, and when the tag is malformed', async () => {
    const contradiction = await put({ 'if-match': '"1"' }, { ...OF_A_POT, version: 2 });
    expect(contradiction.body).toMatchObject({ status: 400, errors: [{ field: 'version' }] });
    expect((await put({ 'if-match': '1' })).body).toMatchObject({
      status: 400,
      errors: [{ field: 'If-Match' }],
    });
  });

  it('with a star outlives others that are faster, up to a bound', async () => {
    store.overtakes = 9;
    expect((await put({ 'if-match': '*' })).status).toBe(200);
    store.overtakes = 1_000;
    const reply = await put({ 'if-match': '*' });
    expect(reply.body).toMatchObject({ status: 409, code: 'VERSION_CONFLICT' });
    expect(reply.body.current_version).toBe(pot.version);
  });

  it.each<[string, Headers, object, number]>([
    ['*', {}, OF_A_POT, 412],
    ['*', { 'if-match': '"5"' }, OF_A_POT, 412],
    ['*', { 'if-match': '*' }, OF_A_POT, 412],
    ['*', { 'if-match': '"4"' }, OF_A_POT, 412],
    ['*', {}, { ...OF_A_POT, version: 5 }, 412],
    ['*', {}, { ...OF_A_POT, version: 4 }, 412],
    ['"5"', { 'if-match': '*' }, OF_A_POT, 412],
    ['W/"5"', { 'if-match': '"5"' }, OF_A_POT, 412],
    ['"4", "5"', {}, OF_A_POT, 412],
    ['"4"', {}, OF_A_POT, 428],
    ['"4"', { 'if-match': '"4"' }, OF_A_POT, 412],
    ['"4"', {}, { ...OF_A_POT, version: 4 }, 409],
    ['5', { 'if-match': '"5"' }, OF_A_POT, 400],
  ])('is refused by If-None-Match %s at version 5, beside %j', async (tags, headers, body, status) => {
    pot.version = 5;
    const reply = await put({ ...headers, 'if-none-match': tags }, body);
    expect(reply.body.status).toBe(status);
    if (status === 412) {
      expect(reply.body).toMatchObject({ code: 'PRECONDITION_FAILED', current_version: 5 });
      expect(reply.headers.get('etag')).toBe('"5"');
    }
    expect(pot).toMatchObject({ name: 'Pot', version: 5 });
  });

  it('goes through when If-None-Match names other versions only', async () => {
    pot.version = 5;
    const reply = await put({ 'if-match': '"5"', 'if-none-match': '"4", "x"' });
    expect([reply.status, reply.body.version]).toEqual([200, 6]);
    const ofNothing = await call('PUT', '/products/x', { headers: { 'if-none-match': '*' }, body: OF_A_POT });
    expect(ofNothing.body).toMatchObject({ status: 404, code: 'PRODUCT_NOT_FOUND' });
  });

  it('is forbidden by If-None-Match for a deletion as well', async () => {
    const remove = (tags: string) =>
      call('DELETE', `/products/${pot.id}`, { headers: { 'if-none-match': tags } });
    expect([(await remove('*')).status, (await remove('"1"')).status]).toEqual([412, 412]);
    expect(store.products.size).toBe(1);
    expect((await remove('"2"')).status).toBe(204);
  });

  it('without any field changes nothing, and still looks at the condition', async () => {
    const patch = (headers: Headers, body: object = {}) =>
      call('PATCH', `/products/${pot.id}`, { headers, body });
    for (const body of [{}, { version: 1 }, { id: pot.id, created_at: 'then' }]) {
      const reply = await patch({ 'if-match': '"1"' }, body);
      expect([reply.status, reply.headers.get('etag'), reply.body.version]).toEqual([200, '"1"', 1]);
    }
    expect((await patch({ 'if-match': '*' })).status).toBe(200);
    expect((await patch({ 'if-match': '"2"' })).status).toBe(412);
    expect((await patch({ 'if-match': '*', 'if-none-match': '*' })).status).toBe(412);
    expect((await patch({})).status).toBe(428);
    expect(pot.version).toBe(1);
  });

  it('with one tag is tried once', async () => {
    store.overtakes = 1;
    expect((await put({ 'if-match': '"1"' })).body).toMatchObject({ status: 412, current_version: 2 });
    expect(pot).toMatchObject({ name: 'Pot', version: 2 });
  });

  it('deletes with and without a condition', async () => {
    expect((await call('DELETE', `/products/${pot.id}`, { headers: { 'if-match': '"9"' } })).status).toBe(
      412,
    );
    store.overtakes = 3;
    expect((await call('DELETE', `/products/${pot.id}`)).status).toBe(204);
    expect((await call('DELETE', `/products/${pot.id}`)).status).toBe(404);
    expect((await put({ 'if-match': '"1"' })).body).toMatchObject({ status: 404, code: 'PRODUCT_NOT_FOUND' });
    expect((await put({ 'if-match': '*' })).status).toBe(404);
  });

  it('makes one', async () => {
    const reply = await call('POST', '/products', { body: { name: 'Cup', price: 3, stock: 1 } });
    expect(reply.status).toBe(201);
    expect(reply.headers.get('location')).toBe(`/products/${reply.body.id}`);
    expect(reply.body).toMatchObject({ description: null, price: 3, version: 1 });
    const invalid = await call('POST', '/products', { body: { ...OF_A_POT, name: 'invalid' } });
    expect(invalid.body).toMatchObject({ status: 400, code: 'INVALID_INPUT', errors: [{ field: 'name' }] });
  });

  it('makes one with a key, and says 422 when the key was used for something else', async () => {
    const body = { name: 'Cup', price: 3, stock: 1 };
    const made = await call('POST', '/products', { headers: { 'idempotency-key': '"abc"' }, body });
    expect(made.status).toBe(201);
    await call('POST', '/products', { body });
    expect(store.productInputs).toEqual([
      { name: 'Cup', price: '3.00', stock: 1, idempotencyKey: 'abc' },
      { name: 'Cup', price: '3.00', stock: 1 },
    ]);
    const reused = await call('POST', '/products', { body: { ...body, name: 'reused' } });
    expect(reused.body).toMatchObject({ status: 422, code: 'IDEMPOTENCY_KEY_REUSED' });
    const headers = { 'idempotency-key': 'ä' };
    const malformed = await call('POST', '/products', { headers, body });
    expect(malformed.body).toMatchObject({ status: 400, errors: [{ field: 'Idempotency-Key' }] });
    expect(store.productInputs).toHaveLength(3);
  });
});

describe('ordering', () => {
  const place = (quantity: number, headers: Headers = {}) =>
    call('POST', '/orders', { headers, body: { product_id: pot.id, quantity } });

  it('answers 201 with Location and ETag, 202 while it is pending', async () => {
    const reply = await place(2);
    expect(reply.status).toBe(201);
    expect(reply.headers.get('location')).toBe(`/orders/${reply.body.id}`);
    expect(reply.headers.get('etag')).toBe('"1"');
    store.orderStatus = 'PENDING';
    expect((await place(2)).status).toBe(202);
    store.orderStatus = 'SHIPPED';
    expect((await place(2)).status).toBe(201);
  });

  it('hands on the key and the wait, and says which preference it followed', async () => {
    const reply = await place(1, { 'idempotency-key': '"abc"', prefer: 'wait=99' });
    expect(reply.headers.get('preference-applied')).toBe('wait=10');
    await place(1, { prefer: 'respond-async' });
    await place(1);
    expect(store.orderInputs).toEqual([
      { productId: pot.id, quantity: 1, idempotencyKey: 'abc', waitMs: 10_000 },
      { productId: pot.id, quantity: 1, waitMs: 0 },
      { productId: pot.id, quantity: 1, waitMs: 2_000 },
    ]);
  });

  it('says what came instead of an order', async () => {
    expect((await place(409)).body).toMatchObject({ status: 409, code: 'OUT_OF_STOCK', available: 3 });
    expect((await place(422)).body).toMatchObject({ status: 422, code: 'IDEMPOTENCY_KEY_REUSED' });
    expect((await place(0)).body).toMatchObject({ status: 400, errors: [{ field: 'quantity' }] });
    const key = await place(1, { 'idempotency-key': '"' });
    expect(key.body).toMatchObject({ status: 400, errors: [{ field: 'Idempotency-Key' }] });
  });

  it('says 503 with Retry-After when a service is gone, and masks what nobody foresaw', async () => {
    const gone = await place(503);
    expect(gone.body).toMatchObject({ status: 503, code: 'SERVICE_UNAVAILABLE' });
    expect(gone.headers.get('retry-after')).toBe('1');
    const masked = await place(500, { 'x-request-id': 'my-id' });
    expect(masked.body).toMatchObject({ status: 500, code: 'INTERNAL_SERVER_ERROR', request_id: 'my-id' });
    expect(masked.body.detail).toContain('my-id');
    expect(masked.text).not.toContain('secret detail');
  });

  it('cancels at the current version only', async () => {
    const path = '/orders/10/cancel';
    expect((await call('POST', path)).status).toBe(428);
    expect((await call('POST', path, { headers: { 'if-match': '"9"' } })).body).toMatchObject({
      status: 412,
    });
    const cancelled = await call('POST', path, { headers: { 'if-match': '"1"' } });
    expect(cancelled.body).toMatchObject({ status: 'CANCELLED', version: 2 });
    expect(cancelled.headers.get('etag')).toBe('"2"');
    for (const body of [{}, { reason: 'It is damaged.' }])
      expect((await call('POST', path, { headers: { 'if-match': '"1"' }, body })).status).toBe(200);
    for (const [body, field] of [
      [{ why: 'x' }, 'why'],
      [{ reason: 7 }, 'reason'],
    ] as const)
      expect((await call('POST', path, { headers: { 'if-match': '"1"' }, body })).body).toMatchObject({
        status: 400,
        errors: [{ field }],
      });
    const typed = { 'if-match': '"1"', 'content-type': 'application/json' };
    expect((await call('POST', path, { headers: typed })).status).toBe(200);
    store.orderStatus = 'SHIPPED';
    const late = await call('POST', path, { headers: { 'if-match': '*' } });
    expect(late.body).toMatchObject({ status: 409, code: 'ORDER_NOT_CANCELLABLE', current_version: 1 });
    expect((await call('POST', '/orders/x/cancel', { headers: { 'if-match': '*' } })).status).toBe(404);
  });

  it('advances at the current version only, to a status that can be reached', async () => {
    const path = '/orders/10/advance';
    const advance = (headers: Headers, body: unknown = { status: 'SHIPPED' }) =>
      call('POST', path, { headers, body });
    expect((await advance({})).body).toMatchObject({ status: 428, code: 'PRECONDITION_REQUIRED' });
    expect((await advance({ 'if-match': '"9"' })).body).toMatchObject({ status: 412, current_version: 1 });
    const advanced = await advance({ 'if-match': '"1"' });
    expect(advanced.body).toMatchObject({ status: 'SHIPPED', version: 2 });
    expect(advanced.headers.get('etag')).toBe('"2"');
    for (const body of [{ status: 'CANCELLED' }, {}, { status: 'SHIPPED', version: 1 }]) {
      const field = 'version' in body ? 'version' : 'status';
      const reply = await advance({ 'if-match': '"1"' }, body);
      expect(reply.body).toMatchObject({ status: 400, errors: [{ field }] });
    }
    store.orderStatus = 'DELIVERED';
    const late = await advance({ 'if-match': '*' });
    expect(late.body).toMatchObject({ status: 409, code: 'ORDER_NOT_ADVANCEABLE', current_version: 1 });
    expect(late.headers.get('etag')).toBe('"1"');
  });
});

describe('listing', () => {
  const list = async (query: string, role: 'CUSTOMER' | 'STAFF') =>
    callRest(system.url, `Bearer ${await system.token(USER_ID, role)}`, 'GET', `/orders${query}`);

  it("gives staff everybody's orders, filtered, and a Link that keeps the filter", async () => {
    store.orderQueries.length = 0;
    const reply = await list(`?scope=all&limit=5&status=SHIPPED&user_id=${USER_ID}`, 'STAFF');
    expect(reply.body).toHaveLength(1);
    expect(store.orderQueries).toEqual([{ first: 5, status: 'SHIPPED', userId: USER_ID }]);
    expect(reply.headers.get('link')).toBe(
      `</orders?scope=all&limit=5&status=SHIPPED&user_id=${USER_ID}&cursor=more>; rel="next"`,
    );
  });

  it('refuses a customer, and a filter that would be ignored', async () => {
    expect((await list('?scope=all', 'CUSTOMER')).body).toMatchObject({ status: 403, code: 'FORBIDDEN' });
    expect((await list('?scope=own', 'CUSTOMER')).status).toBe(200);
    for (const [query, field] of [
      [`?user_id=${USER_ID}`, 'user_id'],
      ['?scope=theirs', 'scope'],
      ['?scope=all&status=LOST', 'status'],
    ])
      expect((await list(`${query}`, 'STAFF')).body).toMatchObject({ status: 400, errors: [{ field }] });
  });
});
