// "No lost, doubled or oversold order, ever": racing buyers through the whole system.
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { type Account, Client, eventually } from '../support/client.ts';
import { expectInvariants } from '../support/invariants.ts';
import { rounds, timeLimitMs } from '../support/long.ts';
import { staffAccount } from '../support/staff.ts';
import { useSharedSystem } from '../support/use-system.ts';

const system = useSharedSystem();
let client: Client;
let buyers: Account[];
let staff: Account;

beforeAll(async () => {
  client = await Client.of(system.url);
  buyers = await Promise.all(Array.from({ length: 4 }, () => client.account()));
  staff = await staffAccount(system, client);
});

const buyer = (index: number): Account => {
  const account = buyers[index % buyers.length];
  if (!account) throw new Error('there are no buyers');
  return account;
};

const stockOf = async (productId: string): Promise<number> =>
  (await client.rest('GET', `/products/${productId}`)).body.stock;

describe('orders under races', () => {
  it(
    'sells exactly what is there, in ten rounds of forty buyers for ten units',
    async () => {
      for (const _ of rounds(10)) {
        const product = await client.product(buyer(0).token, { stock: 10 });
        const replies = await Promise.all(
          Array.from({ length: 40 }, (_, index) =>
            client.rest('POST', '/orders', {
              token: buyer(index).token,
              body: { product_id: product.id, quantity: 1 },
              headers: { prefer: 'wait=10' },
            }),
          ),
        );
        const statuses = replies.map(({ status }) => status);
        expect(statuses.filter((status) => status === 201)).toHaveLength(10);
        expect(statuses.filter((status) => status === 409)).toHaveLength(30);
        expect(await stockOf(product.id)).toBe(0);
      }
    },
    timeLimitMs(120_000),
  );

  it('makes one order of twenty requests that carry one key, and answers all of them with it', async () => {
    for (let round = 0; round < 10; round += 1) {
      const product = await client.product(buyer(0).token, { stock: 50 });
      const key = crypto.randomUUID();
      const replies = await Promise.all(
        Array.from({ length: 20 }, () =>
          client.rest('POST', '/orders', {
            token: buyer(1).token,
            body: { product_id: product.id, quantity: 2 },
            headers: { 'idempotency-key': key, prefer: 'wait=10' },
          }),
        ),
      );
      expect(replies.map(({ status }) => status)).toEqual(replies.map(() => 201));
      expect(new Set(replies.map(({ body }) => body.id)).size).toBe(1);
      expect(await stockOf(product.id)).toBe(48);
    }
  });

  it('refuses a key that comes back with another input, and keeps keys of different users apart', async () => {
    const product = await client.product(buyer(0).token, { stock: 50 });
    const order = (account: Account, quantity: number) =>
      client.rest('POST', '/orders', {
        token: account.token,
        body: { product_id: product.id, quantity },
        headers: { 'idempotency-key': 'the same for all' },
      });
    const first = await order(buyer(0), 1);
    expect(first.status).toBe(201);
    const reused = await order(buyer(0), 2);
    expect(reused.status).toBe(422);
    expect(reused.body.code).toBe('IDEMPOTENCY_KEY_REUSED');
    const other = await order(buyer(1), 2);
    expect(other.status).toBe(201);
    expect(other.body.id).not.toBe(first.body.id);
    expect(await stockOf(product.id)).toBe(47);
  });

  it('gives the units of an order back once, however many cancellations race', async () => {
    for (let round = 0; round < 10; round += 1) {
      const product = await client.product(buyer(0).token, { stock: 5 });
      const placed = await client.rest('POST', '/orders', {
        token: buyer(2).token,
        body: { product_id: product.id, quantity: 3 },
      });
      expect(placed.status).toBe(201);
      const headers = { 'if-match': `"${placed.body.version}"` };
      const cancellations = await Promise.all(
        Array.from({ length: 8 }, () =>
          client.rest('POST', `/orders/${placed.body.id}/cancel`, { token: buyer(2).token, headers }),
        ),
      );
      const statuses = cancellations.map(({ status }) => status);
      expect(statuses.filter((status) => status === 200)).toHaveLength(1);
      expect(statuses.filter((status) => status === 412)).toHaveLength(7);
      await eventually(
        () => stockOf(product.id),
        (stock) => stock === 5,
      );
    }
  });

  it('lets one of the owner who cancels and the staff who ship win, and gives units back only if it is the owner', async () => {
    let cancelled = 0;
    // Whoever has lost starts a little earlier the next time, which keeps the race as close as it can be.
    let staffLeadMs = 0;
    const after = <Result>(ms: number, call: () => Promise<Result>): Promise<Result> =>
      sleep(Math.max(0, ms)).then(call);
    const ROUNDS = 20;
    for (let round = 0; round < ROUNDS; round += 1) {
      const product = await client.product(buyer(0).token, { stock: 5 });
      const placed = await client.rest('POST', '/orders', {
        token: buyer(1).token,
        body: { product_id: product.id, quantity: 3 },
      });
      expect(placed.status).toBe(201);
      const headers = { 'if-match': `"${placed.body.version}"` };
      const path = `/orders/${placed.body.id}`;
      const replies = await Promise.all(
        Array.from({ length: 8 }, (_, index) =>
          (index + round) % 2 === 0
            ? after(-staffLeadMs, () =>
                client.rest('POST', `${path}/advance`, {
                  token: staff.token,
                  headers,
                  body: { status: 'SHIPPED' },
                }),
              )
            : after(staffLeadMs, () =>
                client.rest('POST', `${path}/cancel`, { token: buyer(1).token, headers }),
              ),
        ),
      );
      expect(replies.map(({ status }) => status).sort()).toEqual([200, ...Array(7).fill(412)]);
      const { status } = replies.find((reply) => reply.status === 200)?.body ?? {};
      if (status === 'CANCELLED') cancelled += 1;
      staffLeadMs += status === 'CANCELLED' ? 2 : -2;
      const [order] = await expectInvariants(system.adminUrl, new Map([[product.id, 5]]));
      expect(order).toMatchObject({ status, statuses: ['PENDING', 'CONFIRMED', status] });
      expect(await stockOf(product.id)).toBe(status === 'CANCELLED' ? 5 : 2);
    }
    // Both must have won now and then, or nothing was raced.
    expect(cancelled).toBeGreaterThan(0);
    expect(cancelled).toBeLessThan(ROUNDS);
  }, 60_000);

  it('never lets relative stock changes get lost or go below zero', async () => {
    const product = await client.product(buyer(0).token, { stock: 20 });
    const ADJUST = `mutation($id: ID!, $delta: Int!) { adjustStock(id: $id, delta: $delta) {
      __typename ... on Product { stock } ... on OutOfStock { available } } }`;
    const deltas = Array.from({ length: 60 }, (_, index) => (index % 3 === 0 ? 2 : -3));
    const outcomes = await Promise.all(
      deltas.map(async (delta) => {
        const { data } = await client.graphql(ADJUST, { id: product.id, delta }, buyer(0).token);
        return { delta, applied: data.adjustStock.__typename === 'Product' };
      }),
    );
    const applied = outcomes.filter((outcome) => outcome.applied).reduce((sum, { delta }) => sum + delta, 0);
    expect(await stockOf(product.id)).toBe(20 + applied);
    expect(outcomes.some((outcome) => !outcome.applied)).toBe(true);
  });

  it('confirms with the price of the moment of ordering, whatever the price becomes', async () => {
    const product = await client.product(buyer(0).token, { price: 10.1, stock: 9 });
    const placed = await client.rest('POST', '/orders', {
      token: buyer(3).token,
      body: { product_id: product.id, quantity: 3 },
    });
    expect(placed.body).toMatchObject({ unit_price: 10.1, total_price: 30.3, status: 'CONFIRMED' });
    await client.rest('PATCH', `/products/${product.id}`, {
      token: buyer(0).token,
      headers: { 'if-match': '*' },
      body: { price: '99.00' },
    });
    const later = await client.rest('GET', `/orders/${placed.body.id}`, { token: buyer(3).token });
    expect(later.body).toMatchObject({ unit_price: 10.1, total_price: 30.3 });
  });
});
