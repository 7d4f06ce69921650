// The rows of `orders.orders`: what is read of them, and what changes them.
import type { ActorRole, RejectionCode } from '@holdfast/database';
import { createBatches } from '@holdfast/platform/batches';
import { traceparent } from '@holdfast/platform/observability/tracing';
import type { Queryable } from '@holdfast/platform/postgres/database';
import {
  type ArgumentsOf,
  arrayOf,
  bigint,
  integer,
  notNull,
  type RowOf,
  selectList,
  statement,
  text,
} from '@holdfast/platform/postgres/sql';
import pg from 'pg';
import type { Advance } from '../domain/order-status.ts';
import { countTransition, observeSettlement } from '../metrics.ts';
import { KEY } from './idempotency-keys.ts';
import { type OrderPageQuery, selectOrderPage } from './order-pages.ts';
import { type NEW_ORDER, ORDER, type Order } from './order-row.ts';
import { advanceOrder, cancelOrder, insertOrders, settleOrders } from './order-writes.ts';

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

/** The orders of keys that were used, each with the place of its key in the arrays of users and keys. */
const selectByKeys = statement({
  name: 'orders_by_idempotency_keys',
  text: `SELECT ${selectList(ORDER_OF_KEY)}, place
     FROM (SELECT used.order_id, used.request_hash, place
             FROM unnest($userIds::int[], $keys::varchar[]) WITH ORDINALITY AS given (user_id, key, place)
             JOIN orders.idempotency_keys used ON used.user_id = given.user_id AND used.key = given.key) AS used
     JOIN orders.orders ON id = order_id`,
  parameters: { userIds: arrayOf(integer), keys: arrayOf(text) },
  row: { ...ORDER_OF_KEY, place: notNull(bigint, 'WITH ORDINALITY counts every row') },
});

/** The user who takes a step of an order, with the role of that moment. */
export interface Actor {
  readonly id: number;
  readonly role: ActorRole;
}

export interface NewOrder extends Omit<ArgumentsOf<typeof NEW_ORDER>, 'userId'> {
  /** Whose order it is. */
  readonly user: Actor;
  /** The client's key and the SHA-256 of the input that came with it. */
  readonly idempotency: { readonly key: string; readonly hash: Buffer } | undefined;
}

export type Settlement =
  | { readonly outcome: 'CONFIRMED' }
  | ({ readonly outcome: 'REJECTED'; readonly available: number } & (
      | { readonly code: Exclude<RejectionCode, 'PURCHASE_LIMIT'> }
      | { readonly code: 'PURCHASE_LIMIT'; readonly limit: number; readonly held: number }
    ));

/** Calls of a method that says "in batches" are one statement when they come at the same time, also from several requests. */
export interface OrderTable {
  byIds(ids: readonly number[]): Promise<Order[]>;
  /** In batches. */
  byId(id: number): Promise<Order | undefined>;
  /** In batches. */
  byIdempotencyKey(userId: number, key: string): Promise<OrderOfKey | undefined>;
  /** PENDING, with its `reserve-stock` job. In batches. */
  insert(order: NewOrder): Promise<Order | 'key used' | 'no such product'>;
  /** Does nothing to an order that is not PENDING any more. In batches. @returns false when there is no such order */
  settle(id: number, settlement: Settlement): Promise<boolean>;
  /**
   * Undefined when it is not the actor's, who is no staff either, not at that version or cannot be cancelled. Adds the
   * `release-stock` job.
   */
  cancel(
    id: number,
    expectedVersion: number,
    actor: Actor,
    reason: string | null,
  ): Promise<Order | undefined>;
  /** Undefined when it does not exist, is not at that version or not in a status from which staff may take it there. */
  advance(id: number, expectedVersion: number, actor: Actor, to: Advance): Promise<Order | undefined>;
  /** Newest first. */
  page(query: OrderPageQuery): Promise<Order[]>;
}

type TracedOrder = NewOrder & { readonly trace: string | null };
type Settling = Settlement & { readonly id: number };
type UserKey = { readonly userId: number; readonly key: string };

const namesUnknownProduct = (error: unknown): boolean =>
  error instanceof pg.DatabaseError &&
  error.code === '23503' &&
  error.constraint === 'orders_product_id_fkey';

/** Of rows that came with the place (from 1) of what was asked for: one for each of `count` places. */
function inPlaces<Row extends { readonly place: number }>(
  rows: readonly Row[],
  count: number,
): (Omit<Row, 'place'> | undefined)[] {
  const byPlace = new Map(rows.map(({ place, ...row }) => [place, row]));
  return Array.from({ length: count }, (_, index) => byPlace.get(index + 1));
}

async function insertAll(db: Queryable, orders: readonly TracedOrder[]): Promise<(Order | undefined)[]> {
  const rows = await insertOrders(db, {
    userIds: orders.map(({ user }) => user.id),
    actorRoles: orders.map(({ user }) => user.role),
    productIds: orders.map(({ productId }) => productId),
    quantities: orders.map(({ quantity }) => quantity),
    unitPrices: orders.map(({ unitPrice }) => unitPrice),
    keys: orders.map(({ idempotency }) => idempotency?.key ?? null),
    hashes: orders.map(({ idempotency }) => idempotency?.hash ?? null),
    traces: orders.map(({ trace }) => trace),
  });
  for (const { status } of rows) countTransition(status);
  return inPlaces(rows, orders.length);
}

async function settleAll(db: Queryable, settlements: readonly Settling[]): Promise<boolean[]> {
  const rejections = settlements.map((each) => (each.outcome === 'REJECTED' ? each : undefined));
  const excesses = rejections.map((each) => (each?.code === 'PURCHASE_LIMIT' ? each : undefined));
  const rows = await settleOrders(db, {
    ids: settlements.map(({ id }) => id),
    outcomes: settlements.map(({ outcome }) => outcome),
    codes: rejections.map((each) => each?.code ?? null),
    availables: rejections.map((each) => each?.available ?? null),
    limits: excesses.map((each) => each?.limit ?? null),
    helds: excesses.map((each) => each?.held ?? null),
  });
  const outcomes = new Map(settlements.map(({ id, outcome }) => [id, outcome]));
  const existing = new Set<number>();
  for (const { id, seconds, exists } of rows) {
    if (exists) existing.add(id);
    const outcome = outcomes.get(id);
    if (seconds === null || outcome === undefined) continue;
    // Once, though two runs of its job may be in one batch.
    outcomes.delete(id);
    countTransition(outcome);
    observeSettlement(seconds);
  }
  return settlements.map(({ id }) => existing.has(id));
}

/** The table over `db`, read over `reads`. */
export function createOrderTable(db: Queryable, reads: Queryable = db): OrderTable {
  const byId = createBatches(async (ids: readonly number[]) => {
    const rows = new Map((await selectByIds(reads, { ids })).map((order) => [order.id, order]));
    return ids.map((id) => rows.get(id));
  });
  const byKey = createBatches(async (keys: readonly UserKey[]) =>
    inPlaces(
      await selectByKeys(reads, {
        userIds: keys.map(({ userId }) => userId),
        keys: keys.map(({ key }) => key),
      }),
      keys.length,
    ),
  );
  const insert = createBatches((orders: readonly TracedOrder[]) => insertAll(db, orders));
  const settle = createBatches((settlements: readonly Settling[]) => settleAll(db, settlements));
  return {
    byIds: (ids) => selectByIds(reads, { ids }),
    byId,
    byIdempotencyKey: (userId, key) => byKey({ userId, key }),
    insert: async (order) => {
      try {
        return (await insert({ ...order, trace: traceparent() })) ?? 'key used';
      } catch (error) {
        if (namesUnknownProduct(error)) return 'no such product';
        throw error;
      }
    },
    settle: (id, settlement) => settle({ id, ...settlement }),
    cancel: async (id, expectedVersion, { id: actorId, role: actorRole }, reason) => {
      const trace = traceparent();
      const [cancelled] = await cancelOrder(db, { id, expectedVersion, actorId, actorRole, reason, trace });
      if (cancelled) countTransition(cancelled.status);
      return cancelled;
    },
    advance: async (id, expectedVersion, { id: actorId, role: actorRole }, to) => {
      const trace = traceparent();
      const [advanced] = await advanceOrder(db, { id, expectedVersion, actorId, actorRole, to, trace });
      if (advanced) countTransition(advanced.status);
      return advanced;
    },
    page: (query) => selectOrderPage(reads, query),
  };
}
