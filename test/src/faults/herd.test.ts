// After an outage of PostgreSQL all callers come at once. No process opens more connections than its budget.
import { SERVICES, serviceRole } from '@holdfast/database';
import { connectionBudgets } from '@holdfast/local/stack/connection-budgets';
import { beforeAll, expect, it } from '@jest/globals';
import pg from 'pg';
import { Client, eventually } from '../support/client.ts';
import { useSystem } from '../support/use-system.ts';

const CALLERS = 150;
const WATCHED_MS = 6_000;

const system = useSystem({ ownPostgres: true });
let client: Client;
let token: string;
let productId: string;

beforeAll(async () => {
  client = await Client.of(system.url);
  ({ token } = await client.account());
  productId = (await client.product(token, { stock: 1_000_000 })).id;
}, 60_000);

/** The most connections of each name that were seen at once, looked for again and again. */
async function mostSeen(forMs: number): Promise<Record<string, number>> {
  const admin = new pg.Client({ connectionString: system.adminUrl });
  await admin.connect();
  const most: Record<string, number> = {};
  const until = Date.now() + forMs;
  while (Date.now() < until) {
    const { rows } = await admin.query<{ name: string; count: number }>(
      `SELECT application_name AS name, count(*)::int AS count FROM pg_stat_activity
        WHERE usename = ANY ($1) GROUP BY application_name`,
      [SERVICES.map(serviceRole)],
    );
    for (const { name, count } of rows) most[name] = Math.max(count, most[name] ?? 0);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await admin.end();
  return most;
}

it('is a herd that PostgreSQL has connections for', async () => {
  let isOver = false;
  const order = () => client.rest('POST', '/orders', { token, body: { product_id: productId, quantity: 1 } });
  const caller = async (number: number) => {
    while (!isOver)
      await (number % 2 ? order() : client.rest('GET', `/products?search=none${Math.random()}`)).catch(
        () => undefined,
      );
  };
  const herd = Array.from({ length: CALLERS }, (_, number) => caller(number));
  try {
    await eventually(order, ({ status }) => status === 201);
    await system.killPostgres();
    await eventually(order, ({ status }) => status === 503);
    await system.restartPostgres();
    const most = await mostSeen(WATCHED_MS);
    const budgets = SERVICES.flatMap((service) => connectionBudgets(service));
    expect(Object.keys(most).length).toBeGreaterThan(5);
    for (const [name, count] of Object.entries(most)) {
      const budget = budgets.find(({ applicationName }) => applicationName === name)?.most;
      expect({ name, count, budget, isWithin: count <= (budget ?? 0) }).toMatchObject({ isWithin: true });
    }
    await eventually(order, ({ status }) => status === 201, 30_000);
    expect(system.logs().filter((line) => line.includes('too many clients'))).toEqual([]);
  } finally {
    isOver = true;
    await Promise.all(herd);
  }
}, 120_000);
