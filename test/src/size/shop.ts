// A loaded shop with the connections of its services, and sales in it.
import type { TestDatabase } from '@holdfast/database/testing';
import { adjustOnce } from '@holdfast/products/data/product-statements';
import pg from 'pg';
import { eventually } from '../support/client.ts';
import { loadShop, type ShopSize } from './load.ts';
import { createQuestions, type Questions } from './questions.ts';

export interface Shop {
  readonly admin: pg.Client;
  /** By service. */
  readonly clients: { readonly products: pg.Client; readonly orders: pg.Client };
  readonly questions: Questions;
  close(): Promise<void>;
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client(url);
  await client.connect();
  return client;
}

/** Loads the database, which is empty, and connects to it. */
export async function openShop(
  { adminUrl, urls }: Pick<TestDatabase, 'adminUrl' | 'urls'>,
  size: ShopSize,
): Promise<Shop> {
  const admin = await connect(adminUrl);
  await loadShop(admin, size);
  const clients = { products: await connect(urls.products), orders: await connect(urls.orders) };
  return {
    admin,
    clients,
    questions: await createQuestions(admin),
    close: async () => {
      await Promise.all([admin, ...Object.values(clients)].map((client) => client.end()));
    },
  };
}

const SELLERS = 4;
const NO_KEY = { userId: null, key: null, hash: null };

/** Changes a stock `count` times over some connections: sells a unit of each product of `ids` in turn, takes each back, and so on. */
async function sell(url: string, ids: readonly number[], count: number): Promise<void> {
  const pool = new pg.Pool({ connectionString: url, max: SELLERS });
  let sold = 0;
  const seller = async () => {
    while (sold < count) {
      const id = ids[sold % ids.length] ?? 0;
      // Units that are never taken back would run out on a busy machine, where the test sells for longer.
      const delta = Math.floor(sold / ids.length) % 2 === 0 ? -1 : 1;
      sold += 1;
      const [product] = await adjustOnce(pool, { id, delta, maxStock: 1_000_000_000, ...NO_KEY });
      if (!product) throw new Error(`product ${id} could not be sold`);
    }
  };
  try {
    await Promise.all(Array.from({ length: SELLERS }, seller));
  } finally {
    await pool.end();
  }
}

/** How many updates of products there were, and how many of them in place (HOT), without a new entry of any index. */
async function updatesOfProducts(admin: pg.Client): Promise<{ all: number; inPlace: number }> {
  await admin.query('SELECT pg_stat_force_next_flush(), pg_stat_clear_snapshot()');
  const { rows } = await admin.query<{ all: number; inPlace: number }>(
    `SELECT n_tup_upd::int AS "all", n_tup_hot_upd::int AS "inPlace" FROM pg_stat_user_tables
      WHERE relid = 'products.products'::regclass`,
  );
  return rows[0] ?? { all: 0, inPlace: 0 };
}

/** Changes the stock `count` times and gives the share of the changes, 0 to 1, that updated their product in place. */
export async function shareInPlace(
  admin: pg.Client,
  url: string,
  ids: readonly number[],
  count: number,
): Promise<number> {
  const before = await updatesOfProducts(admin);
  await sell(url, ids, count);
  // PostgreSQL counts the updates of a connection when that has ended.
  const after = await eventually(
    () => updatesOfProducts(admin),
    ({ all }) => all - before.all >= count,
  );
  return (after.inPlace - before.inPlace) / (after.all - before.all);
}
