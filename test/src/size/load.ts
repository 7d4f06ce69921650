// Loads a shop of a given size, by set-based SQL and without chance, so that two runs have the same rows. What is measured at
// one size means the same at another: shares grow with the size, and what is rare stays as rare in numbers.
import { loadWithoutIndexes } from '@holdfast/database/testing';
import type pg from 'pg';

export interface ShopSize {
  readonly products: number;
  readonly orders: number;
  readonly users: number;
  /** Orders of the user LARGE_USER, spread over all of the time. */
  readonly ofLargeUser: number;
}

export const LARGE_USER = 1;
/** Products that have the rare word, that are out of stock, or cost more than DEAR, at any size. */
export const RARE = 40;
export const DEAR = 5_000;

/**
 * The words of a product: `quality` in every second, `seasonal` in every 100th, `rarity` in RARE of all, `vintage` in the
 * oldest tenth and nowhere else; some of 5,000 words, common and less common ones; and a number of its own.
 * Every 50th product has left the catalog. Names and prices follow no order of age.
 */
const PRODUCTS = `
  INSERT INTO products.products (name, description, price, stock, archived_at)
  SELECT concat_ws(' ', 'Model', (n::bigint * 7919) % $1::int, 'type', n % 100),
         concat_ws(' ', 'word' || floor(5000 * pow((n::bigint * 48271 % 10007) / 10007.0, 3))::int,
                   'term' || floor(5000 * pow((n::bigint * 69621 % 10009) / 10009.0, 3))::int,
                   'made of part', n, 'for the kitchen and the garden',
                   CASE WHEN n % 2 = 0 THEN 'quality' END, CASE WHEN n % 100 = 3 THEN 'seasonal' END,
                   CASE WHEN n % ($1::int / ${RARE}) = 4 THEN 'rarity' END,
                   CASE WHEN n <= $1::int / 10 THEN 'vintage' END),
         CASE WHEN n % ($1::int / ${RARE}) = 5 THEN ${DEAR} + n % 977 ELSE (n::bigint * 104729 % 99991) / 100.0 END,
         CASE WHEN n % ($1::int / ${RARE}) = 6 THEN 0 ELSE 10 + n % 90 END,
         CASE WHEN n % 50 = 0 THEN now() END
    FROM generate_series(1, $1::int) AS n`;

const PEOPLE = `
  INSERT INTO users.users (username, email, password_hash)
  SELECT 'user-' || n, 'user-' || n || '@example.com', 'x' FROM generate_series(1, $1::int) AS n`;

/** One in a thousand is SHIPPED, the newest 50 are PENDING, most are DELIVERED. */
const ORDERS = `
  INSERT INTO orders.orders (user_id, product_id, quantity, unit_price, total_price, status)
  SELECT CASE WHEN n % ($1::int / $2::int) = 0 THEN ${LARGE_USER} ELSE 2 + n % ($4::int - 1) END,
         1 + (n::bigint * 15485863) % $3::int, 1, 10, 10,
         CASE WHEN n > $1::int - 50 THEN 'PENDING' WHEN n % 1000 = 7 THEN 'SHIPPED'
              WHEN n % 10 = 1 THEN 'CONFIRMED' ELSE 'DELIVERED' END
    FROM generate_series(1, $1::int) AS n`;

const EVENTS = `
  INSERT INTO orders.order_events (order_id, version, status, actor_id, actor_role)
  SELECT id, at, 'PENDING', user_id, 'CUSTOMER' FROM orders.orders CROSS JOIN generate_series(1, 2) AS at`;

const KEYS = `
  INSERT INTO orders.idempotency_keys (user_id, key, request_hash, order_id)
  SELECT user_id, 'key-' || id, 'hash', id FROM orders.orders WHERE id % 10 = 0`;

const RESERVATIONS = `
  INSERT INTO products.reservations (order_id, user_id, product_id, quantity, status)
  SELECT id, user_id, product_id, quantity, CASE status WHEN 'CONFIRMED' THEN 'HELD' ELSE 'SHIPPED' END::products.reservation_status
    FROM orders.orders WHERE status <> 'PENDING'`;

const JOBS = 10_000;
/** A backlog, of which the first is added as any job is. */
const BACKLOG = `
  INSERT INTO graphile_worker._private_jobs (task_id, payload, max_attempts)
  SELECT task_id, payload, max_attempts
    FROM graphile_worker._private_jobs CROSS JOIN generate_series(2, ${JOBS})`;

/**
 * Fills an empty, migrated database, as a superuser. A million products and two million orders take two cores some three
 * minutes, most of it for the words of the products.
 */
export async function loadShop(
  admin: pg.Client,
  { products, orders, users, ofLargeUser }: ShopSize,
): Promise<void> {
  // The rows refer to rows that are there: foreign keys, which are triggers, need not look for each.
  await admin.query(`SET session_replication_role = replica; SET maintenance_work_mem = '256MB'`);
  await admin.query(PEOPLE, [users]);
  await loadWithoutIndexes(admin, 'products.products', () => admin.query(PRODUCTS, [products]));
  await loadWithoutIndexes(admin, 'orders.orders', () =>
    admin.query(ORDERS, [orders, ofLargeUser, products, users]),
  );
  await admin.query(EVENTS);
  await loadWithoutIndexes(admin, 'orders.idempotency_keys', () => admin.query(KEYS));
  await loadWithoutIndexes(admin, 'products.reservations', () => admin.query(RESERVATIONS));
  await admin.query(`SELECT graphile_worker.add_job('reserve-stock')`);
  await admin.query(BACKLOG);
  await admin.query('VACUUM ANALYZE');
}
