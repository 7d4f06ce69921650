// The REST contract: orders. The client holds every reply to /openapi.json besides.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { type Account, Client, eventually } from '../support/client.ts';
import { UNKNOWN_ID } from '../support/ids.ts';
import { expectProblem, fieldsOf } from '../support/problems.ts';
import { useSharedSystem } from '../support/use-system.ts';

const system = useSharedSystem();
let client: Client;
let account: Account;

beforeAll(async () => {
  client = await Client.of(system.url);
  account = await client.account();
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
      user_id: Number(account.id),
      product_id: Number(product.id),
      quantity: 3,
      unit_price: 2.35,
      total_price: 7.05,
      status: 'CONFIRMED',
      rejection: null,
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
    expectProblem(short, 409, 'OUT_OF_STOCK');
    expect(short.body.available).toBe(1);
    expectProblem(await place({ product_id: UNKNOWN_ID, quantity: 1 }), 404, 'PRODUCT_NOT_FOUND');
    const invalid = await place({ product_id: product.id, quantity: 0 });
    expect(invalid.status).toBe(400);
    expect(fieldsOf(invalid.body)).toEqual(['quantity']);
    const priced = await place({
      product_id: product.id,
      quantity: 1,
      total_price: 0.01,
      user_id: UNKNOWN_ID,
    });
    expect(priced.status).toBe(400);
    expect(fieldsOf(priced.body)).toEqual(['total_price', 'user_id']);
  });

  it('POST /orders refuses a total that the shop cannot record, and writes nothing', async () => {
    const product = await client.product(account.token, { price: 50_000_000, stock: 5 });
    const refused = await place({ product_id: product.id, quantity: 2 });
    expectProblem(refused, 400, 'INVALID_INPUT');
    expect(refused.body.errors).toEqual([
      {
        field: 'quantity',
        message: 'expected a total price of at most 99999999.99, got 2 × 50000000.00 = 100000000.00',
      },
    ]);
    expect((await place({ product_id: product.id, quantity: 1 })).body.total_price).toBe(50_000_000);
  });

  it('finds no order under an id that can be none', async () => {
    const CANCEL = `mutation($id: ID!) { cancelOrder(id: $id, expectedVersion: 1) {
      __typename ... on Problem { code message } } }`;
    for (const id of ['0', '-1', '1.5', '01', 'nonsense', '9007199254740993', '1'.repeat(40)]) {
      const read = await client.graphql('query($id: ID!) { order(id: $id) { id } }', { id }, account.token);
      expect(read).toMatchObject({ data: { order: null }, errors: [] });
      const { data } = await client.graphql(CANCEL, { id }, account.token);
      expect(data.cancelOrder).toEqual({
        __typename: 'OrderNotFound',
        code: 'ORDER_NOT_FOUND',
        message: `There is no order "${id}".`,
      });
      const reply = await client.rest('GET', `/orders/${id}`, { token: account.token });
      expectProblem(reply, 404, 'ORDER_NOT_FOUND');
    }
  });

  it('are placed without a key, unless the shop requires one', async () => {
    const product = await client.product(account.token);
    // Our own client sends a key by itself.
    const reply = await fetch(`${system.url}/orders`, {
      method: 'POST',
      headers: { authorization: `Bearer ${account.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ product_id: Number(product.id), quantity: 1 }),
    });
    expect([201, 202]).toContain(reply.status);
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

  it('shows why an order was rejected whenever it is read', async () => {
    const product = await client.product(account.token, { stock: 1 });
    const accepted = await place({ product_id: product.id, quantity: 2 }, { prefer: 'respond-async' });
    expect(accepted.status).toBe(202);
    expect(accepted.body).toMatchObject({ status: 'PENDING', rejection: null });
    const read = () => client.rest('GET', accepted.headers.get('location') ?? '', { token: account.token });
    const settled = await eventually(read, ({ body }) => body.status !== 'PENDING');
    const rejected = { status: 'REJECTED', rejection: { code: 'OUT_OF_STOCK', available: 1 } };
    expect(settled.body).toMatchObject(rejected);
    expect(settled.body.rejection).toMatchObject({ limit: null, held: null });
    const list = await client.rest('GET', '/orders?status=REJECTED&limit=1', { token: account.token });
    expect(list.body).toMatchObject([{ id: accepted.body.id, ...rejected }]);
    const { data } = await client.graphql(
      'query($id: ID!) { order(id: $id) { status rejection { code available } } }',
      { id: accepted.body.id },
      account.token,
    );
    expect(data.order).toEqual(rejected);
  });

  it('refuses more units than one order may have, and says so whenever it is read', async () => {
    const product = await client.product(account.token, { stock: 500 });
    const refused = await place({ product_id: product.id, quantity: 101 });
    expectProblem(refused, 409, 'PURCHASE_LIMIT');
    expect(refused.body).toMatchObject({ limit: 100, held: 0 });
    const list = await client.rest('GET', '/orders?status=REJECTED&limit=1', { token: account.token });
    expect(list.body[0].rejection).toEqual({ code: 'PURCHASE_LIMIT', available: 500, limit: 100, held: 0 });
    const input = { productId: product.id, quantity: 101 };
    const { data } = await client.graphql(
      `mutation($input: CreateOrderInput!) { createOrder(input: $input) {
        ... on PurchaseLimitReached { code message limit held } } }`,
      { input },
      account.token,
    );
    expect(data.createOrder).toEqual({
      code: 'PURCHASE_LIMIT',
      message: 'The order has 101 units; one order may have at most 100.',
      limit: 100,
      held: 0,
    });
    expect((await place({ product_id: product.id, quantity: 100 })).status).toBe(201);
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
    const cancel = (headers: Record<string, string>, body?: unknown) =>
      client.rest('POST', `/orders/${order.id}/cancel`, { token: account.token, headers, body });
    expect((await cancel({})).status).toBe(428);
    const stale = await cancel({ 'if-match': '"1"' });
    expectProblem(stale, 412, 'PRECONDITION_FAILED');
    expect(stale.headers.get('etag')).toBe('"2"');
    for (const [body, field] of [
      [{ why: 'It is damaged.' }, 'why'],
      [{ reason: 7 }, 'reason'],
    ] as const) {
      const reply = await cancel({ 'if-match': '"2"' }, body);
      expectProblem(reply, 400, 'INVALID_INPUT');
      expect(fieldsOf(reply.body)).toEqual([field]);
    }
    // A client that sets the type of a body but sends none means an empty body.
    const cancelled = await cancel({ 'if-match': '"2"', 'content-type': 'application/json' });
    expect(cancelled.status).toBe(200);
    expect(cancelled.body).toMatchObject({ status: 'CANCELLED', version: 3 });
    expectProblem(await cancel({ 'if-match': '"3"' }), 409, 'ORDER_NOT_CANCELLABLE');
    const missing = await client.rest('POST', `/orders/${UNKNOWN_ID}/cancel`, {
      token: account.token,
      headers: { 'if-match': '"1"' },
    });
    expectProblem(missing, 404, 'ORDER_NOT_FOUND');
  });

  it('GET /orders filters by status', async () => {
    const list = await client.rest('GET', '/orders?status=CANCELLED&limit=100', { token: account.token });
    expect(list.body.length).toBeGreaterThan(0);
    for (const { status } of list.body) expect(status).toBe('CANCELLED');
  });
});
