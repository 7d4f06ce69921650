// The metrics of the orders service.
import type { Logger } from '@holdfast/platform/observability/log';
import {
  conflictCounter,
  Histogram,
  labelledCounter,
  registry,
} from '@holdfast/platform/observability/metrics';
import { createScrapedGauges } from '@holdfast/platform/observability/scraped-gauges';
import type pg from 'pg';
import { selectPending } from './data/order-statements.ts';
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

/** Reads the gauges of PENDING orders at each scrape, over a connection of `pool`. */
export function observePending(pool: pg.Pool, log: Logger): void {
  pending.readBy(async () => {
    const rows = await selectPending(pool, {});
    return rows.map((row) => ({
      labels: {},
      values: { orders_pending: row.pending, orders_oldest_pending_seconds: row.oldest },
    }));
  }, log);
}
