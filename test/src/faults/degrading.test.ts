// One part gone: what still answers, and how the rest says that it does not.
import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { type Account, Client, eventually } from '../support/client.ts';
import { inspect } from '../support/invariants.ts';
import { useSystem } from '../support/use-system.ts';

const system = useSystem({ ownPostgres: true, env: { QUEUE_LEASE_MS: '1500' } });
let client: Client;
let account: Account;
let product: { id: string };

beforeAll(async () => {
  client = await Client.of(system.url);
  account = await client.account();
});
beforeEach(async () => {
  product = await client.product(account.token);
});

const order = (headers: Record<string, string> = {}) =>
  client.rest('POST', '/orders', {
    token: account.token,
    body: { product_id: product.id, quantity: 1 },
    headers,
  });

/** Locks the product's row, so that its reservations wait. Returns how to let go. */
async function lockProduct(adminUrl: string, id: string): Promise<() => Promise<void>> {
  const holder = new pg.Client({ connectionString: adminUrl });
  holder.on('error', () => undefined);
  await holder.connect();
  await holder.query('BEGIN');
  await holder.query('SELECT FROM products.products WHERE id = $1 FOR NO KEY UPDATE', [id]);
  return () => holder.end();
}

const ordersArePending = (count: number) =>
  inspect(system.adminUrl, (database) =>
    eventually(
      () =>
        database.query("SELECT FROM orders.orders WHERE product_id = $1 AND status = 'PENDING'", [
          product.id,
        ]),
      ({ rowCount }) => rowCount === count,
    ),
  );

describe('with the products service gone', () => {
  it('answers the rest of a query, refuses orders with 503 and Retry-After, and tells no address', async () => {
    expect((await order()).status).toBe(201);
    await system.kill('products');
    const { data, errors } = await client.graphql(
      `{ me { username } product(id: "${product.id}") { name } }`,
      {},
      account.token,
    );
    expect(data).toEqual({ me: { username: account.username }, product: null });
    expect(errors[0]?.extensions.code).toBe('SERVICE_UNAVAILABLE');
    const mine = await client.graphql(
      '{ products { edges { node { id } } } me { username orders { edges { node { status product { name } } } } } }',
      {},
      account.token,
    );
    expect(mine.data.products).toBeNull();
    expect(mine.data.me.username).toBe(account.username);
    expect(mine.data.me.orders.edges).toEqual([{ node: { status: 'CONFIRMED', product: null } }]);
    expect(mine.errors.map(({ extensions }) => extensions.code)).toContain('SERVICE_UNAVAILABLE');
    const refused = await order();
    expect(refused.status).toBe(503);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    for (const text of [JSON.stringify(errors), refused.text])
      expect(text).not.toMatch(/127\.0\.0\.1|localhost|ECONN|:\d{4}/);
    await system.restart('products');
    expect((await order()).status).toBe(201);
  });

  it('keeps an order that was accepted before, and settles it when the service is back', async () => {
    const release = await lockProduct(system.adminUrl, product.id);
    const pending = await order({ prefer: 'respond-async' });
    expect(pending.status).toBe(202);
    expect(pending.body.status).toBe('PENDING');
    await system.kill('products');
    await release();
    await system.restart('products');
    const settled = await eventually(
      () => client.rest('GET', `/orders/${pending.body.id}`, { token: account.token }),
      ({ body }) => body.status !== 'PENDING',
    );
    expect(settled.body.status).toBe('CONFIRMED');
  });
});

describe('with PostgreSQL gone', () => {
  it('answers 503 without a word of SQL, and recovers by itself', async () => {
    await system.killPostgres();
    const reply = await client.rest('GET', '/products?search=nobody-has-asked-for-this');
    expect(reply.status).toBe(503);
    expect(reply.text).not.toMatch(/ECONN|postgres|SELECT|127\.0/i);
    await system.restartPostgres();
    await eventually(
      () => client.rest('GET', '/products?search=nor-for-this'),
      ({ status }) => status === 200,
    );
    await eventually(
      () => order(),
      ({ status }) => status === 201,
    );
  });
});

describe('with the users service gone', () => {
  it('signs nobody out: keys are kept', async () => {
    await system.kill('users');
    expect((await order()).status).toBe(201);
    const profile = await client.rest('GET', '/profile', { token: account.token });
    expect(profile.status).toBe(503);
    await system.restart('users');
    expect((await client.rest('GET', '/profile', { token: account.token })).status).toBe(200);
  });
});

describe('SIGTERM', () => {
  it('finishes what is under way before a service ends', async () => {
    const release = await lockProduct(system.adminUrl, product.id);
    const waiting = Promise.all(Array.from({ length: 5 }, () => order({ prefer: 'wait=10' })));
    await ordersArePending(5);
    const ended = system.terminate('orders');
    await release();
    expect((await waiting).map(({ status }) => status)).toEqual([201, 201, 201, 201, 201]);
    await ended;
    expect(
      system.logs().some((line) => line.includes('"service":"orders"') && line.includes('"msg":"ended"')),
    ).toBe(true);
    await system.restart('orders');
    expect((await order()).status).toBe(201);
  });
});
