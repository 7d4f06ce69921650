// Stock held by orders. Each step is one statement that also adds the job that follows, so there is no moment at
// which a crash could take the stock without the answer, or answer without the stock.
import { type Queryable, type Statement, statement } from '@holdfast/platform/database';
import { addJob } from '@holdfast/platform/queue';
import { countReservation } from '../metrics.js';
import type { ProductCache } from './cache/product-cache.js';
import { PRODUCT_COLUMNS, type Product } from './products.js';

/** A product, or nothing but nulls where the stock was not touched. */
type Taken = Product | { readonly id: null };

const SETTLEMENT = `json_build_object(
  'orderId', $1::uuid,
  'outcome', CASE WHEN fresh.held THEN 'CONFIRMED' ELSE 'REJECTED' END,
  'code', CASE WHEN fresh.held THEN NULL WHEN fresh.live THEN 'OUT_OF_STOCK' ELSE 'PRODUCT_NOT_FOUND' END,
  'available', CASE WHEN fresh.held THEN NULL WHEN fresh.live THEN fresh.stock ELSE 0 END)`;

/**
 * Keyed by the order: a job that runs again finds the reservation and does nothing. Two that run at once wait for the
 * product's row lock; the second then breaks the primary key, which undoes all of it, and is retried into "nothing".
 * Were the conflict ignored instead, the second's decrement would stay.
 */
const reserve: Statement<
  [orderId: string, productId: string, quantity: number],
  { jobId: string; live: boolean } & Taken
> = statement(
  'reservations_reserve',
  `WITH product AS (
       SELECT id, stock, archived_at IS NULL AS live FROM products.products WHERE id = $2 FOR NO KEY UPDATE
     ), fresh AS (
       SELECT id, stock, live, live AND stock >= $3 AS held FROM product
        WHERE NOT EXISTS (SELECT FROM products.reservations WHERE order_id = $1)
     ), taken AS (
       UPDATE products.products
          SET stock = products.stock - $3, version = products.version + 1, updated_at = now()
         FROM fresh WHERE products.id = fresh.id AND fresh.held
       RETURNING ${PRODUCT_COLUMNS}
     ), reservation AS (
       INSERT INTO products.reservations (order_id, product_id, quantity, status)
       SELECT $1, id, $3, (CASE WHEN held THEN 'HELD' ELSE 'REFUSED' END)::products.reservation_status FROM fresh
       RETURNING order_id
     )
     SELECT ${addJob('settle-order', SETTLEMENT)}, fresh.live, taken.*
       FROM reservation CROSS JOIN fresh LEFT JOIN taken ON true`,
);

const exists: Statement<[orderId: string], { one: number }> = statement(
  'reservations_exists',
  'SELECT 1 AS one FROM products.reservations WHERE order_id = $1',
);

const release: Statement<[orderId: string], Product> = statement(
  'reservations_release',
  `WITH released AS (
     UPDATE products.reservations SET status = 'RELEASED', updated_at = now()
      WHERE order_id = $1 AND status = 'HELD'
     RETURNING product_id, quantity
   )
   UPDATE products.products
      SET stock = products.stock + released.quantity, version = products.version + 1, updated_at = now()
     FROM released WHERE products.id = released.product_id
RETURNING ${PRODUCT_COLUMNS}`,
);

export interface Reservations {
  /**
   * Takes the units of an order from the stock, or refuses to, once; adds the `settle-order` job with the outcome.
   * @throws {Error} when there is no such product at all, which the foreign key of orders rules out
   */
  reserve(orderId: string, productId: string, quantity: number): Promise<void>;
  /** Puts the units of an order back, once. */
  release(orderId: string, productId: string): Promise<void>;
}

/** Reservations through `db`. A change of stock is a write of the product, and so goes around the cache's fences. */
export function createReservations(db: Queryable, cache: ProductCache): Reservations {
  return {
    reserve: async (orderId, productId, quantity) => {
      await cache.write(productId, async () => {
        const [decided] = await reserve(db, orderId, productId, quantity);
        if (!decided && (await exists(db, orderId)).length === 0) {
          throw new Error(`order ${orderId} names product ${productId}, which does not exist`);
        }
        if (decided) countReservation(outcomeOf(decided));
        return decided && isProduct(decided) ? productOf(decided) : undefined;
      });
    },
    release: async (orderId, productId) => {
      await cache.write(productId, async () => {
        const [released] = await release(db, orderId);
        if (released) countReservation('released');
        return released;
      });
    },
  };
}

const isProduct = <Row extends Taken>(row: Row): row is Row & Product => row.id !== null;

const outcomeOf = (decided: Taken & { readonly live: boolean }) => {
  if (isProduct(decided)) return 'reserved';
  return decided.live ? 'out_of_stock' : 'product_not_found';
};

function productOf({
  jobId: _,
  live: __,
  ...product
}: Product & { readonly jobId: string; readonly live: boolean }): Product {
  return product;
}
