// The jobs of the products service: what orders ask of the stock.
import type { JobHandler } from '@holdfast/platform/queue';
import { z } from 'zod';
import type { Reservations } from './data/reservations.ts';
import { createLockedProducts } from './locked-products.ts';

const id = z.int().positive();
const reservation = z.object({ orderId: id, productId: id, quantity: z.int().positive() });
const release = z.object({ orderId: id, productId: id });

/** Handlers by job name. Each can be run any number of times. */
export function stockJobs(reservations: Reservations): Record<'reserve-stock' | 'release-stock', JobHandler> {
  const { unlessLocked } = createLockedProducts();
  return {
    'reserve-stock': async (payload) => {
      const { orderId, productId, quantity } = reservation.parse(payload);
      await unlessLocked(productId, () => reservations.reserve(orderId, productId, quantity));
    },
    'release-stock': async (payload) => {
      const { orderId, productId } = release.parse(payload);
      await unlessLocked(productId, () => reservations.release(orderId, productId));
    },
  };
}
