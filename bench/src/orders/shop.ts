// The shop in which orders are placed: a whole system, and the naive program with its own gateway, on the same tables.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@holdfast/test/src/support/client.ts';
import type { RunningSystem } from '@holdfast/test/src/support/running-system.ts';
import pg from 'pg';
import { startProgram } from '../child.ts';
import { type CpuTimes, readCpuTimes } from './cpu.ts';

export const PRODUCTS = 200;
const UNITS = 1_000_000_000;
const SERVICES = ['gateway', 'users', 'products', 'orders'] as const;

export interface Shop {
  readonly urls: { readonly ours: string; readonly naive: string };
  readonly databaseUrl: string;
  readonly folder: string;
  readonly token: string;
  readonly userId: number;
  /** Consecutive ids. */
  readonly products: readonly number[];
  /** The CPU times of the processes that take part in orders of one of the two. */
  cpu(by: keyof Shop['urls']): Promise<CpuTimes>;
  /** @throws unless its user has `placed` orders, and each sold unit belongs to one of them */
  check(placed: number): Promise<void>;
  stop(): Promise<void>;
}

export async function startShop(system: RunningSystem): Promise<Shop> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-bench-orders-'));
  const database = new pg.Client(system.adminUrl);
  await database.connect();
  const naive = await startProgram('orders/naive.ts', { args: [system.adminUrl] });
  const naiveGateway = await system.another('gateway', { ORDERS_URL: `${naive.url}/graphql` });
  const { token, id } = await (await Client.of(system.url)).account();
  const { rows } = await database.query<{ id: number }>(
    `INSERT INTO products.products (name, price, stock)
     SELECT 'Article ' || number, 10, $2 FROM generate_series(1, $1::int) AS number RETURNING id`,
    [PRODUCTS, UNITS],
  );
  const { rows: files } = await database.query(`SELECT pg_read_file('postmaster.pid') AS file`);
  const postmaster = Number.parseInt(files[0].file, 10);
  const products = rows.map((row) => row.id);
  return {
    urls: { ours: system.url, naive: naiveGateway.url },
    databaseUrl: system.adminUrl,
    folder,
    token,
    userId: Number(id),
    products,
    cpu: (by) => {
      const ours = Object.fromEntries(SERVICES.map((name) => [name, system.pid(name)]));
      const own = by === 'ours' ? ours : { ...ours, gateway: naiveGateway.pid(), orders: naive.pid };
      return readCpuTimes(own, postmaster);
    },
    check: (placed) => checkOrders(database, { userId: id, products, placed }),
    stop: async () => {
      await Promise.all([database.end(), naive.stop()]);
      await naiveGateway.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Also waits for the orders that were not settled when they were answered. */
async function checkOrders(
  database: pg.Client,
  { userId, products, placed }: { userId: string; products: readonly number[]; placed: number },
): Promise<void> {
  const found = async () =>
    (
      await database.query(
        `SELECT (SELECT count(*)::int FROM orders.orders WHERE user_id = $2) AS orders,
                (SELECT count(*)::int FROM orders.orders WHERE user_id = $2 AND status <> 'CONFIRMED') AS unconfirmed,
                (SELECT sum(quantity)::int FROM orders.orders WHERE user_id = $2) AS ordered,
                (SELECT sum($1 - stock)::int FROM products.products WHERE id = ANY($3)) AS gone,
                (SELECT deadlocks::int FROM pg_stat_database WHERE datname = current_database()) AS deadlocks`,
        [UNITS, userId, products],
      )
    ).rows[0];
  let { orders, unconfirmed, ordered, gone, deadlocks } = await found();
  while (unconfirmed > 0) ({ orders, unconfirmed, ordered, gone, deadlocks } = await found());
  if (orders !== placed || ordered !== gone || deadlocks !== 0)
    throw new Error(
      `${placed} orders were placed: there are ${orders}, of ${ordered} units; ${gone} units are gone; ${deadlocks} deadlocks`,
    );
}
