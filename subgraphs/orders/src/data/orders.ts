// The rows of `orders.orders`. Each change of status is one statement: the guarded write, its line of history and the
// job that follows, all or nothing.
import type { OrderStatus } from '@holdfast/database';
import { type Queryable, type Statement, statement } from '@holdfast/platform/database';
import { addJob } from '@holdfast/platform/queue';
import { traceparent } from '@holdfast/platform/tracing';
import pg from 'pg';
import { countTransition, observeSettlement } from '../metrics.ts';
import { type OrderPageQuery, selectOrderPage } from './order-pages.ts';
import { ORDER_COLUMNS, type Order } from './order-row.ts';

export type { Order };

const selectByIds: Statement<[ids: string[]], Order> = statement(
  'orders_by_ids',
  `SELECT ${ORDER_COLUMNS} FROM orders.orders WHERE id = ANY($1::uuid[])`,
);

const selectByKey: Statement<[userId: string, key: string], Order> = statement(
  'orders_by_idempotency_key',
  `SELECT ${ORDER_COLUMNS} FROM orders.orders WHERE user_id = $1 AND idempotency_key = $2`,
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
    trace: string | null,
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
   SELECT ${ORDER_COLUMNS}, ${addJob(
     'reserve-stock',
     "jsonb_build_object('orderId', id, 'productId', product_id, 'quantity', quantity)",
     '$8::text',
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

const cancelGuarded: Statement<
  [id: string, userId: string, expectedVersion: number, trace: string | null],
  Order
> = statement(
  'orders_cancel',
  `WITH cancelled AS (
     UPDATE orders.orders SET status = 'CANCELLED', version = version + 1, updated_at = now()
      WHERE id = $1 AND user_id = $2 AND version = $3 AND status = 'CONFIRMED'
     RETURNING *
   ), event AS (
     INSERT INTO orders.order_events (order_id, version, status, created_at)
     SELECT id, version, status, updated_at FROM cancelled
   )
   SELECT ${ORDER_COLUMNS}, ${addJob(
     'release-stock',
     "jsonb_build_object('orderId', id, 'productId', product_id)",
     '$4::text',
   )}
     FROM cancelled`,
);

/** A change of status that staff makes. */
export type OrderStep =
  | { readonly from: 'CONFIRMED'; readonly to: 'SHIPPED' }
  | { readonly from: 'SHIPPED'; readonly to: 'DELIVERED' };

const advanceGuarded: Statement<
  [id: string, expectedVersion: number, from: OrderStep['from'], to: OrderStep['to']],
  Order
> = statement(
  'orders_advance',
  `WITH advanced AS (
     UPDATE orders.orders SET status = $4::orders.order_status, version = version + 1, updated_at = now()
      WHERE id = $1 AND version = $2 AND status = $3::orders.order_status
     RETURNING *
   ), event AS (
     INSERT INTO orders.order_events (order_id, version, status, created_at)
     SELECT id, version, status, updated_at FROM advanced
   )
   SELECT ${ORDER_COLUMNS} FROM advanced`,
);

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
  /** Undefined when it does not exist, is not at that version or not in the status that the step begins with. */
  advance(id: string, expectedVersion: number, step: OrderStep): Promise<Order | undefined>;
  /** Newest first. */
  page(query: OrderPageQuery): Promise<Order[]>;
}

const namesUnknownProduct = (error: unknown): boolean =>
  error instanceof pg.DatabaseError &&
  error.code === '23503' &&
  error.constraint === 'orders_product_id_fkey';

/** The table over `db`, read over `reads`. */
export function createOrderTable(db: Queryable, reads: Queryable = db): OrderTable {
  return {
    byIds: (ids) => selectByIds(reads, [...ids]),
    byIdempotencyKey: async (userId, key) => (await selectByKey(reads, userId, key))[0],
    insert: async ({ id, userId, productId, quantity, unitPrice, idempotency }) => {
      const { key = null, hash = null } = idempotency ?? {};
      try {
        const [placed] = await insertPending(
          db,
          id,
          userId,
          productId,
          quantity,
          unitPrice,
          key,
          hash,
          traceparent(),
        );
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
      const [cancelled] = await cancelGuarded(db, id, userId, expectedVersion, traceparent());
      if (cancelled) countTransition(cancelled.status);
      return cancelled;
    },
    advance: async (id, expectedVersion, { from, to }) => {
      const [advanced] = await advanceGuarded(db, id, expectedVersion, from, to);
      if (advanced) countTransition(advanced.status);
      return advanced;
    },
    page: (query) => selectOrderPage(reads, query),
  };
}
