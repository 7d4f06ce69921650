// The rows of `orders.orders`: what is read of them, and what changes them.
import type { RejectionCode } from '@holdfast/database';
import type { Queryable } from '@holdfast/platform/database';
import {
  type ArgumentsOf,
  arrayOf,
  bigint,
  integer,
  type RowOf,
  selectList,
  statement,
  text,
} from '@holdfast/platform/sql';
import { traceparent } from '@holdfast/platform/tracing';
import pg from 'pg';
import type { StepBy } from '../domain/order-status.ts';
import { countTransition, observeSettlement } from '../metrics.ts';
import { KEY } from './idempotency-keys.ts';
import { type OrderPageQuery, selectOrderPage } from './order-pages.ts';
import { type NEW_ORDER, ORDER, type Order } from './order-row.ts';
import { advanceOrder, cancelOrder, insertOrder, settleOrder } from './order-writes.ts';

export type { Order };

const selectByIds = statement({
  name: 'orders_by_ids',
  text: `SELECT ${selectList(ORDER)} FROM orders.orders WHERE id = ANY($ids::bigint[])`,
  parameters: { ids: arrayOf(bigint) },
  row: ORDER,
});

/** An order, with the SHA-256 of the input that came with the key. */
const ORDER_OF_KEY = { ...ORDER, requestHash: KEY.requestHash };
type OrderOfKey = RowOf<typeof ORDER_OF_KEY>;

const selectByKey = statement({
  name: 'orders_by_idempotency_key',
  text: `SELECT ${selectList(ORDER_OF_KEY)}
     FROM (SELECT order_id, request_hash FROM orders.idempotency_keys WHERE user_id = $userId AND key = $key) AS used
     JOIN orders.orders ON id = order_id`,
  parameters: { userId: integer, key: text },
  row: ORDER_OF_KEY,
});

export interface NewOrder extends ArgumentsOf<typeof NEW_ORDER> {
  /** The client's key and the SHA-256 of the input that came with it. */
  readonly idempotency: { readonly key: string; readonly hash: Buffer } | undefined;
}

export type Settlement =
  | { readonly outcome: 'CONFIRMED' }
  | {
      readonly outcome: 'REJECTED';
      readonly code: RejectionCode;
      readonly available: number;
    };

export interface OrderTable {
  byIds(ids: readonly number[]): Promise<Order[]>;
  byIdempotencyKey(userId: number, key: string): Promise<OrderOfKey | undefined>;
  /** PENDING, with its `reserve-stock` job. */
  insert(order: NewOrder): Promise<Order | 'key used' | 'no such product'>;
  /** Does nothing to an order that is not PENDING any more. */
  settle(id: number, settlement: Settlement): Promise<void>;
  /** Undefined when it is not this user's, not at that version or cannot be cancelled. Adds the `release-stock` job. */
  cancel(id: number, userId: number, expectedVersion: number): Promise<Order | undefined>;
  /** Undefined when it does not exist, is not at that version or not in a status from which staff may take it there. */
  advance(id: number, expectedVersion: number, to: StepBy<'staff'>['to']): Promise<Order | undefined>;
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
    byIds: (ids) => selectByIds(reads, { ids }),
    byIdempotencyKey: async (userId, key) => (await selectByKey(reads, { userId, key }))[0],
    insert: async ({ idempotency, ...order }) => {
      const { key = null, hash = null } = idempotency ?? {};
      try {
        const trace = traceparent();
        const [placed] = await insertOrder(db, { ...order, key, hash, trace });
        if (!placed) return 'key used';
        countTransition(placed.status);
        return placed;
      } catch (error) {
        if (namesUnknownProduct(error)) return 'no such product';
        throw error;
      }
    },
    settle: async (id, settlement) => {
      const { outcome } = settlement;
      const { code, available } =
        settlement.outcome === 'REJECTED' ? settlement : { code: null, available: null };
      const [settled] = await settleOrder(db, { id, outcome, code, available });
      if (!settled) return;
      countTransition(outcome);
      observeSettlement(settled.seconds);
    },
    cancel: async (id, userId, expectedVersion) => {
      const [cancelled] = await cancelOrder(db, { id, userId, expectedVersion, trace: traceparent() });
      if (cancelled) countTransition(cancelled.status);
      return cancelled;
    },
    advance: async (id, expectedVersion, to) => {
      const [advanced] = await advanceOrder(db, { id, expectedVersion, to });
      if (advanced) countTransition(advanced.status);
      return advanced;
    },
    page: (query) => selectOrderPage(reads, query),
  };
}
