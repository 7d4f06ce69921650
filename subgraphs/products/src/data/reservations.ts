// Stock held by orders. Each step is one statement for many orders that also adds the jobs that follow, so there is no moment
// at which a crash could take the stock without the answer, or answer without the stock.
import type { Queryable } from '@holdfast/platform/database';
import { GiveWay } from '@holdfast/platform/give-way';
import { ADDED_JOBS, addJobs, Unworkable } from '@holdfast/platform/queue';
import {
  arrayOf,
  bigint,
  boolean,
  integer,
  notNull,
  nullable,
  statement,
  text,
} from '@holdfast/platform/sql';
import pg from 'pg';
import { countReservation } from '../metrics.ts';
import type { ProductCache } from './cache/product-cache.ts';
import { selectByIds } from './product-statements.ts';

const GIVEN = 'the function gives a value for each row';

/** The outcome of an order, as the orders service is told of it. */
const OUTCOME = `jsonb_build_object('orderId', order_id) || CASE
  WHEN held THEN jsonb_build_object('outcome', 'CONFIRMED')
  ELSE jsonb_build_object('outcome', 'REJECTED', 'available', available,
                          'code', CASE WHEN live THEN 'OUT_OF_STOCK' ELSE 'PRODUCT_NOT_FOUND' END) END`;

/**
 * Decides the orders that are not decided yet and adds the answer to each. The function (prisma/migrations) says in which order, and
 * which rows are locked.
 */
const reserve = statement({
  name: 'reservations_reserve',
  text: `WITH decided AS MATERIALIZED (
     SELECT reserved.*, trace, priority
       FROM products.reserve($orderIds::bigint[], $productIds::int[], $quantities::int[]) AS reserved
       JOIN unnest($orderIds::bigint[], $traces::text[], $priorities::int[]) AS given (order_id, trace, priority)
         USING (order_id)
   )
   SELECT product_id AS "productId", held, live, ${addJobs({
     name: 'settle-order',
     from: 'decided',
     payload: OUTCOME,
     trace: 'trace',
     priority: 'priority',
     order: 'order_id',
   })}
     FROM decided`,
  parameters: {
    orderIds: arrayOf(bigint),
    productIds: arrayOf(integer),
    quantities: arrayOf(integer),
    traces: arrayOf(nullable(text)),
    priorities: arrayOf(integer),
  },
  row: {
    productId: notNull(integer, GIVEN),
    held: notNull(boolean, GIVEN),
    live: notNull(boolean, GIVEN),
    ...ADDED_JOBS,
  },
});

const release = statement({
  name: 'reservations_release',
  text: 'SELECT product_id AS "productId" FROM products.release($orderIds::bigint[])',
  parameters: { orderIds: arrayOf(bigint) },
  row: { productId: notNull(integer, GIVEN) },
});

/** numeric_value_out_of_range: the sum is more than an integer can be. */
const OUT_OF_RANGE = '22003';
const FOREIGN_KEY_VIOLATION = '23503';

const sqlState = (error: unknown): string | undefined =>
  error instanceof pg.DatabaseError ? error.code : undefined;

export interface StockOrder {
  readonly orderId: number;
  readonly productId: number;
}

export interface Reservable extends StockOrder {
  readonly quantity: number;
  /** Of the caller who placed it (`traceparent`). */
  readonly trace: string | null;
  /** Of its job, and so of the next one. */
  readonly priority: number;
}

export interface Reservations {
  /**
   * Takes the units of each order from the stock, or refuses to, once and in the order in which they were placed; adds a
   * `settle-order` job with each outcome. All or nothing.
   * @throws {Unworkable} when there is no such product at all, which the foreign key of orders rules out
   */
  reserve(orders: readonly Reservable[]): Promise<void>;
  /**
   * Puts the units of each order back, once. All or nothing.
   * @throws {GiveWay} when the stock of a product has no room for them in its column
   */
  release(orders: readonly StockOrder[]): Promise<void>;
}

/** Writes the products of some orders. `work` says which of them it has changed; the cache is given those as they are then. */
async function writeProducts(
  db: Queryable,
  cache: ProductCache,
  orders: readonly StockOrder[],
  work: () => Promise<ReadonlySet<number>>,
): Promise<void> {
  const ids = [...new Set(orders.map(({ productId }) => productId))];
  await cache.write(ids, async () => {
    const changed = [...(await work())];
    // They are changed, whether they can be read or not.
    return changed.length === 0 ? [] : selectByIds(db, { ids: changed }).catch(() => undefined);
  });
}

/** Reservations through `db`. A change of stock is a write of the product, and so goes around the cache's fences. */
export function createReservations(db: Queryable, cache: ProductCache): Reservations {
  return {
    reserve: (orders) =>
      writeProducts(db, cache, orders, async () => {
        const decided = await reserve(db, {
          orderIds: orders.map(({ orderId }) => orderId),
          productIds: orders.map(({ productId }) => productId),
          quantities: orders.map(({ quantity }) => quantity),
          traces: orders.map(({ trace }) => trace),
          priorities: orders.map(({ priority }) => priority),
        }).catch((error: unknown) => {
          if (sqlState(error) !== FOREIGN_KEY_VIOLATION) throw error;
          throw new Unworkable('an order of a product that does not exist', { cause: error });
        });
        for (const { held, live } of decided)
          countReservation(held ? 'reserved' : live ? 'out_of_stock' : 'product_not_found');
        return new Set(decided.filter(({ held }) => held).map(({ productId }) => productId));
      }),
    release: (orders) =>
      writeProducts(db, cache, orders, async () => {
        const released = await release(db, { orderIds: orders.map(({ orderId }) => orderId) }).catch(
          (error: unknown) => {
            if (sqlState(error) !== OUT_OF_RANGE) throw error;
            throw new GiveWay('the stock of the product has no room for the units', { cause: error });
          },
        );
        countReservation('released', released.length);
        return new Set(released.map(({ productId }) => productId));
      }),
  };
}
