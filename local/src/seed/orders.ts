// Makes the orders of a seeded shop with their histories, as the services would have written them.
import { requestHash } from '@holdfast/platform/postgres/idempotency';
import type { Random } from './random.ts';
import { addUnits, changePrice, restock, type Shelf, takeUnits } from './shelf.ts';
import { formatMoney, type TableRows, type Value } from './tables.ts';
import { addDays } from './times.ts';
import { CUSTOMER_REASONS, STAFF_REASONS } from './words.ts';

const RESTOCKED = 0.4;
const PRICE_CHANGED = 0.01;
const CANCELLED = 0.05;
const CANCELLED_BY_STAFF = 0.3;
/** The share of cancelling customers who give a reason. */
const GIVE_A_REASON = 0.5;
const KEYS_DAYS = 1;
const SECOND = 1 / 86_400;

type Status = 'PENDING' | 'CONFIRMED' | 'REJECTED' | 'CANCELLED' | 'SHIPPED' | 'DELIVERED';
type Actor = { readonly id: number; readonly role: 'CUSTOMER' | 'STAFF' };
type Step = {
  readonly status: Status;
  readonly at: Date;
  /** Null for the system. */
  readonly actor: Actor | null;
  readonly reason?: string | null;
};

export type SeededOrder = {
  readonly id: number;
  readonly userId: number;
  readonly productId: number;
  readonly quantity: number;
  /** The price of one unit in cents. */
  readonly price: number;
  /** The stock when the order was rejected. */
  readonly available: number | null;
  readonly steps: readonly Step[];
  /** The newest step. */
  readonly last: Step;
  /** When the reservation of its units succeeded or failed. */
  readonly settledAt: Date;
  readonly key: string;
};

/** `staff` ships, delivers and cancels orders. No step is later than `until`. */
export type Trade = { readonly random: Random; readonly staff: readonly number[]; readonly until: Date };

/** Makes an order at `at`, which is later than the orders before, and changes the shelf as the order would. */
export function takeOrder(trade: Trade, id: number, userId: number, shelf: Shelf, at: Date): SeededOrder {
  const { random, until } = trade;
  if (random.happens(PRICE_CHANGED)) changePrice(shelf, random, at);
  const quantity = 1 + Math.floor(5 * random.next() ** 4);
  if (shelf.stock < quantity && random.happens(RESTOCKED)) restock(shelf, random.between(20, 200), at);
  const price = shelf.cents;
  const settledAt = addDays(at, SECOND * (0.02 + 0.4 * random.next()));
  const isHeld = takeUnits(shelf, quantity, settledAt);
  const available = isHeld ? null : shelf.stock;
  const customer: Actor = { id: userId, role: 'CUSTOMER' };
  const settled: Step = { status: isHeld ? 'CONFIRMED' : 'REJECTED', at: settledAt, actor: null };
  const after = isHeld ? planSteps(trade, customer, settledAt).filter((step) => step.at <= until) : [];
  const last = after.at(-1) ?? settled;
  if (last.status === 'CANCELLED') addUnits(shelf, quantity, last.at);
  const steps = [{ status: 'PENDING', at, actor: customer } as const, settled, ...after];
  const productId = shelf.id;
  return { id, userId, productId, quantity, price, available, steps, last, settledAt, key: random.uuid() };
}

function planSteps({ random, staff }: Trade, customer: Actor, confirmedAt: Date): Step[] {
  const clerk = (): Actor => ({ id: random.pick(staff), role: 'STAFF' });
  const at = addDays(confirmedAt, 0.1 + 1.5 * random.next());
  if (!random.happens(CANCELLED))
    return [
      { status: 'SHIPPED', at, actor: clerk() },
      { status: 'DELIVERED', at: addDays(at, 1 + 4 * random.next()), actor: clerk() },
    ];
  if (random.happens(CANCELLED_BY_STAFF))
    return [{ status: 'CANCELLED', at, actor: clerk(), reason: random.pick(STAFF_REASONS) }];
  const reason = random.happens(GIVE_A_REASON) ? random.pick(CUSTOMER_REASONS) : null;
  return [{ status: 'CANCELLED', at, actor: customer, reason }];
}

const RESERVATION_OF = {
  PENDING: 'HELD',
  CONFIRMED: 'HELD',
  REJECTED: 'REFUSED',
  CANCELLED: 'RELEASED',
  SHIPPED: 'SHIPPED',
  DELIVERED: 'SHIPPED',
} as const satisfies Record<Status, string>;

/** The rows of orders in all tables. Only orders of the last day have idempotency keys, because a sweep deletes older keys. */
export function makeOrderTables(orders: readonly SeededOrder[], until: Date): TableRows[] {
  const withKey = orders.filter(({ steps }) => (steps[0]?.at ?? until) >= addDays(until, -KEYS_DAYS));
  return [
    {
      table: 'orders.orders',
      columns:
        'id, user_id, product_id, quantity, unit_price, total_price, status, version, rejection_code, ' +
        'rejection_available, created_at, updated_at',
      rows: orders.map(orderRow),
    },
    {
      table: 'orders.order_events',
      columns: 'order_id, version, status, actor_id, actor_role, reason, created_at',
      rows: orders.flatMap(eventRows),
    },
    {
      table: 'orders.idempotency_keys',
      columns: 'user_id, key, request_hash, order_id, created_at',
      rows: withKey.map(keyRow),
    },
    {
      table: 'products.reservations',
      columns: 'order_id, user_id, product_id, quantity, status, created_at, updated_at',
      rows: orders.map(reservationRow),
    },
  ];
}

function orderRow({ id, userId, productId, quantity, price, available, steps, last }: SeededOrder): Value[] {
  const rejection = available === null ? null : 'OUT_OF_STOCK';
  const placedAt = steps[0]?.at ?? last.at;
  const prices = [formatMoney(price), formatMoney(price * quantity)];
  const state = [last.status, steps.length, rejection, available];
  return [id, userId, productId, quantity, ...prices, ...state, placedAt, last.at];
}

const eventRows = ({ id, steps }: SeededOrder): Value[][] =>
  steps.map(({ status, at, actor, reason = null }, index) => [
    id,
    index + 1,
    status,
    actor?.id ?? null,
    actor?.role ?? null,
    reason,
    at,
  ]);

const keyRow = ({ id, userId, productId, quantity, key, settledAt }: SeededOrder): Value[] => [
  userId,
  key,
  requestHash([productId, quantity]),
  id,
  settledAt,
];

const reservationRow = ({
  id,
  userId,
  productId,
  quantity,
  steps,
  last,
  settledAt,
}: SeededOrder): Value[] => [
  id,
  userId,
  productId,
  quantity,
  RESERVATION_OF[last.status],
  settledAt,
  // The third step ended the reservation: a delivered parcel was shipped before.
  steps[2]?.at ?? settledAt,
];
