// What the products service counts of its own.
import {
  Counter,
  conflictCounter,
  labelledCounter,
  liveGauge,
  registry,
} from '@holdfast/platform/observability/metrics';

/** Counts an edit or a delete of a product that came too late. */
export const countConflict = conflictCounter('product');

const RESERVATION_OUTCOMES = [
  'reserved',
  'out_of_stock',
  'product_not_found',
  'purchase_limit',
  'released',
] as const;
export type ReservationOutcome = (typeof RESERVATION_OUTCOMES)[number];

/** Counts what became of an order's units, once; a job that runs again changes nothing and counts nothing. */
export const countReservation = labelledCounter({
  name: 'reservations_total',
  help: 'Reservations of stock that were decided or released.',
  label: 'outcome',
  values: RESERVATION_OUTCOMES,
});

const lookUps = new Counter({
  name: 'cache_requests_total',
  help: 'Look-ups of products and of pages of them, by how they were answered; bypass: the cache was not in use.',
  labelNames: ['kind', 'result'],
  registers: [registry],
});

/** Counts look-ups by what the cache had; `bypass` when it did not answer. */
export const countLookUps = (
  kind: 'product' | 'page',
  result: 'hit' | 'miss' | 'bypass',
  count: number,
): void => lookUps.inc({ kind, result }, count);
for (const kind of ['product', 'page'] as const)
  for (const result of ['hit', 'miss', 'bypass'] as const) countLookUps(kind, result, 0);

/** Counts lists of the catalog that were read from PostgreSQL, by the server that answered. */
export const countListRead = labelledCounter({
  name: 'list_reads_total',
  help: 'Lists of products that were read from PostgreSQL and not from a cache.',
  label: 'source',
  values: ['primary', 'replica'],
});

/** Says how old the replica's rows are at most, in seconds. */
export const showReplicaAge = liveGauge(
  'replica_age_seconds',
  'How old the rows of the replica are at most, as far as it is known.',
);
