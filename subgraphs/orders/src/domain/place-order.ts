// Placing an order: the price of this moment, then the order and its job in one statement, then the wait for what
// becomes of it. A retry with the same key finds the order that the first try made, whatever happened to its reply.
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
import type { Actor, Order, OrderTable } from '../data/orders.ts';
import type { Prices } from '../data/prices.ts';
import type { Settlements } from '../data/settlements.ts';
import type { CreateOrderInput } from '../generated/graphql.ts';
import type { OutOfStock, ProductNotFound, PurchaseLimitReached } from './problems.ts';
import { type OrderRequest, orderRules } from './rules.ts';

export type Placed =
  | Order
  | OutOfStock
  | PurchaseLimitReached
  | ProductNotFound
  | IdempotencyKeyReused
  | InvalidInput;

/** Who orders, and until when an answer is of use. */
export interface Call {
  readonly user: Actor;
  readonly requestId: string;
  /** ms since the epoch */
  readonly deadlineAt: number;
}

export type PlaceOrder = (input: CreateOrderInput, call: Call) => Promise<Placed>;

/** Kept back from the deadline for reading the order and answering. */
const ANSWER_MS = 500;

/** The part of a request that an idempotency key stands for, with its product's id parsed. */
type Ordered = Omit<OrderRequest, 'productId' | 'idempotencyKey' | 'waitMs'> & { readonly productId: number };

interface Wanted {
  readonly ordered: Ordered;
  readonly key: string | undefined;
  readonly untilMs: number;
}

function hashOf({ productId, quantity, ...rest }: Ordered): Buffer {
  allHandled(rest);
  return requestHash([productId, quantity]);
}

const noSuchProduct = (productId: string): ProductNotFound => ({
  __typename: 'ProductNotFound',
  code: 'PRODUCT_NOT_FOUND',
  message: `There is no product ${JSON.stringify(productId.slice(0, 64))}.`,
});

/** Why an order of so many units cannot be recorded; undefined when it can. */
function totalError(unitPrice: string, quantity: number): InvalidInput | undefined {
  const total = totalOf(unitPrice, quantity);
  if (fitsColumn(total)) return undefined;
  const message = `expected a total price of at most ${MAX_AMOUNT}, got ${quantity} × ${unitPrice} = ${total}`;
  return invalidInput([{ field: 'quantity', message }]);
}

const KEY_REUSED = keyReused('another product or quantity');

function purchaseLimitReached(quantity: number, limit: number, held: number): PurchaseLimitReached {
  const message =
    quantity > limit
      ? `${quantity} units were asked for; an order may have ${limit} at most.`
      : `${quantity} units were asked for, and the customer's open orders have ${held} of the product; together ${limit} are allowed.`;
  return { __typename: 'PurchaseLimitReached', code: 'PURCHASE_LIMIT', message, limit, held };
}

/** What the caller is told of an order: the order itself, or why it was rejected. */
function outcomeOf(order: Order): Placed {
  if (order.status !== 'REJECTED') return order;
  if (order.rejectionCode === 'PRODUCT_NOT_FOUND') return noSuchProduct(String(order.productId));
  if (order.rejectionLimit !== null)
    return purchaseLimitReached(order.quantity, order.rejectionLimit, order.rejectionHeld ?? 0);
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
    (await orders.byId(order.id).catch(() => undefined)) ?? order;

  /** The order as it is once it is settled, or at `untilMs`. `since` is a mark from before it was inserted or read. */
  async function settled(order: Order, untilMs: number, since: number): Promise<Order> {
    let current = order;
    for (let mark = since; current.status === 'PENDING' && Date.now() < untilMs; ) {
      await settlements.wait(order.id, untilMs, mark);
      mark = settlements.mark();
      current = await reread(current);
    }
    return current;
  }

  /** The answer to a key that was used before; undefined when it was not. */
  async function replay({ ordered, key, untilMs }: Wanted, userId: number): Promise<Placed | undefined> {
    if (key === undefined) return undefined;
    const since = settlements.mark();
    const before = await orders.byIdempotencyKey(userId, key);
    if (!before) return undefined;
    if (!hashOf(ordered).equals(before.requestHash)) return KEY_REUSED;
    countReplay();
    return outcomeOf(await settled(before, untilMs, since));
  }

  async function place(wanted: Wanted, call: Call): Promise<Placed> {
    const replayed = await replay(wanted, call.user.id);
    if (replayed) return replayed;
    const { ordered, key, untilMs } = wanted;
    const { productId, quantity, ...rest } = ordered;
    allHandled(rest);
    const unitPrice = await prices.priceOf(productId, call);
    if (unitPrice === undefined) return noSuchProduct(String(productId));
    const error = totalError(unitPrice, quantity);
    if (error) return error;
    const idempotency = key === undefined ? undefined : { key, hash: hashOf(ordered) };
    // The order may be settled before its id comes back.
    const since = settlements.mark();
    const placed = await orders.insert({ user: call.user, productId, quantity, unitPrice, idempotency });
    if (placed === 'no such product') return noSuchProduct(String(productId));
    // Another request with the same key was faster: its order is the answer.
    if (placed === 'key used') return place(wanted, call);
    return outcomeOf(await settled(placed, untilMs, since));
  }

  return async (input, call) => {
    const checked = check(orderRules, input);
    if (!checked.ok) return checked.invalid;
    const { productId: given, idempotencyKey: key, waitMs, ...rest } = checked.value;
    if (isKeyRequired && key === undefined) throw badInput('idempotencyKey', keyError(undefined));
    const productId = parseId(given);
    if (productId === undefined) return noSuchProduct(given);
    const untilMs = Math.min(Date.now() + waitMs, call.deadlineAt - ANSWER_MS);
    return place({ ordered: { ...rest, productId }, key, untilMs }, call);
  };
}
