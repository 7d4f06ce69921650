// Placing an order: read the current price, insert the order and its job in one statement, then wait until the order is settled.
// A retry with the same key finds the order of the first try, even if the client never received the first reply.
import { badInput } from '@holdfast/platform/errors';
import { parseId } from '@holdfast/platform/ids';
import { fitsColumn, MAX_AMOUNT, totalOf } from '@holdfast/platform/money';
import {
  countReplay,
  type IdempotencyKeyReused,
  keyError,
  keyReused,
  requestHash,
} from '@holdfast/platform/postgres/idempotency';
import { allHandled, check, type InvalidInput, invalidInput } from '@holdfast/platform/validation';
import type { Actor, Order, OrderStore } from '../data/orders.ts';
import type { Prices } from '../data/prices.ts';
import type { Settlements } from '../data/settlements.ts';
import type { CreateOrderInput } from '../generated/graphql.ts';
import {
  type OutOfStock,
  outOfStock,
  type ProductNotFound,
  type PurchaseLimitReached,
  productNotFound,
  purchaseLimitReached,
} from './problems.ts';
import { type OrderRequest, orderRules } from './rules.ts';

export type Placed =
  | Order
  | OutOfStock
  | PurchaseLimitReached
  | ProductNotFound
  | IdempotencyKeyReused
  | InvalidInput;

/** The customer, and how long the client waits for the answer. */
export interface Call {
  readonly user: Actor;
  readonly requestId: string;
  /** ms since the epoch */
  readonly deadlineAt: number;
}

export type PlaceOrder = (input: CreateOrderInput, call: Call) => Promise<Placed>;

/** The part of the time until the deadline that is reserved for reading the order and answering. */
const ANSWER_MS = 500;

/** The part of a request that an idempotency key stands for, with the product's id parsed. */
type Ordered = Omit<OrderRequest, 'productId' | 'idempotencyKey' | 'waitMs'> & { readonly productId: number };

interface Wanted {
  readonly ordered: Ordered;
  readonly key: string | undefined;
  readonly untilMs: number;
}

function hashOrdered({ productId, quantity, ...rest }: Ordered): Buffer {
  allHandled(rest);
  return requestHash([productId, quantity]);
}

/** Says that the total price does not fit its column; undefined when it fits. */
function checkTotal(unitPrice: string, quantity: number): InvalidInput | undefined {
  const total = totalOf(unitPrice, quantity);
  if (fitsColumn(total)) return undefined;
  const message = `expected a total price of at most ${MAX_AMOUNT}, got ${quantity} × ${unitPrice} = ${total}`;
  return invalidInput([{ field: 'quantity', message }]);
}

const KEY_REUSED = keyReused('another product or quantity');

/** The answer to the client: the order itself, or the problem for which it was rejected. */
function toOutcome(order: Order): Placed {
  if (order.status !== 'REJECTED') return order;
  if (order.rejectionCode === 'PRODUCT_NOT_FOUND') return productNotFound(String(order.productId));
  if (order.rejectionLimit !== null)
    return purchaseLimitReached(order.quantity, order.rejectionLimit, order.rejectionHeld ?? 0);
  return outOfStock(order.quantity, order.rejectionAvailable ?? 0);
}

export interface PlaceOrderDependencies {
  readonly orders: OrderStore;
  readonly prices: Prices;
  readonly settlements: Settlements;
  /** Whether an order without a key is refused as BAD_USER_INPUT, because sending it twice would place two orders. */
  readonly isKeyRequired: boolean;
}

export function createPlaceOrder(dependencies: PlaceOrderDependencies): PlaceOrder {
  const { orders, prices, settlements, isKeyRequired } = dependencies;

  /** The order as it is now. If it cannot be read, the order as it was placed, because the client must learn that it was placed. */
  const reread = async (order: Order): Promise<Order> =>
    (await orders.byId(order.id).catch(() => undefined)) ?? order;

  /** The order once it is settled, or as it is at `untilMs`. `since` is a mark taken before the order was inserted or read. */
  async function waitUntilSettled(order: Order, untilMs: number, since: number): Promise<Order> {
    let current = order;
    for (let mark = since; current.status === 'PENDING' && Date.now() < untilMs; ) {
      await settlements.wait(order.id, untilMs, mark);
      mark = settlements.mark();
      current = await reread(current);
    }
    return current;
  }

  /** The answer for a key that was used before; undefined when it was not used. */
  async function replay({ ordered, key, untilMs }: Wanted, userId: number): Promise<Placed | undefined> {
    if (key === undefined) return undefined;
    const since = settlements.mark();
    const before = await orders.byIdempotencyKey(userId, key);
    if (!before) return undefined;
    if (!hashOrdered(ordered).equals(before.requestHash)) return KEY_REUSED;
    countReplay();
    return toOutcome(await waitUntilSettled(before, untilMs, since));
  }

  async function place(wanted: Wanted, call: Call): Promise<Placed> {
    const replayed = await replay(wanted, call.user.id);
    if (replayed) return replayed;
    const { ordered, key, untilMs } = wanted;
    const { productId, quantity, ...rest } = ordered;
    allHandled(rest);
    const unitPrice = await prices.priceOf(productId, call);
    if (unitPrice === undefined) return productNotFound(String(productId));
    const invalid = checkTotal(unitPrice, quantity);
    if (invalid) return invalid;
    const idempotency = key === undefined ? undefined : { key, hash: hashOrdered(ordered) };
    // The mark is taken first, because the order may be settled before this process knows its id.
    const since = settlements.mark();
    const placed = await orders.insert({ user: call.user, productId, quantity, unitPrice, idempotency });
    if (placed === 'no such product') return productNotFound(String(productId));
    // Another request with the same key was faster; its order is the answer.
    if (placed === 'key used') return place(wanted, call);
    return toOutcome(await waitUntilSettled(placed, untilMs, since));
  }

  return async (input, call) => {
    const checked = check(orderRules, input);
    if (!checked.ok) return checked.invalid;
    const { productId: given, idempotencyKey: key, waitMs, ...rest } = checked.value;
    if (isKeyRequired && key === undefined) throw badInput('idempotencyKey', keyError(undefined));
    const productId = parseId(given);
    if (productId === undefined) return productNotFound(given);
    const untilMs = Math.min(Date.now() + waitMs, call.deadlineAt - ANSWER_MS);
    return place({ ordered: { ...rest, productId }, key, untilMs }, call);
  };
}
