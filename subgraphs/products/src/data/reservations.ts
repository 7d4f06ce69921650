// Stock held by orders. Each step is one statement for many orders that also adds the jobs that follow, so there is no moment
// at which a crash could take the stock without the answer, or answer without the stock.
import type { Queryable } from '@holdfast/platform/postgres/database';
import {
  arrayOf,
  bigint,
  boolean,
  integer,
  notNull,
  nullable,
  type RowOf,
  statement,
  text,
} from '@holdfast/platform/postgres/sql';
import { GiveWay } from '@holdfast/platform/queue/give-way';
import { ADDED_JOBS, addJobs, Unworkable } from '@holdfast/platform/queue/queue';
import pg from 'pg';
import { countReservation, type ReservationOutcome } from '../metrics.ts';
import type { ProductCache } from './cache/product-cache.ts';
import { selectByIds } from './product-statements.ts';

const GIVEN = 'the function gives a value for each row';

const DECIDED = {
  held: notNull(boolean, GIVEN),
  live: notNull(boolean, GIVEN),
  limit: nullable(integer),
};

/** The outcome of an order, as the orders service is told of it. */
const OUTCOME = `jsonb_build_object('orderId', order_id) || CASE
  WHEN held THEN jsonb_build_object('outcome', 'CONFIRMED')
  WHEN live AND "limit" IS NOT NULL THEN jsonb_build_object('outcome', 'REJECTED', 'code', 'PURCHASE_LIMIT',
                                                            'available', available, 'limit', "limit", 'held', counted)
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
       FROM products.reserve($orderIds::bigint[], $userIds::int[], $productIds::int[], $quantities::int[],
                             $maxUnits::int, $maxOpen::int) AS reserved
       JOIN unnest($orderIds::bigint[], $traces::text[], $priorities::int[]) AS given (order_id, trace, priority)
         USING (order_id)
   )
   SELECT product_id AS "productId", held, live, "limit", ${addJobs({
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
    userIds: arrayOf(integer),
    productIds: arrayOf(integer),
    quantities: arrayOf(integer),
    maxUnits: integer,
    maxOpen: nullable(integer),
    traces: arrayOf(nullable(text)),
    priorities: arrayOf(integer),
  },
  row: { productId: notNull(integer, GIVEN), ...DECIDED, ...ADDED_JOBS },
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
  /** Whose order it is. */
  readonly userId: number;
  readonly quantity: number;
  /** Of the caller who placed it (`traceparent`). */
  readonly trace: string | null;
  /** Of its job, and so of the next one. */
  readonly priority: number;
}

/** What one customer may order. */
export interface PurchaseLimits {
  /** Units of one order. */
  readonly maxUnits: number;
  /** Units of one product in all orders that are not settled yet or hold them; null: any number. */
  readonly maxOpen: number | null;
}

export interface Reservations {
  /**
   * Takes the units of each order from the stock, or refuses to, once and in the order in which they were placed and within
   * the purchase limits; adds a `settle-order` job with each outcome. All or nothing.
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

function outcomeOf({ held, live, limit }: RowOf<typeof DECIDED>): ReservationOutcome {
  if (held) return 'reserved';
  if (!live) return 'product_not_found';
  return limit === null ? 'out_of_stock' : 'purchase_limit';
}

/** Reservations through `db`. A change of stock is a write of the product, and so goes around the cache's fences. */
export function createReservations(
  db: Queryable,
  cache: ProductCache,
  { maxUnits, maxOpen }: PurchaseLimits,
): Reservations {
  return {
    reserve: (orders) =>
      writeProducts(db, cache, orders, async () => {
        const decided = await reserve(db, {
          orderIds: orders.map(({ orderId }) => orderId),
          userIds: orders.map(({ userId }) => userId),
          productIds: orders.map(({ productId }) => productId),
          quantities: orders.map(({ quantity }) => quantity),
          maxUnits,
          maxOpen,
          traces: orders.map(({ trace }) => trace),
          priorities: orders.map(({ priority }) => priority),
        }).catch((error: unknown) => {
          if (sqlState(error) !== FOREIGN_KEY_VIOLATION) throw error;
          throw new Unworkable('an order of a product that does not exist', { cause: error });
        });
        for (const each of decided) countReservation(outcomeOf(each));
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
