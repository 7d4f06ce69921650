// The orders in PostgreSQL: reads and guarded writes. Statements that many requests need at the same time are sent in batches.
import type { ActorRole, RejectionCode } from '@holdfast/database';
import { inOrderOf } from '@holdfast/platform/ids';
import { traceparent } from '@holdfast/platform/observability/tracing';
import { createBatches } from '@holdfast/platform/postgres/batches';
import type { Queryable } from '@holdfast/platform/postgres/database';
import type { ArgumentsOf } from '@holdfast/platform/postgres/sql';
import pg from 'pg';
import type { Advance } from '../domain/order-status.ts';
import { countTransition, observeSettlement } from '../metrics.ts';
import { type OrderEvent, selectHistories } from './order-events.ts';
import { type OrderPageQuery, selectOrderPage } from './order-pages.ts';
import type { NEW_ORDER, Order } from './order-row.ts';
import {
  advanceOrder,
  cancelOrder,
  insertOrders,
  type OrderOfKey,
  selectByIds,
  selectByKeys,
  selectPending,
  settleOrders,
} from './order-statements.ts';

export type { Order };

/** The user who takes a step of an order, with the role at that moment. */
export interface Actor {
  readonly id: number;
  readonly role: ActorRole;
}

export interface NewOrder extends Omit<ArgumentsOf<typeof NEW_ORDER>, 'userId'> {
  /** The customer. */
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

/** "In batches": calls that come at the same time, also from several requests, become one statement. */
export interface OrderStore {
  /** In the order of `ids`; null where there is no order. */
  byIds(ids: readonly number[]): Promise<(Order | null)[]>;
  /** In batches. */
  byId(id: number): Promise<Order | undefined>;
  /** In batches. */
  byIdempotencyKey(userId: number, key: string): Promise<OrderOfKey | undefined>;
  /** Newest first. */
  page(query: OrderPageQuery): Promise<Order[]>;
  /** The history of each order in the order of `orderIds`, oldest event first; one statement. */
  histories(orderIds: readonly number[]): Promise<OrderEvent[][]>;
  /** Inserts a PENDING order and its `reserve-stock` job. In batches. */
  insert(order: NewOrder): Promise<Order | 'key used' | 'no such product'>;
  /** Changes only a PENDING order. In batches. @returns false when there is no such order */
  settle(id: number, settlement: Settlement): Promise<boolean>;
  /**
   * Cancels the order and adds the `release-stock` job. Undefined when the order is not at that version or cannot be cancelled,
   * or when the actor is neither its customer nor staff.
   */
  cancel(
    id: number,
    expectedVersion: number,
    actor: Actor,
    reason: string | null,
  ): Promise<Order | undefined>;
  /** Undefined when the order does not exist, is not at that version, or has a status from which staff cannot take it to `to`. */
  advance(id: number, expectedVersion: number, actor: Actor, to: Advance): Promise<Order | undefined>;
}

type TracedOrder = NewOrder & { readonly trace: string | null };
type IdentifiedSettlement = Settlement & { readonly id: number };
type UserKey = { readonly userId: number; readonly key: string };

const namesUnknownProduct = (error: unknown): boolean =>
  error instanceof pg.DatabaseError &&
  error.code === '23503' &&
  error.constraint === 'orders_product_id_fkey';

/** Puts rows at their places (from 1) in an array of `count`; undefined where no row came. */
function spreadByPlace<Row extends { readonly place: number }>(
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
  return spreadByPlace(rows, orders.length);
}

async function settleAll(db: Queryable, settlements: readonly IdentifiedSettlement[]): Promise<boolean[]> {
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
    // Two runs of one job may be in the same batch; the order is counted once.
    outcomes.delete(id);
    countTransition(outcome);
    observeSettlement(seconds);
  }
  return settlements.map(({ id }) => existing.has(id));
}

/** How many orders are PENDING, and the age of the oldest in seconds, 0 without one. */
export async function readPending(db: Queryable): Promise<{ count: number; oldestSeconds: number }> {
  const [{ pending = 0, oldest = 0 } = {}] = await selectPending(db, {});
  return { count: pending, oldestSeconds: oldest };
}

/** The orders of the database behind `writes`, read over `reads`. */
export function createOrderStore(writes: Queryable, reads: Queryable = writes): OrderStore {
  const byIds = async (ids: readonly number[]) => inOrderOf(ids, await selectByIds(reads, { ids }));
  const byId = createBatches(byIds);
  const byKey = createBatches(async (keys: readonly UserKey[]) =>
    spreadByPlace(
      await selectByKeys(reads, {
        userIds: keys.map(({ userId }) => userId),
        keys: keys.map(({ key }) => key),
      }),
      keys.length,
    ),
  );
  const insert = createBatches((orders: readonly TracedOrder[]) => insertAll(writes, orders));
  const settle = createBatches((settlements: readonly IdentifiedSettlement[]) =>
    settleAll(writes, settlements),
  );
  return {
    byIds,
    byId: async (id) => (await byId(id)) ?? undefined,
    byIdempotencyKey: (userId, key) => byKey({ userId, key }),
    page: (query) => selectOrderPage(reads, query),
    histories: async (orderIds) => {
      const histories = new Map(orderIds.map((id): [number, OrderEvent[]] => [id, []]));
      for (const event of await selectHistories(reads, { orderIds }))
        histories.get(event.orderId)?.push(event);
      return orderIds.map((id) => histories.get(id) ?? []);
    },
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
      const [cancelled] = await cancelOrder(writes, {
        id,
        expectedVersion,
        actorId,
        actorRole,
        reason,
        trace,
      });
      if (cancelled) countTransition(cancelled.status);
      return cancelled;
    },
    advance: async (id, expectedVersion, { id: actorId, role: actorRole }, to) => {
      const trace = traceparent();
      const [advanced] = await advanceOrder(writes, { id, expectedVersion, actorId, actorRole, to, trace });
      if (advanced) countTransition(advanced.status);
      return advanced;
    },
  };
}
