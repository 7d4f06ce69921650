// What the products service counts of its own.
import { conflictCounter, labelledCounter } from '@holdfast/platform/metrics';

/** Counts an edit or a delete of a product that came too late. */
export const countConflict = conflictCounter('product');

/** Counts what became of an order's units, once; a job that runs again changes nothing and counts nothing. */
export const countReservation = labelledCounter({
  name: 'reservations_total',
  help: 'Reservations of stock that were decided or released.',
  label: 'outcome',
  values: ['reserved', 'out_of_stock', 'product_not_found', 'released'],
});
