// Ten thousand orders of one product were accepted while nothing worked on them: they are settled in batches, in memory that
// does not grow with them, and an order of another product that comes meanwhile is settled while its caller waits.
import { insertOrders } from '@holdfast/orders/data/order-statements';
import { MOST_AT_ONCE } from '@holdfast/platform/postgres/batches';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { type Account, Client, eventually } from '../support/client.ts';
import { expectInvariants, inspect } from '../support/invariants.ts';
import { residentBytes } from '../support/process-usage.ts';
import { useSystem } from '../support/use-system.ts';

const BACKLOG = 10_000;
const UNITS = 1_000_000;
const WORKERS = ['products', 'orders'] as const;
/** What V8 may leave lying about. */
const MORE_BYTES = 150_000_000;
/** It took 130 s before; on a machine that other tests share. */
const DRAINED_MS = 40_000;

const system = useSystem();
let client: Client;
let account: Account;
let popular: string;
let other: string;

beforeAll(async () => {
  client = await Client.of(system.url);
  account = await client.account();
  popular = (await client.product(account.token, { stock: UNITS })).id;
  other = (await client.product(account.token, { stock: UNITS })).id;
});

/** As the orders service does it, without a price and without a caller who waits. */
const accept = (count: number) =>
  inspect(system.adminUrl, async (admin) => {
    const many = <Value>(value: Value): Value[] => Array.from({ length: MOST_AT_ONCE }, () => value);
    for (let accepted = 0; accepted < count; accepted += MOST_AT_ONCE)
      await insertOrders(admin, {
        userIds: many(Number(account.id)),
        productIds: many(Number(popular)),
        quantities: many(1),
        unitPrices: many('19.99'),
        keys: many(null),
        hashes: many(null),
        traces: many(null),
        actorRoles: many('CUSTOMER' as const),
      });
  });

const pending = () =>
  inspect(system.adminUrl, async (admin) => {
    const { rows } = await admin.query(
      `SELECT count(*)::int AS count FROM orders.orders WHERE status = 'PENDING' AND product_id = $1`,
      [popular],
    );
    return rows[0].count;
  });

async function order(): Promise<{ readonly status: number; readonly ms: number }> {
  const startedAt = performance.now();
  const { status } = await client.rest('POST', '/orders', {
    token: account.token,
    body: { product_id: other, quantity: 1 },
  });
  return { status, ms: Math.round(performance.now() - startedAt) };
}

const memory = () => Promise.all(WORKERS.map((service) => residentBytes(system.pid(service))));

describe('a backlog of ten thousand orders', () => {
  it('is settled in batches in bounded memory, and orders of other products do not wait for it', async () => {
    await Promise.all(Array.from({ length: 200 }, order));
    await system.kill('products');
    await accept(BACKLOG);
    const startedAt = performance.now();
    await system.restart('products');
    const before = await memory();
    const fresh: { status: number; ms: number }[] = [];
    const most = [...before];
    while ((await pending()) > 0) {
      fresh.push(await order());
      for (const [index, bytes] of (await memory()).entries())
        most[index] = Math.max(most[index] ?? 0, bytes);
      expect(performance.now() - startedAt).toBeLessThan(DRAINED_MS);
    }
    const drainedMs = Math.round(performance.now() - startedAt);
    console.info(
      `drained in ${drainedMs} ms; orders meanwhile took ${fresh.map(({ ms }) => ms).join(' ')} ms; ` +
        `memory ${before.map((bytes, index) => `${bytes / 1e6} to ${(most[index] ?? 0) / 1e6}`).join(', ')} MB`,
    );
    expect(fresh.map(({ status }) => status)).toEqual(fresh.map(() => 201));
    for (const [index, bytes] of before.entries()) expect(most[index]).toBeLessThan(bytes + MORE_BYTES);
    await eventually(pending, (count) => count === 0);
    await expectInvariants(system.adminUrl, new Map([popular, other].map((id) => [id, UNITS])));
  }, 240_000);
});
