// What the orders service counts of its own.
import type { Logger } from '@holdfast/platform/observability/log';
import {
  conflictCounter,
  Histogram,
  labelledCounter,
  registry,
} from '@holdfast/platform/observability/metrics';
import { createScrapedGauges } from '@holdfast/platform/observability/scraped-gauges';
import { doublePrecision, integer, notNull, statement } from '@holdfast/platform/postgres/sql';
import type pg from 'pg';
import { ORDER_STATUSES } from './domain/order-status.ts';

/** Counts a change of an order that came too late. */
export const countConflict = conflictCounter('order');

/** Counts a status that an order has got, after the commit. */
export const countTransition = labelledCounter({
  name: 'order_transitions_total',
  help: 'Orders that got a status; PENDING: that were placed.',
  label: 'status',
  values: ORDER_STATUSES,
});

const settlements = new Histogram({
  name: 'order_settlement_seconds',
  help: 'From placing an order to confirming or rejecting it.',
  buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900],
  registers: [registry],
});
export const observeSettlement = (seconds: number): void => settlements.observe(Math.max(0, seconds));

const SAME = 'The same number from every instance: take the max.';

const pending = createScrapedGauges({
  orders_pending: `Orders that wait to be confirmed or rejected. ${SAME}`,
  orders_oldest_pending_seconds: `Since the oldest of these was placed; 0 without any. ${SAME}`,
});

/** Reads the partial index of what is pending, and nothing else. */
const selectPending = statement({
  name: 'orders_pending_gauges',
  text: `SELECT count(*)::int AS pending, coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 AS oldest
     FROM orders.orders WHERE status = 'PENDING'`,
  parameters: {},
  row: {
    pending: notNull(integer, 'a count is 0 without rows'),
    oldest: notNull(doublePrecision, 'coalesce says 0'),
  },
});

/** Reports what is pending at every scrape, by a connection of `pool`. */
export function observePending(pool: pg.Pool, log: Logger): void {
  pending.readBy(async () => {
    const rows = await selectPending(pool, {});
    return rows.map((row) => ({
      labels: {},
      values: { orders_pending: row.pending, orders_oldest_pending_seconds: row.oldest },
    }));
  }, log);
}
