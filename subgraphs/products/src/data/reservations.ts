// Stock held by orders. Each step is one statement that also adds the job that follows, so there is no moment at
// which a crash could take the stock without the answer, or answer without the stock.
import type { Queryable } from '@holdfast/platform/database';
import { GiveWay } from '@holdfast/platform/give-way';
import { ADDED_JOB, addJob } from '@holdfast/platform/queue';
import { bigint, boolean, integer, notNull, nullable, statement, text } from '@holdfast/platform/sql';
import { traceparent } from '@holdfast/platform/tracing';
import pg from 'pg';
import { countReservation } from '../metrics.ts';
import type { ProductCache } from './cache/product-cache.ts';
import { PRODUCT, PRODUCT_COLUMNS } from './product-row.ts';

const RESERVATION = { orderId: bigint, productId: integer, quantity: integer, trace: nullable(text) };

/**
 * Takes the units and adds the answer. The guard of the one UPDATE decides, so the product's row is locked once: an
 * earlier SELECT … FOR NO KEY UPDATE of it made PostgreSQL break deadlocks beside the key-share locks that inserts of
 * orders hold on the row.
 *
 * The reservation is keyed by the order, so a job that runs again changes nothing. Two runs at once wait for each other
 * at the product's row; the second then breaks the primary key, which undoes all of it, and its retry changes nothing.
 */
const take = statement({
  name: 'reservations_take',
  text: `WITH taken AS (
     UPDATE products.products
        SET stock = stock - $quantity::int, version = version + 1, updated_at = now()
      WHERE id = $productId AND archived_at IS NULL AND stock >= $quantity::int
        AND NOT EXISTS (SELECT FROM products.reservations WHERE order_id = $orderId)
     RETURNING ${PRODUCT_COLUMNS}
   ), reservation AS (
     INSERT INTO products.reservations (order_id, product_id, quantity, status)
     SELECT $orderId, id, $quantity::int, 'HELD' FROM taken
   )
   SELECT ${addJob(
     'settle-order',
     "jsonb_build_object('orderId', $orderId::bigint, 'outcome', 'CONFIRMED')",
     '$trace::text',
   )}, taken.*
     FROM taken`,
  parameters: RESERVATION,
  row: { ...ADDED_JOB, ...PRODUCT },
});

const REFUSAL = `jsonb_build_object(
  'orderId', $orderId::bigint,
  'outcome', 'REJECTED',
  'code', CASE WHEN live THEN 'OUT_OF_STOCK' ELSE 'PRODUCT_NOT_FOUND' END,
  'available', CASE WHEN live THEN stock ELSE 0 END)`;

/**
 * Refuses the units, once, if they cannot be taken, and adds the answer. A statement of its own because it must see
 * what the sale that was faster has left: `take` saw the product as it was before it waited for that sale.
 */
const refuse = statement({
  name: 'reservations_refuse',
  text: `WITH product AS (
     SELECT id, stock, archived_at IS NULL AS live FROM products.products
      WHERE id = $productId AND (archived_at IS NOT NULL OR stock < $quantity::int)
        AND NOT EXISTS (SELECT FROM products.reservations WHERE order_id = $orderId)
   ), reservation AS (
     INSERT INTO products.reservations (order_id, product_id, quantity, status)
     SELECT $orderId, id, $quantity::int, 'REFUSED' FROM product
   )
   SELECT ${addJob('settle-order', REFUSAL, '$trace::text')}, live FROM product`,
  parameters: RESERVATION,
  row: { ...ADDED_JOB, live: notNull(boolean, 'IS NULL is true or false') },
});

const exists = statement({
  name: 'reservations_exists',
  text: 'SELECT FROM products.reservations WHERE order_id = $orderId',
  parameters: { orderId: bigint },
  row: {},
});

const release = statement({
  name: 'reservations_release',
  text: `WITH released AS (
     UPDATE products.reservations SET status = 'RELEASED', updated_at = now()
      WHERE order_id = $orderId AND status = 'HELD'
     RETURNING product_id, quantity
   )
   UPDATE products.products
      SET stock = products.stock + released.quantity, version = products.version + 1, updated_at = now()
     FROM released WHERE products.id = released.product_id
RETURNING ${PRODUCT_COLUMNS}`,
  parameters: { orderId: bigint },
  row: PRODUCT,
});

/** numeric_value_out_of_range: the sum is more than an integer can be. */
const isOutOfRange = (error: unknown): boolean => error instanceof pg.DatabaseError && error.code === '22003';

export interface Reservations {
  /**
   * Takes the units of an order from the stock, or refuses to, once; adds the `settle-order` job with the outcome.
   * @throws {Error} when there is no such product at all, which the foreign key of orders rules out
   */
  reserve(orderId: number, productId: number, quantity: number): Promise<void>;
  /**
   * Puts the units of an order back, once.
   * @throws {GiveWay} when the stock has no room for them in its column; then nothing is changed
   */
  release(orderId: number, productId: number): Promise<void>;
}

/** Each time the stock was filled up after the units could not be taken, and before they could be refused. */
const MAX_ATTEMPTS = 3;

/** Reservations through `db`. A change of stock is a write of the product, and so goes around the cache's fences. */
export function createReservations(db: Queryable, cache: ProductCache): Reservations {
  async function isTaken(orderId: number, productId: number, quantity: number): Promise<boolean> {
    const [product] = await cache.write([productId], async () => {
      const taken = await take(db, { orderId, productId, quantity, trace: traceparent() });
      return taken.map(({ jobId: _, ...written }) => written);
    });
    if (product) countReservation('reserved');
    return product !== undefined;
  }

  async function isRefused(orderId: number, productId: number, quantity: number): Promise<boolean> {
    const [refused] = await refuse(db, { orderId, productId, quantity, trace: traceparent() });
    if (refused) countReservation(refused.live ? 'out_of_stock' : 'product_not_found');
    return refused !== undefined;
  }

  return {
    reserve: async (orderId, productId, quantity) => {
      for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
        if (await isTaken(orderId, productId, quantity)) return;
        if (await isRefused(orderId, productId, quantity)) return;
        // An earlier run of the job has decided it.
        if ((await exists(db, { orderId })).length > 0) return;
      }
      throw new Error(`order ${orderId} cannot be decided: does product ${productId} exist?`);
    },
    release: async (orderId, productId) => {
      const [released] = await cache.write([productId], () =>
        release(db, { orderId }).catch((error: unknown) => {
          if (!isOutOfRange(error)) throw error;
          throw new GiveWay(`the stock of product ${productId} has no room for the units`, { cause: error });
        }),
      );
      if (released) countReservation('released');
    },
  };
}
