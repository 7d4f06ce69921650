// Reservations of orders that are over: shipped, released or refused. Nothing is done with them any more, so they are swept.
// A job that reserves and finds no reservation takes the units, so none is swept while a job of its order may run again.
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

/** The units of the order have left the shop and cannot come back. Done twice it changes nothing. */
export async function shipReservation(db: Queryable, orderId: number): Promise<void> {
  await ship(db, { orderId });
}

/**
 * The jobs of an order that is over were added before it was over. So nothing is swept while the queue keeps any job, tried or
 * parked, that is as old as what would be swept.
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

/** Deletes at most `max` that have been over for 90 days, oldest first; returns how many. */
export const sweepReservations = async (db: Queryable, max: number): Promise<number> =>
  (await sweep(db, { max, days: KEPT_DAYS })).length;
