// The rows of `orders.orders`. Each change of status is one statement: the guarded write, its line of history and the
// job that follows, all or nothing.
import type { Order as OrderModel, OrderStatus } from '@holdfast/database';
import { type Queryable, type Statement, statement } from '@holdfast/platform/database';
import { decodeCursor, encodeCursor } from '@holdfast/platform/pages';
import { addJob } from '@holdfast/platform/queue';
import pg from 'pg';
import { countTransition, observeSettlement } from '../metrics.js';

/** An order as the service handles it: amounts are decimal strings. */
export type Order = Omit<OrderModel, 'unitPrice' | 'totalPrice'> & {
  readonly unitPrice: string;
  readonly totalPrice: string;
};

const COLUMNS = `id, user_id AS "userId", product_id AS "productId", quantity, unit_price AS "unitPrice",
  total_price AS "totalPrice", status, version, idempotency_key AS "idempotencyKey", request_hash AS "requestHash",
  rejection_code AS "rejectionCode", rejection_available AS "rejectionAvailable",
  created_at AS "createdAt", updated_at AS "updatedAt"`;

const selectByIds: Statement<[ids: string[]], Order> = statement(
  'orders_by_ids',
  `SELECT ${COLUMNS} FROM orders.orders WHERE id = ANY($1::uuid[])`,
);

const selectByKey: Statement<[userId: string, key: string], Order> = statement(
  'orders_by_idempotency_key',
  `SELECT ${COLUMNS} FROM orders.orders WHERE user_id = $1 AND idempotency_key = $2`,
);

/** No row when the user has used the key before. */
const insertPending: Statement<
  [
    id: string,
    userId: string,
    productId: string,
    quantity: number,
    unitPrice: string,
    key: string | null,
    hash: Buffer | null,
  ],
  Order
> = statement(
  'orders_insert_pending',
  `WITH placed AS (
     INSERT INTO orders.orders
            (id, user_id, product_id, quantity, unit_price, total_price, idempotency_key, request_hash)
     VALUES ($1, $2, $3, $4::int, $5::numeric, $5::numeric * $4::int, $6, $7)
     ON CONFLICT (user_id, idempotency_key) DO NOTHING
     RETURNING *
   ), event AS (
     INSERT INTO orders.order_events (order_id, version, status, created_at)
     SELECT id, version, status, created_at FROM placed
   )
   SELECT ${COLUMNS}, ${addJob(
     'reserve-stock',
     "json_build_object('orderId', id, 'productId', product_id, 'quantity', quantity)",
   )}
     FROM placed`,
);

const settleGuarded: Statement<
  [id: string, outcome: OrderStatus, code: string | null, available: number | null],
  { seconds: number }
> = statement(
  'orders_settle',
  `WITH settled AS (
     UPDATE orders.orders
        SET status = $2::orders.order_status, rejection_code = $3::orders.rejection_code, rejection_available = $4,
            version = version + 1, updated_at = now()
      WHERE id = $1 AND status = 'PENDING'
     RETURNING id, version, status, created_at, updated_at
   ), event AS (
     INSERT INTO orders.order_events (order_id, version, status, created_at)
     SELECT id, version, status, updated_at FROM settled
   )
   SELECT extract(epoch FROM updated_at - created_at)::float8 AS seconds, pg_notify('order_settled', id::text)
     FROM settled`,
);

const cancelGuarded: Statement<[id: string, userId: string, expectedVersion: number], Order> = statement(
  'orders_cancel',
  `WITH cancelled AS (
     UPDATE orders.orders SET status = 'CANCELLED', version = version + 1, updated_at = now()
      WHERE id = $1 AND user_id = $2 AND version = $3 AND status = 'CONFIRMED'
     RETURNING *
   ), event AS (
     INSERT INTO orders.order_events (order_id, version, status, created_at)
     SELECT id, version, status, updated_at FROM cancelled
   )
   SELECT ${COLUMNS}, ${addJob('release-stock', "json_build_object('orderId', id, 'productId', product_id)")}
     FROM cancelled`,
);

const FIRST_PAGE = 'user_id = $1';
const BY_STATUS = 'status = $3::orders.order_status';

const page = (name: string, where: string) =>
  statement<[userId: string, limit: number, ...rest: string[]], Order>(
    name,
    `SELECT ${COLUMNS} FROM orders.orders WHERE ${where} ORDER BY id DESC LIMIT $2`,
  );
const firstPage = page('orders_page', FIRST_PAGE);
const nextPage = page('orders_page_after', `${FIRST_PAGE} AND id < $3::uuid`);
const firstPageByStatus = page('orders_page_status', `${FIRST_PAGE} AND ${BY_STATUS}`);
const nextPageByStatus = page('orders_page_status_after', `${FIRST_PAGE} AND ${BY_STATUS} AND id < $4::uuid`);

export interface NewOrder {
  readonly id: string;
  readonly userId: string;
  readonly productId: string;
  readonly quantity: number;
  readonly unitPrice: string;
  /** The client's key and the SHA-256 of the input that came with it. */
  readonly idempotency: { readonly key: string; readonly hash: Buffer } | undefined;
}

export type Settlement =
  | { readonly outcome: 'CONFIRMED' }
  | {
      readonly outcome: 'REJECTED';
      readonly code: 'OUT_OF_STOCK' | 'PRODUCT_NOT_FOUND';
      readonly available: number;
    };

export interface OrderTable {
  byIds(ids: readonly string[]): Promise<Order[]>;
  byIdempotencyKey(userId: string, key: string): Promise<Order | undefined>;
  /** PENDING, with its `reserve-stock` job. */
  insert(order: NewOrder): Promise<Order | 'key used' | 'no such product'>;
  /** Does nothing to an order that is not PENDING any more. */
  settle(id: string, settlement: Settlement): Promise<void>;
  /** Undefined when it is not this user's, not at that version or not CONFIRMED. Adds the `release-stock` job. */
  cancel(id: string, userId: string, expectedVersion: number): Promise<Order | undefined>;
  /** Newest first: ids are UUIDv7. */
  page(userId: string, limit: number, after?: string, status?: OrderStatus): Promise<Order[]>;
}

const LIST = 'orders';
export const orderCursor = (order: Order): string => encodeCursor(LIST, [order.id]);
/** The id after which a page begins. @throws {AppError} BAD_USER_INPUT when it is no cursor of a list of orders */
export const orderSortKey = (cursor: string): string | undefined => decodeCursor(LIST, 1, cursor)[0];

const namesUnknownProduct = (error: unknown): boolean =>
  error instanceof pg.DatabaseError &&
  error.code === '23503' &&
  error.constraint === 'orders_product_id_fkey';

/** The table over `db`. */
export function createOrderTable(db: Queryable): OrderTable {
  return {
    byIds: (ids) => selectByIds(db, [...ids]),
    byIdempotencyKey: async (userId, key) => (await selectByKey(db, userId, key))[0],
    insert: async ({ id, userId, productId, quantity, unitPrice, idempotency }) => {
      const { key = null, hash = null } = idempotency ?? {};
      try {
        const [placed] = await insertPending(db, id, userId, productId, quantity, unitPrice, key, hash);
        if (!placed) return 'key used';
        countTransition(placed.status);
        return placed;
      } catch (error) {
        if (namesUnknownProduct(error)) return 'no such product';
        throw error;
      }
    },
    settle: async (id, settlement) => {
      const rejected = settlement.outcome === 'REJECTED';
      const [settled] = await settleGuarded(
        db,
        id,
        settlement.outcome,
        rejected ? settlement.code : null,
        rejected ? settlement.available : null,
      );
      if (!settled) return;
      countTransition(settlement.outcome);
      observeSettlement(settled.seconds);
    },
    cancel: async (id, userId, expectedVersion) => {
      const [cancelled] = await cancelGuarded(db, id, userId, expectedVersion);
      if (cancelled) countTransition(cancelled.status);
      return cancelled;
    },
    page: (userId, limit, after, status) => {
      if (status)
        return after
          ? nextPageByStatus(db, userId, limit, status, after)
          : firstPageByStatus(db, userId, limit, status);
      return after ? nextPage(db, userId, limit, after) : firstPage(db, userId, limit);
    },
  };
}
