// The stock of orders: reserved when an order is placed, released when it is cancelled, gone when it is shipped. Jobs that come
// at the same time are processed in one batch.
import { createBatches } from '@holdfast/platform/postgres/batches';
import type { Reservable, ReservationStore, StockOrder } from '../data/reservations.ts';
import { createLockedProducts, type LockedProducts } from './locked-products.ts';

export interface Reservations {
  /** Reserves the units of the order or rejects the order, once. The outcome is a job for the orders service. */
  reserve(order: Reservable): Promise<void>;
  /** Returns the units of the order to the stock, once. */
  release(order: StockOrder): Promise<void>;
  /** The units of the order have left the shop and cannot return. */
  ship(orderId: number): Promise<void>;
}

export function createReservations(store: ReservationStore): Reservations {
  const locked = createLockedProducts();
  return {
    reserve: inBatches(locked, store.reserve),
    release: inBatches(locked, store.release),
    ship: store.ship,
  };
}

/** Changes the stock in batches. An order of a product that another session keeps locked is changed alone, or gives way. */
function inBatches<Order extends StockOrder>(
  locked: LockedProducts,
  change: (orders: readonly Order[]) => Promise<void>,
): (order: Order) => Promise<void> {
  const changeAll = async (orders: readonly Order[]) => {
    await change(orders);
    return orders.map(() => undefined);
  };
  const alone = <Result>({ productId }: Order, work: () => Promise<Result>) =>
    locked.unlessLocked(productId, work);
  const changeInBatch = createBatches(changeAll, { alone });
  return async (order) => {
    if (locked.isLocked(order.productId)) await alone(order, () => change([order]));
    else await changeInBatch(order);
  };
}
