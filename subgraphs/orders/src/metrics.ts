// The metrics of the orders service.
import type { Logger } from '@holdfast/platform/observability/log';
import {
  conflictCounter,
  Histogram,
  labelledCounter,
  registry,
} from '@holdfast/platform/observability/metrics';
import { createScrapedGauges } from '@holdfast/platform/observability/scraped-gauges';
import { ORDER_STATUSES } from './domain/order-status.ts';

/** Counts a change of an order that was refused because its expected version was old. */
export const countConflict = conflictCounter('order');

/** Counts an order that got the status; called after the commit. */
export const countTransition = labelledCounter({
  name: 'order_transitions_total',
  help: 'Orders that got the status; PENDING counts placed orders.',
  label: 'status',
  values: ORDER_STATUSES,
});

const settlements = new Histogram({
  name: 'order_settlement_seconds',
  help: 'Seconds from placing an order to settling it (CONFIRMED or REJECTED).',
  buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900],
  registers: [registry],
});
export const observeSettlement = (seconds: number): void => settlements.observe(Math.max(0, seconds));

const SAME = 'Every instance reports the same number: take the max.';

const pending = createScrapedGauges({
  orders_pending: `Orders that are PENDING. ${SAME}`,
  orders_oldest_pending_seconds: `Age of the oldest PENDING order; 0 when there is none. ${SAME}`,
});

export interface PendingOrders {
  readonly count: number;
  readonly oldestSeconds: number;
}

/** Reads the gauges of PENDING orders by `readPending` at each scrape. */
export function observePending(readPending: () => Promise<PendingOrders>, log: Logger): void {
  pending.readBy(async () => {
    const { count, oldestSeconds } = await readPending();
    return [{ labels: {}, values: { orders_pending: count, orders_oldest_pending_seconds: oldestSeconds } }];
  }, log);
}
