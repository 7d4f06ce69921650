// The statements that place orders and change their status. Each is one: the guarded write, its line of history and the job
// that follows, all or nothing. Those that every order goes through take many at once.
import type { RejectionCode } from '@holdfast/database';
import { ActorRole } from '@holdfast/database/generated/enums';
import { MOST_AT_ONCE } from '@holdfast/platform/batches';
import {
  arrayOf,
  bigint,
  boolean,
  bytea,
  doublePrecision,
  integer,
  notNull,
  nullable,
  selectList,
  statement,
  text,
  textOf,
} from '@holdfast/platform/postgres/sql';
import { ADDED_JOB, ADDED_JOBS, addJob, addJobs } from '@holdfast/platform/queue/queue';
import {
  type Advance,
  type OrderStatus,
  PLACED,
  type StepBy,
  type StepTaker,
  stepsBy,
} from '../domain/order-status.ts';
import { ORDER_EVENT } from './order-events.ts';
import { ORDER } from './order-row.ts';

/** Where it is announced that orders were settled: their ids, with commas between. */
export const SETTLED_CHANNEL = 'order_settled';

/** Who takes a step, as SQL: an id and the name of a role. */
interface Actor {
  readonly id: string;
  readonly role: string;
}

/** The actor whose id and role are parameters of the statement. */
const ACTOR = { id: '$actorId::int', role: '$actorRole::text' } as const satisfies Actor;
const ACTOR_PARAMETERS = { actorId: integer, actorRole: textOf<ActorRole>() };
const SYSTEM: Actor = { id: 'NULL', role: 'NULL' };

/** The line of history of each row of `changed`, a CTE, at the time in its column `at`. */
const event = (
  changed: string,
  at: 'created_at' | 'updated_at',
  { id, role }: Actor,
  reason = 'NULL',
): string =>
  `event AS (
     INSERT INTO orders.order_events (order_id, version, status, actor_id, actor_role, reason, created_at)
     SELECT id, version, status, ${id}, ${role}::orders.actor_role, ${reason}, ${at} FROM ${changed}
   )`;

/** SQL of type boolean: whether `by` may take a row from its status to the status `to`. */
const isStep = (by: StepTaker, to: string): string =>
  `(status, ${to}) IN (${stepsBy(by)
    .map((step) => `('${step.from}', '${step.to}')`)
    .join(', ')})`;

/**
 * How many orders of one product may be PENDING before the next ones let those of other products go first. Two batches: what
 * a worker has at a time.
 */
const FIRST_LANE = 2 * MOST_AT_ONCE;

/**
 * Places many orders, which are given by arrays of one length. Gives each that was placed with its place in them; an order
 * whose user has used its key before is not. The keys are written first, so that of several requests with one key, in one
 * statement or in several, the first decides and the others wait for it; they are written in one order, so that no two
 * statements wait for each other. Both ids are of one `nextval`, and an order that is not placed leaves a gap.
 */
export const insertOrders = statement({
  name: 'orders_insert',
  text: `WITH wanted AS MATERIALIZED (
     SELECT nextval('orders.orders_id_seq') AS id, given.*
       FROM unnest($userIds::int[], $productIds::int[], $quantities::int[], $unitPrices::numeric[],
                   $keys::varchar[], $hashes::bytea[], $traces::text[], $actorRoles::text[])
         WITH ORDINALITY AS given (user_id, product_id, quantity, unit_price, key, request_hash, trace, actor_role, place)
   ), used AS (
     INSERT INTO orders.idempotency_keys (user_id, key, request_hash, order_id)
     SELECT user_id, key, request_hash, id FROM wanted WHERE key IS NOT NULL ORDER BY user_id, key, place
     ON CONFLICT DO NOTHING
     RETURNING order_id
   ), inserted AS (
     INSERT INTO orders.orders (id, user_id, product_id, quantity, unit_price, total_price, status)
     SELECT id, user_id, product_id, quantity, unit_price, unit_price * quantity, '${PLACED.to}'
       FROM wanted WHERE key IS NULL OR id IN (SELECT order_id FROM used) ORDER BY id
     RETURNING *
   ), lane AS (
     SELECT product_id, (
         SELECT count(*)::int / ${FIRST_LANE} FROM (
           SELECT FROM orders.orders WHERE product_id = product.product_id AND status = '${PLACED.to}' LIMIT ${FIRST_LANE}
         ) AS pending) AS number
       FROM (SELECT DISTINCT product_id FROM inserted) AS product
   ), placed AS MATERIALIZED (
     SELECT inserted.*, actor_role, place, trace, lane.number AS lane
       FROM inserted JOIN wanted USING (id) JOIN lane ON lane.product_id = inserted.product_id
   ), ${event('placed', 'created_at', { id: 'user_id', role: 'actor_role' })}
   SELECT ${selectList(ORDER)}, place, ${addJobs({
     name: PLACED.job,
     from: 'placed',
     payload:
       "jsonb_build_object('orderId', id, 'userId', user_id, 'productId', product_id, 'quantity', quantity)",
     trace: 'trace',
     priority: 'lane',
     order: 'id',
   })}
     FROM placed`,
  parameters: {
    userIds: arrayOf(ORDER.userId),
    productIds: arrayOf(ORDER.productId),
    quantities: arrayOf(ORDER.quantity),
    unitPrices: arrayOf(ORDER.unitPrice),
    keys: arrayOf(nullable(text)),
    hashes: arrayOf(nullable(bytea)),
    traces: arrayOf(nullable(text)),
    actorRoles: arrayOf(textOf<ActorRole>()),
  },
  row: { ...ORDER, place: notNull(bigint, 'WITH ORDINALITY counts every row'), ...ADDED_JOBS },
});

/**
 * Settles many orders, which are given by arrays of one length: those of them that are PENDING, whose rows are locked in the
 * order of their ids. Gives for each whether there is such an order, and how long it took if it was settled now.
 */
export const settleOrders = statement({
  name: 'orders_settle',
  text: `WITH given AS MATERIALIZED (
     SELECT * FROM unnest($ids::bigint[], $outcomes::varchar[], $codes::text[], $availables::int[], $limits::int[], $helds::int[])
         AS given (id, outcome, code, available, "limit", held)
   ), pending AS MATERIALIZED (
     SELECT id, outcome, code, available, "limit", held FROM orders.orders JOIN given USING (id)
      WHERE ${isStep('settlement', 'outcome')} ORDER BY id FOR NO KEY UPDATE OF orders
   ), settled AS (
     UPDATE orders.orders
        SET status = outcome, rejection_code = code::orders.rejection_code, rejection_available = available,
            rejection_limit = "limit", rejection_held = held, version = version + 1, updated_at = now()
       FROM pending WHERE orders.id = pending.id
     RETURNING orders.id, version, status, created_at, updated_at
   ), ${event('settled', 'updated_at', SYSTEM)}, announced AS (
     SELECT pg_notify('${SETTLED_CHANNEL}', string_agg(id::text, ',')) FROM settled HAVING count(*) > 0
   )
   SELECT given.id, extract(epoch FROM updated_at - created_at)::float8 AS seconds,
          settled.id IS NOT NULL OR EXISTS (SELECT FROM orders.orders WHERE orders.id = given.id) AS exists,
          (SELECT count(*) FROM announced) AS announcements
     FROM given LEFT JOIN settled ON settled.id = given.id`,
  parameters: {
    ids: arrayOf(bigint),
    outcomes: arrayOf(textOf<StepBy<'settlement'>['to']>()),
    codes: arrayOf(nullable(textOf<RejectionCode>())),
    availables: arrayOf(nullable(integer)),
    limits: arrayOf(nullable(integer)),
    helds: arrayOf(nullable(integer)),
  },
  row: {
    id: notNull(bigint, 'none is given that is null'),
    seconds: nullable(doublePrecision),
    exists: notNull(boolean, 'EXISTS is true or false'),
    announcements: notNull(bigint, 'a count is 0 without rows'),
  },
});

const CANCELLED: OrderStatus = 'CANCELLED';

export const cancelOrder = statement({
  name: 'orders_cancel',
  text: `WITH cancelled AS (
     UPDATE orders.orders SET status = '${CANCELLED}', version = version + 1, updated_at = now()
      WHERE id = $id AND version = $expectedVersion
        AND ((user_id = ${ACTOR.id} AND ${isStep('customer', `'${CANCELLED}'`)})
             OR (${ACTOR.role} = '${ActorRole.STAFF}' AND ${isStep('staff', `'${CANCELLED}'`)}))
     RETURNING *
   ), ${event('cancelled', 'updated_at', ACTOR, '$reason::varchar')}
   SELECT ${selectList(ORDER)}, ${addJob(
     'release-stock',
     "jsonb_build_object('orderId', id, 'productId', product_id)",
     '$trace::text',
   )}
     FROM cancelled`,
  parameters: {
    id: bigint,
    expectedVersion: integer,
    ...ACTOR_PARAMETERS,
    reason: ORDER_EVENT.reason,
    trace: nullable(text),
  },
  row: { ...ORDER, ...ADDED_JOB },
});

const SHIPPED: OrderStatus = 'SHIPPED';

/** With a job that tells the stock when the order is shipped. */
export const advanceOrder = statement({
  name: 'orders_advance',
  text: `WITH advanced AS (
     UPDATE orders.orders SET status = $to::varchar, version = version + 1, updated_at = now()
      WHERE id = $id AND version = $expectedVersion AND ${isStep('staff', '$to::varchar')}
     RETURNING *
   ), ${event('advanced', 'updated_at', ACTOR)}, job AS (
     SELECT ${addJob('ship-stock', "jsonb_build_object('orderId', id)", '$trace::text')} FROM advanced WHERE status = '${SHIPPED}'
   )
   SELECT ${selectList(ORDER)}, (SELECT "jobId" FROM job) AS "jobId" FROM advanced`,
  parameters: {
    id: bigint,
    expectedVersion: integer,
    ...ACTOR_PARAMETERS,
    to: textOf<Advance>(),
    trace: nullable(text),
  },
  row: { ...ORDER, jobId: nullable(bigint) },
});
