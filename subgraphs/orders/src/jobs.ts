// The jobs of the orders service: what the stock answered.
import { type JobHandler, payloadOf, Unworkable } from '@holdfast/platform/queue/queue';
import { z } from 'zod';
import type { OrderTable } from './data/orders.ts';

const confirmed = z.object({ orderId: z.int().positive(), outcome: z.literal('CONFIRMED') });
const rejected = z.object({
  orderId: z.int().positive(),
  outcome: z.literal('REJECTED'),
  available: z.int32().min(0),
});
const settlement = z.union([
  confirmed,
  rejected.extend({ code: z.enum(['OUT_OF_STOCK', 'PRODUCT_NOT_FOUND']) }),
  rejected.extend({
    code: z.literal('PURCHASE_LIMIT'),
    limit: z.int32().positive(),
    held: z.int32().min(0),
  }),
]);

/** Handlers by job name. Each can be run any number of times; jobs that come at the same time are done together. */
export function orderJobs(orders: OrderTable): Record<'settle-order', JobHandler> {
  return {
    'settle-order': async (payload) => {
      const { orderId, ...outcome } = payloadOf(settlement, payload);
      if (!(await orders.settle(orderId, outcome))) throw new Unworkable(`there is no order ${orderId}`);
    },
  };
}
