// The jobs of the products service: what orders ask of the stock.
import type { Queryable } from '@holdfast/platform/database';
import type { JobHandler } from '@holdfast/platform/queue';
import { z } from 'zod';
import { releaseStock, reserveStock } from './data/reservations.js';

const reservation = z.object({ orderId: z.uuid(), productId: z.uuid(), quantity: z.int().positive() });
const order = z.object({ orderId: z.uuid() });

/** Handlers by job name. Each is one statement and can be run any number of times. */
export function stockJobs(db: Queryable): Record<'reserve-stock' | 'release-stock', JobHandler> {
  return {
    'reserve-stock': async (payload) => {
      const { orderId, productId, quantity } = reservation.parse(payload);
      await reserveStock(db, orderId, productId, quantity);
    },
    'release-stock': async (payload) => {
      const { orderId } = order.parse(payload);
      await releaseStock(db, orderId);
    },
  };
}
