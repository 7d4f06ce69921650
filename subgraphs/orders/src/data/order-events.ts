// The history of orders: append-only, written together with each change of status.
import { createPrismaClient, type OrderEvent as OrderEventModel } from '@holdfast/database';
import type pg from 'pg';

export type OrderEvent = OrderEventModel;

/** Reads histories, oldest event first, in one statement for all of the orders. */
export function createHistoryReader(pool: pg.Pool): (orderIds: readonly string[]) => Promise<OrderEvent[]> {
  const prisma = createPrismaClient(pool);
  return (orderIds) =>
    prisma.orderEvent.findMany({
      where: { orderId: { in: [...orderIds] } },
      orderBy: [{ orderId: 'asc' }, { version: 'asc' }],
    });
}
