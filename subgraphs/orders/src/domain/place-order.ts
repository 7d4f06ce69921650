// Placing an order: the price of this moment, then the order and its job in one statement, then the wait for what
// becomes of it. A retry with the same key finds the order that the first try made, whatever happened to its reply.
import { badInput } from '@holdfast/platform/errors';
import {
  countReplay,
  type IdempotencyKeyReused,
  keyFault,
  keyReused,
  requestHash,
} from '@holdfast/platform/idempotency';
import { isId } from '@holdfast/platform/pages';
import { check, type InvalidInput } from '@holdfast/platform/validation';
import { v7 as uuidv7 } from 'uuid';
import type { NewOrder, Order, OrderTable } from '../data/orders.ts';
import type { Prices } from '../data/prices.ts';
import type { Settlements } from '../data/settlements.ts';
import type { OutOfStock, ProductNotFound } from './problems.ts';
import { type OrderRequest, orderRules } from './rules.ts';

export type Placed = Order | OutOfStock | ProductNotFound | IdempotencyKeyReused | InvalidInput;

/** Who orders, and until when an answer is of use. */
export interface Call {
  readonly userId: string;
  readonly requestId: string;
  /** ms since the epoch */
  readonly deadlineAt: number;
}

export type PlaceOrder = (input: unknown, call: Call) => Promise<Placed>;

/** Kept back from the deadline for reading the order and answering. */
const ANSWER_MS = 500;

const hashOf = ({ productId, quantity }: OrderRequest): Buffer =>
  requestHash([productId.toLowerCase(), quantity]);

const noSuchProduct = (productId: string): ProductNotFound => ({
  __typename: 'ProductNotFound',
  code: 'PRODUCT_NOT_FOUND',
  message: `There is no product ${JSON.stringify(productId.slice(0, 64))}.`,
});

const KEY_REUSED = keyReused('another product or quantity');

/** What the caller is told of an order: the order itself, or why it was rejected. */
function outcomeOf(order: Order): Placed {
  if (order.status !== 'REJECTED') return order;
  if (order.rejectionCode === 'PRODUCT_NOT_FOUND') return noSuchProduct(order.productId);
  const available = order.rejectionAvailable ?? 0;
  const message = `${order.quantity} units were asked for, ${available} were left.`;
  return { __typename: 'OutOfStock', code: 'OUT_OF_STOCK', message, available };
}

export interface PlaceOrderDependencies {
  readonly orders: OrderTable;
  readonly prices: Prices;
  readonly settlements: Settlements;
  /** Whether an order without a key is refused as BAD_USER_INPUT: sent twice, it would be two orders. */
  readonly isKeyRequired: boolean;
}

export function createPlaceOrder(dependencies: PlaceOrderDependencies): PlaceOrder {
  const { orders, prices, settlements, isKeyRequired } = dependencies;

  /**
   * The order as it is now. One that was placed is shown as it was then when it cannot be read: its caller must learn that
   * it was placed.
   */
  const reread = async (order: Order): Promise<Order> =>
    (await orders.byIds([order.id]).catch(() => []))[0] ?? order;

  /** The order as it is once it is settled, or at `untilMs`. */
  async function settled(order: Order, untilMs: number): Promise<Order> {
    let current = order;
    while (current.status === 'PENDING' && Date.now() < untilMs) {
      const { woken } = settlements.wait(order.id, untilMs);
      // It may have been settled before anyone was listening for it.
      current = await reread(current);
      if (current.status !== 'PENDING') break;
      await woken;
      current = await reread(current);
    }
    return current;
  }

  /** The answer to a key that was used before; undefined when it was not. */
  async function replay(userId: string, request: OrderRequest, untilMs: number): Promise<Placed | undefined> {
    if (request.idempotencyKey === undefined) return undefined;
    const before = await orders.byIdempotencyKey(userId, request.idempotencyKey);
    if (!before) return undefined;
    if (before.requestHash === null || !hashOf(request).equals(before.requestHash)) return KEY_REUSED;
    countReplay();
    return outcomeOf(await settled(before, untilMs));
  }

  /** Inserts, and waits having listened from before the insert: no notification can be missed. */
  async function insertAndWait(
    order: NewOrder,
    untilMs: number,
  ): Promise<Order | 'key used' | 'no such product'> {
    const { woken, cancel } = settlements.wait(order.id, untilMs);
    const placed = await orders.insert(order).catch((error: unknown) => {
      cancel();
      throw error;
    });
    if (typeof placed === 'string') {
      cancel();
      return placed;
    }
    if (untilMs <= Date.now()) {
      // Whoever does not wait is told what is certain: that the order was accepted.
      cancel();
      return placed;
    }
    await woken;
    return settled(await reread(placed), untilMs);
  }

  return async (input, { userId, requestId, deadlineAt }) => {
    const checked = check(orderRules, input);
    if (!checked.ok) return checked.invalid;
    const request = checked.value;
    const { productId, quantity, idempotencyKey: key } = request;
    if (isKeyRequired && key === undefined) throw badInput('idempotencyKey', keyFault(undefined));
    if (!isId(productId)) return noSuchProduct(productId);
    const untilMs = Math.min(Date.now() + request.waitMs, deadlineAt - ANSWER_MS);
    const replayed = await replay(userId, request, untilMs);
    if (replayed) return replayed;

    const unitPrice = await prices.priceOf(productId, { requestId, deadlineAt });
    if (unitPrice === undefined) return noSuchProduct(productId);
    const idempotency = key === undefined ? undefined : { key, hash: hashOf(request) };
    const placed = await insertAndWait(
      { id: uuidv7(), userId, productId, quantity, unitPrice, idempotency },
      untilMs,
    );
    if (placed === 'no such product') return noSuchProduct(productId);
    // Another request with the same key was faster: its order is the answer.
    if (placed === 'key used') return (await replay(userId, request, untilMs)) ?? KEY_REUSED;
    return outcomeOf(placed);
  };
}
