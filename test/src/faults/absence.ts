// A service is killed or ends: the parts that still run answer, and accepted orders are settled.
import { beforeEach, expect, it } from '@jest/globals';
import { eventually } from '../support/client.ts';
import { inspect } from '../support/invariants.ts';
import { lockProduct } from './lock-product.ts';
import type { FaultSuite } from './suite.ts';

export function describeAbsence({ system, client, account }: FaultSuite): void {
  let productId: string;
  beforeEach(async () => {
    productId = (await client.product(account.token, { stock: 100 })).id;
  });

  const order = (headers: Record<string, string> = {}) =>
    client.rest('POST', '/orders', {
      token: account.token,
      body: { product_id: productId, quantity: 1 },
      headers,
    });

  it('of products takes only its own fields away, and an order that was accepted before is settled later', async () => {
    const release = await lockProduct(system, productId);
    const pending = await order({ prefer: 'respond-async' });
    expect([pending.status, pending.body.status]).toEqual([202, 'PENDING']);
    await system.kill('products');
    const { data, errors } = await client.graphql(
      `{ me { username } product(id: "${productId}") { name } }`,
      {},
      account.token,
    );
    expect(data).toEqual({ me: { username: account.username }, product: null });
    expect(errors[0]?.extensions.code).toBe('SERVICE_UNAVAILABLE');
    const mine = await client.graphql(
      '{ products { edges { node { id } } } me { username orders(first: 1) { edges { node { status product { name } } } } } }',
      {},
      account.token,
    );
    expect(mine.data.products).toBeNull();
    expect(mine.data.me.username).toBe(account.username);
    expect(mine.data.me.orders.edges).toEqual([{ node: { status: 'PENDING', product: null } }]);
    expect(mine.errors.map(({ extensions }) => extensions.code)).toContain('SERVICE_UNAVAILABLE');
    const refused = await order();
    expect(refused.status).toBe(503);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    for (const text of [JSON.stringify(errors), refused.text])
      expect(text).not.toMatch(/127\.0\.0\.1|localhost|ECONN|:\d{4}/);

    // Not before: PostgreSQL may still carry out the killed service's reservation as soon as it gets the lock.
    await release();
    await system.restart('products');
    expect((await order()).status).toBe(201);
    const settled = await eventually(
      () => client.rest('GET', `/orders/${pending.body.id}`, { token: account.token }),
      ({ body }) => body.status !== 'PENDING',
    );
    expect(settled.body.status).toBe('CONFIRMED');
  });

  it('of users leaves signed-in users signed in, because the other services keep the keys', async () => {
    await system.kill('users');
    expect((await order()).status).toBe(201);
    expect((await client.rest('GET', '/profile', { token: account.token })).status).toBe(503);
  });

  it('of orders begins, after SIGTERM, when it has finished the requests that it has begun', async () => {
    const release = await lockProduct(system, productId);
    const waiting = Promise.all(Array.from({ length: 5 }, () => order({ prefer: 'wait=10' })));
    await inspect(system.adminUrl, (database) =>
      eventually(
        () =>
          database.query("SELECT FROM orders.orders WHERE product_id = $1 AND status = 'PENDING'", [
            productId,
          ]),
        ({ rowCount }) => rowCount === 5,
      ),
    );
    const ended = system.terminate('orders');
    await release();
    expect((await waiting).map(({ status }) => status)).toEqual([201, 201, 201, 201, 201]);
    await ended;
    expect(
      system.logs().some((line) => line.includes('"service":"orders"') && line.includes('"msg":"ended"')),
    ).toBe(true);
  });
}
