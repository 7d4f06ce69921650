// The jobs of the orders service: what the stock answered.
import { RejectionCode } from '@holdfast/database/generated/enums';
import { type JobHandler, payloadOf, Unworkable } from '@holdfast/platform/queue';
import { z } from 'zod';
import type { OrderTable } from './data/orders.ts';

const settlement = z.discriminatedUnion('outcome', [
  z.object({ orderId: z.int().positive(), outcome: z.literal('CONFIRMED') }),
  z.object({
    orderId: z.int().positive(),
    outcome: z.literal('REJECTED'),
    code: z.enum(RejectionCode),
    available: z.int32().min(0),
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
