// The statements that place an order and change its status. Each is one: the guarded write, its line of history and the job
// that follows, all or nothing.
import { type Statement, statement } from '@holdfast/platform/database';
import { addJob } from '@holdfast/platform/queue';
import { type Actor, type OrderStatus, PLACED, type StepBy, stepsBy } from '../domain/order-status.ts';
import { ORDER_COLUMNS, type Order } from './order-row.ts';

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
export const insertOrder: Statement<
  [
    userId: number,
    productId: number,
    quantity: number,
    unitPrice: string,
    key: string | null,
    hash: Buffer | null,
    trace: string | null,
  ],
  Order
> = statement(
  'orders_insert',
  `WITH numbered AS (
     SELECT nextval('orders.orders_id_seq') AS id
   ), used AS (
     INSERT INTO orders.idempotency_keys (user_id, key, request_hash, order_id)
     SELECT $1::int, $5::varchar, $6::bytea, id FROM numbered WHERE $5::varchar IS NOT NULL
     ON CONFLICT DO NOTHING
     RETURNING order_id
   ), placed AS (
     INSERT INTO orders.orders (id, user_id, product_id, quantity, unit_price, total_price, status)
     SELECT id, $1::int, $2::int, $3::int, $4::numeric, $4::numeric * $3::int, '${PLACED.to}'
       FROM numbered WHERE $5::varchar IS NULL OR EXISTS (SELECT FROM used)
     RETURNING *
   ), ${event('placed', 'created_at')}
   SELECT ${ORDER_COLUMNS}, ${addJob(
     PLACED.job,
     "jsonb_build_object('orderId', id, 'productId', product_id, 'quantity', quantity)",
     '$7::text',
   )}
     FROM placed`,
);

export const settleOrder: Statement<
  [id: number, outcome: StepBy<'settlement'>['to'], code: string | null, available: number | null],
  { seconds: number }
> = statement(
  'orders_settle',
  `WITH settled AS (
     UPDATE orders.orders
        SET status = $2::varchar, rejection_code = $3::orders.rejection_code, rejection_available = $4,
            version = version + 1, updated_at = now()
      WHERE id = $1 AND ${isStep('settlement', '$2::varchar')}
     RETURNING id, version, status, created_at, updated_at
   ), ${event('settled', 'updated_at')}
   SELECT extract(epoch FROM updated_at - created_at)::float8 AS seconds, pg_notify('order_settled', id::text)
     FROM settled`,
);

const CANCELLED: OrderStatus = 'CANCELLED';

export const cancelOrder: Statement<
  [id: number, userId: number, expectedVersion: number, trace: string | null],
  Order
> = statement(
  'orders_cancel',
  `WITH cancelled AS (
     UPDATE orders.orders SET status = '${CANCELLED}', version = version + 1, updated_at = now()
      WHERE id = $1 AND user_id = $2 AND version = $3 AND ${isStep('customer', `'${CANCELLED}'`)}
     RETURNING *
   ), ${event('cancelled', 'updated_at')}
   SELECT ${ORDER_COLUMNS}, ${addJob(
     'release-stock',
     "jsonb_build_object('orderId', id, 'productId', product_id)",
     '$4::text',
   )}
     FROM cancelled`,
);

export const advanceOrder: Statement<
  [id: number, expectedVersion: number, to: StepBy<'staff'>['to']],
  Order
> = statement(
  'orders_advance',
  `WITH advanced AS (
     UPDATE orders.orders SET status = $3::varchar, version = version + 1, updated_at = now()
      WHERE id = $1 AND version = $2 AND ${isStep('staff', '$3::varchar')}
     RETURNING *
   ), ${event('advanced', 'updated_at')}
   SELECT ${ORDER_COLUMNS} FROM advanced`,
);
