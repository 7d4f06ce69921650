// The stock that orders reserve. Each step is one statement for many orders and also adds the jobs that follow. So a crash never
// leaves reserved stock without an outcome for the order, or an outcome without reserved stock.
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
import { shipReservation } from './finished-reservations.ts';
import { selectByIds } from './product-statements.ts';

const GIVEN = 'the function returns a value for each row';

const DECIDED = {
  held: notNull(boolean, GIVEN),
  live: notNull(boolean, GIVEN),
  limit: nullable(integer),
};

/** The payload of the job that gives the orders service the outcome of an order. */
const OUTCOME = `jsonb_build_object('orderId', order_id) || CASE
  WHEN held THEN jsonb_build_object('outcome', 'CONFIRMED')
  WHEN live AND "limit" IS NOT NULL THEN jsonb_build_object('outcome', 'REJECTED', 'code', 'PURCHASE_LIMIT',
                                                            'available', available, 'limit', "limit", 'held', counted)
  ELSE jsonb_build_object('outcome', 'REJECTED', 'available', available,
                          'code', CASE WHEN live THEN 'OUT_OF_STOCK' ELSE 'PRODUCT_NOT_FOUND' END) END`;

/**
 * Decides the orders that are not decided yet and adds a job with each outcome. The SQL function (prisma/migrations) defines the
 * order of the decisions and which rows it locks.
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

/** numeric_value_out_of_range: the sum is larger than an INTEGER. */
const OUT_OF_RANGE = '22003';
const FOREIGN_KEY_VIOLATION = '23503';

const sqlState = (error: unknown): string | undefined =>
  error instanceof pg.DatabaseError ? error.code : undefined;

export interface StockOrder {
  readonly orderId: number;
  readonly productId: number;
}

export interface Reservable extends StockOrder {
  /** The customer. */
  readonly userId: number;
  readonly quantity: number;
  /** The `traceparent` of the request that placed the order. */
  readonly trace: string | null;
  /** The priority of this job, which the job with the outcome gets too. */
  readonly priority: number;
}

/** How much one customer may order. */
export interface PurchaseLimits {
  /** The most units of one order. */
  readonly maxUnits: number;
  /** The most units of one product in all PENDING and CONFIRMED orders of a customer; null: no limit. */
  readonly maxOpen: number | null;
}

export interface ReservationStore {
  /**
   * Takes the units of each order from the stock or rejects the order, once, within the purchase limits and in the order in which
   * the orders were placed. Adds a `settle-order` job with each outcome. Either all orders are decided or none.
   * @throws {Unworkable} when a product does not exist at all, which the foreign key of orders prevents
   */
  reserve(orders: readonly Reservable[]): Promise<void>;
  /**
   * Returns the units of each order to the stock, once. Either the units of all orders or none.
   * @throws {GiveWay} when the sum does not fit in the column of the stock
   */
  release(orders: readonly StockOrder[]): Promise<void>;
  /** Marks the units of the order as shipped. A second call changes no row. */
  ship(orderId: number): Promise<void>;
}

/** Writes the products of orders through the cache. `work` returns the ids of the products that it has changed. */
async function writeProducts(
  db: Queryable,
  cache: ProductCache,
  orders: readonly StockOrder[],
  work: () => Promise<ReadonlySet<number>>,
): Promise<void> {
  const ids = [...new Set(orders.map(({ productId }) => productId))];
  await cache.write(ids, async () => {
    const changed = [...(await work())];
    // If they cannot be read, `undefined` tells the cache that they may have changed.
    return changed.length === 0 ? [] : selectByIds(db, { ids: changed }).catch(() => undefined);
  });
}

function reservationOutcome({ held, live, limit }: RowOf<typeof DECIDED>): ReservationOutcome {
  if (held) return 'reserved';
  if (!live) return 'product_not_found';
  return limit === null ? 'out_of_stock' : 'purchase_limit';
}

/** Reservations in the database behind `db`. A change of stock writes the product, so it sets the fences of the cache. */
export function createReservationStore(
  db: Queryable,
  cache: ProductCache,
  { maxUnits, maxOpen }: PurchaseLimits,
): ReservationStore {
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
          throw new Unworkable('the product of an order does not exist', { cause: error });
        });
        for (const each of decided) countReservation(reservationOutcome(each));
        return new Set(decided.filter(({ held }) => held).map(({ productId }) => productId));
      }),
    release: (orders) =>
      writeProducts(db, cache, orders, async () => {
        const released = await release(db, { orderIds: orders.map(({ orderId }) => orderId) }).catch(
          (error: unknown) => {
            if (sqlState(error) !== OUT_OF_RANGE) throw error;
            throw new GiveWay('the units and the stock of the product are together too many for its column', {
              cause: error,
            });
          },
        );
        countReservation('released', released.length);
        return new Set(released.map(({ productId }) => productId));
      }),
    ship: (orderId) => shipReservation(db, orderId),
  };
}
