// Settling an order: it becomes CONFIRMED or REJECTED, as the products service has decided. A second run changes no row.
import { Unworkable } from '@holdfast/platform/queue/queue';
import type { OrderStore, Settlement } from '../data/orders.ts';

/** @throws {Unworkable} when there is no such order */
export type SettleOrder = (id: number, settlement: Settlement) => Promise<void>;

export const createSettleOrder =
  (orders: Pick<OrderStore, 'settle'>): SettleOrder =>
  async (id, settlement) => {
    if (!(await orders.settle(id, settlement))) throw new Unworkable(`there is no order ${id}`);
  };
