// Reservations of finished orders: shipped, released or rejected. They never change again, so a sweep deletes them. A job that
// finds no reservation of its order takes the units, so the sweep keeps reservations while a job of their order may run again.
import type { Queryable } from '@holdfast/platform/postgres/database';
import { bigint, doublePrecision, statement } from '@holdfast/platform/postgres/sql';
import { deleteOldest } from '@holdfast/platform/postgres/sweeper';
import { keepsJobOf } from '@holdfast/platform/queue/sweep';

const KEPT_DAYS = 90;
const OVER_BEFORE = "now() - $days * interval '1 day'";

const ship = statement({
  name: 'reservations_ship',
  text: `UPDATE products.reservations SET status = 'SHIPPED', updated_at = now()
    WHERE order_id = $orderId AND status = 'HELD'`,
  parameters: { orderId: bigint },
  row: {},
});

/** Marks the units of the order as shipped, so that they cannot return. A second call changes no row. */
export async function shipReservation(db: Queryable, orderId: number): Promise<void> {
  await ship(db, { orderId });
}

/**
 * All jobs of a finished order were added before the order was finished. So the sweep deletes no reservation while the queue has
 * any job, retried or parked, that is as old as the reservation.
 */
const sweep = statement({
  name: 'reservations_sweep',
  text: `${deleteOldest(
    'products.reservations',
    'updated_at',
    `status <> 'HELD' AND updated_at < ${OVER_BEFORE} AND NOT ${keepsJobOf(OVER_BEFORE)}`,
  )} RETURNING order_id`,
  parameters: { max: bigint, days: doublePrecision },
  row: { order_id: bigint },
});

/** Deletes at most `max` reservations of orders that were finished 90 days ago, oldest first. Returns how many. */
export const sweepReservations = async (db: Queryable, max: number): Promise<number> =>
  (await sweep(db, { max, days: KEPT_DAYS })).length;
