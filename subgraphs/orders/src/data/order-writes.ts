// The statements that place an order and change its status. Each is one: the guarded write, its line of history and the job
// that follows, all or nothing.
import { ADDED_JOB, addJob } from '@holdfast/platform/queue';
import {
  bigint,
  bytea,
  doublePrecision,
  integer,
  nothing,
  notNull,
  nullable,
  selectList,
  statement,
  text,
  textOf,
} from '@holdfast/platform/sql';
import { type Actor, type OrderStatus, PLACED, type StepBy, stepsBy } from '../domain/order-status.ts';
import { NEW_ORDER, ORDER, rejectionCode } from './order-row.ts';

/** The line of history of each row of `changed`, a CTE, at the time in its column `at`. */
const event = (changed: string, at: 'created_at' | 'updated_at'): string =>
  `event AS (
     INSERT INTO orders.order_events (order_id, version, status, created_at)
     SELECT id, version, status, ${at} FROM ${changed}
   )`;

/** SQL of type boolean: whether `by` may take a row from its status to the status `to`. */
const isStep = (by: Actor, to: string): string =>
  `(status, ${to}) IN (${stepsBy(by)
    .map((step) => `('${step.from}', '${step.to}')`)
    .join(', ')})`;

/**
 * No row when the user has used the key before. The key is written first, so that of several requests with one key the first
 * decides and the others wait for it; both ids are of one `nextval`, and an order that is not placed leaves a gap.
 */
export const insertOrder = statement({
  name: 'orders_insert',
  text: `WITH numbered AS (
     SELECT nextval('orders.orders_id_seq') AS id
   ), used AS (
     INSERT INTO orders.idempotency_keys (user_id, key, request_hash, order_id)
     SELECT $userId::int, $key::varchar, $hash::bytea, id FROM numbered WHERE $key::varchar IS NOT NULL
     ON CONFLICT DO NOTHING
     RETURNING order_id
   ), placed AS (
     INSERT INTO orders.orders (id, user_id, product_id, quantity, unit_price, total_price, status)
     SELECT id, $userId::int, $productId::int, $quantity::int, $unitPrice::numeric,
            $unitPrice::numeric * $quantity::int, '${PLACED.to}'
       FROM numbered WHERE $key::varchar IS NULL OR EXISTS (SELECT FROM used)
     RETURNING *
   ), ${event('placed', 'created_at')}
   SELECT ${selectList(ORDER)}, ${addJob(
     PLACED.job,
     "jsonb_build_object('orderId', id, 'productId', product_id, 'quantity', quantity)",
     '$trace::text',
   )}
     FROM placed`,
  parameters: {
    ...NEW_ORDER,
    key: nullable(text),
    hash: nullable(bytea),
    trace: nullable(text),
  },
  row: { ...ORDER, ...ADDED_JOB },
});

export const settleOrder = statement({
  name: 'orders_settle',
  text: `WITH settled AS (
     UPDATE orders.orders
        SET status = $outcome::varchar, rejection_code = $code, rejection_available = $available,
            version = version + 1, updated_at = now()
      WHERE id = $id AND ${isStep('settlement', '$outcome::varchar')}
     RETURNING id, version, status, created_at, updated_at
   ), ${event('settled', 'updated_at')}
   SELECT extract(epoch FROM updated_at - created_at)::float8 AS seconds, pg_notify('order_settled', id::text)
     FROM settled`,
  parameters: {
    id: bigint,
    outcome: textOf<StepBy<'settlement'>['to']>(),
    code: nullable(rejectionCode),
    available: nullable(integer),
  },
  row: { seconds: notNull(doublePrecision, 'neither of the times is null'), pg_notify: nothing },
});

const CANCELLED: OrderStatus = 'CANCELLED';

export const cancelOrder = statement({
  name: 'orders_cancel',
  text: `WITH cancelled AS (
     UPDATE orders.orders SET status = '${CANCELLED}', version = version + 1, updated_at = now()
      WHERE id = $id AND user_id = $userId AND version = $expectedVersion
        AND ${isStep('customer', `'${CANCELLED}'`)}
     RETURNING *
   ), ${event('cancelled', 'updated_at')}
   SELECT ${selectList(ORDER)}, ${addJob(
     'release-stock',
     "jsonb_build_object('orderId', id, 'productId', product_id)",
     '$trace::text',
   )}
     FROM cancelled`,
  parameters: { id: bigint, userId: integer, expectedVersion: integer, trace: nullable(text) },
  row: { ...ORDER, ...ADDED_JOB },
});

export const advanceOrder = statement({
  name: 'orders_advance',
  text: `WITH advanced AS (
     UPDATE orders.orders SET status = $to::varchar, version = version + 1, updated_at = now()
      WHERE id = $id AND version = $expectedVersion AND ${isStep('staff', '$to::varchar')}
     RETURNING *
   ), ${event('advanced', 'updated_at')}
   SELECT ${selectList(ORDER)} FROM advanced`,
  parameters: { id: bigint, expectedVersion: integer, to: textOf<StepBy<'staff'>['to']>() },
  row: ORDER,
});
