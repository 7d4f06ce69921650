// The jobs of the products service: what orders ask of the stock.
import type { JobHandler } from '@holdfast/platform/queue';
import { z } from 'zod';
import type { Reservations } from './data/reservations.js';

const reservation = z.object({ orderId: z.uuid(), productId: z.uuid(), quantity: z.int().positive() });
const release = z.object({ orderId: z.uuid(), productId: z.uuid() });

/** Handlers by job name. Each is one statement and can be run any number of times. */
export function stockJobs(reservations: Reservations): Record<'reserve-stock' | 'release-stock', JobHandler> {
  return {
    'reserve-stock': async (payload) => {
      const { orderId, productId, quantity } = reservation.parse(payload);
      await reservations.reserve(orderId, productId, quantity);
    },
    'release-stock': async (payload) => {
      const { orderId, productId } = release.parse(payload);
      await reservations.release(orderId, productId);
    },
  };
}
