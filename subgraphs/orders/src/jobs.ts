// The jobs that the orders service handles: the products service has decided an order. A handler may run any number of times.
import { type JobHandler, payloadOf } from '@holdfast/platform/queue/queue';
import { z } from 'zod';
import type { SettleOrder } from './domain/settle-order.ts';

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

/** Handlers by job name. */
export const createJobs = (settleOrder: SettleOrder): Record<'settle-order', JobHandler> => ({
  'settle-order': (payload) => {
    const { orderId, ...outcome } = payloadOf(settlement, payload);
    return settleOrder(orderId, outcome);
  },
});
