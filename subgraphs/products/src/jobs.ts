// The jobs of the products service: what orders ask of the stock. Jobs that come at the same time are done together.

import { traceparent } from '@holdfast/platform/observability/tracing';
import { createBatches } from '@holdfast/platform/postgres/batches';
import type { Queryable } from '@holdfast/platform/postgres/database';
import { type JobHandler, payloadOf } from '@holdfast/platform/queue/queue';
import { z } from 'zod';
import { shipReservation } from './data/finished-reservations.ts';
import type { Reservations, StockOrder } from './data/reservations.ts';
import { createLockedProducts, type LockedProducts } from './locked-products.ts';

const stockOrder = z.object({ orderId: z.int().positive(), productId: z.int32().positive() });
const reservable = stockOrder.extend({ userId: z.int32().positive(), quantity: z.int32().positive() });

/** Batches of jobs that change the stock. One of a product that another session keeps locked is done by itself, or gives way. */
function stockBatches<Order extends StockOrder>(
  locked: LockedProducts,
  change: (orders: readonly Order[]) => Promise<void>,
): (order: Order) => Promise<void> {
  const run = async (orders: readonly Order[]) => {
    await change(orders);
    return orders.map(() => undefined);
  };
  const alone = <Result>({ productId }: Order, work: () => Promise<Result>) =>
    locked.unlessLocked(productId, work);
  const inBatch = createBatches(run, { alone });
  return async (order) => {
    if (locked.isLocked(order.productId)) await alone(order, () => change([order]));
    else await inBatch(order);
  };
}

const shipment = stockOrder.pick({ orderId: true });

/** The handler of orders that were shipped. It can be run any number of times. */
export const shippingJobs = (db: Queryable): Record<'ship-stock', JobHandler> => ({
  'ship-stock': (payload) => shipReservation(db, payloadOf(shipment, payload).orderId),
});

/** Handlers by job name. Each can be run any number of times. */
export function stockJobs(reservations: Reservations): Record<'reserve-stock' | 'release-stock', JobHandler> {
  const locked = createLockedProducts();
  const reserve = stockBatches(locked, reservations.reserve);
  const release = stockBatches(locked, reservations.release);
  return {
    'reserve-stock': (payload, { priority }) =>
      reserve({ ...payloadOf(reservable, payload), trace: traceparent(), priority }),
    'release-stock': (payload) => release(payloadOf(stockOrder, payload)),
  };
}
