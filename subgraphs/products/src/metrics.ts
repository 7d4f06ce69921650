// The metrics of the products service.
import {
  Counter,
  conflictCounter,
  labelledCounter,
  liveGauge,
  registry,
} from '@holdfast/platform/observability/metrics';

/** Counts an update or a deletion that was refused because its expected version was old. */
export const countConflict = conflictCounter('product');

const RESERVATION_OUTCOMES = [
  'reserved',
  'out_of_stock',
  'product_not_found',
  'purchase_limit',
  'released',
] as const;
export type ReservationOutcome = (typeof RESERVATION_OUTCOMES)[number];

/** Counts the outcome of each reservation once. A job that runs again changes no reservation and is not counted. */
export const countReservation = labelledCounter({
  name: 'reservations_total',
  help: 'Reservations of stock by outcome; released: the order was cancelled.',
  label: 'outcome',
  values: RESERVATION_OUTCOMES,
});

const lookUps = new Counter({
  name: 'cache_requests_total',
  help: 'Look-ups of products and pages in the cache by result; bypass: the cache did not answer.',
  labelNames: ['kind', 'result'],
  registers: [registry],
});

/** Counts look-ups by their result; `bypass` when the cache did not answer. */
export const countLookUps = (
  kind: 'product' | 'page',
  result: 'hit' | 'miss' | 'bypass',
  count: number,
): void => lookUps.inc({ kind, result }, count);
for (const kind of ['product', 'page'] as const)
  for (const result of ['hit', 'miss', 'bypass'] as const) countLookUps(kind, result, 0);

/** Counts lists of the catalog that were read from PostgreSQL, by server. */
export const countListRead = labelledCounter({
  name: 'list_reads_total',
  help: 'Lists of products that were read from PostgreSQL and not from a cache.',
  label: 'source',
  values: ['primary', 'replica'],
});

/** Shows the greatest possible age of the rows of the replica, in seconds. */
export const showReplicaAge = liveGauge(
  'replica_age_seconds',
  'The greatest possible age of the rows of the replica.',
);
