// Reservations of orders that are over: shipped, released or refused. Nothing is done with them any more, so they are swept,
// but not before any job of their order could run again: one that found no reservation would take the units once more.
import type { Queryable } from '@holdfast/platform/database';
import { bigint, doublePrecision, statement } from '@holdfast/platform/sql';

/** Much longer than a job is tried. */
const KEPT_DAYS = 90;

const ship = statement({
  name: 'reservations_ship',
  text: `UPDATE products.reservations SET status = 'SHIPPED', updated_at = now()
    WHERE order_id = $orderId AND status = 'HELD'`,
  parameters: { orderId: bigint },
  row: {},
});

/** The units of the order have left the shop and cannot come back. Done twice it changes nothing. */
export async function shipReservation(db: Queryable, orderId: number): Promise<void> {
  await ship(db, { orderId });
}

/**
 * One instance at a time, because two that chose the same rows could lock them in different orders. A row stays where it is (ctid),
 * because nothing changes a reservation that is over.
 */
const sweep = statement({
  name: 'reservations_sweep',
  text: `DELETE FROM products.reservations WHERE ctid = ANY (ARRAY(
     SELECT ctid FROM (
       SELECT ctid FROM products.reservations
        WHERE status <> 'HELD' AND updated_at < now() - $days * interval '1 day'
          AND (SELECT pg_try_advisory_xact_lock(hashtext('products.reservations')))
        ORDER BY updated_at LIMIT 1000
     ) AS old LIMIT $max))
 RETURNING order_id`,
  parameters: { max: bigint, days: doublePrecision },
  row: { order_id: bigint },
});

/** Deletes at most `max` that have been over for 90 days, oldest first; returns how many. */
export const sweepReservations = async (db: Queryable, max: number): Promise<number> =>
  (await sweep(db, { max, days: KEPT_DAYS })).length;
