// The statements of the table `orders.orders`. A write is one statement with its guard, its line of history and the job that
// follows, so that all of them happen or none. The statements that every order passes through take many orders at once.
import type { RejectionCode } from '@holdfast/database';
import { ActorRole } from '@holdfast/database/generated/enums';
import { MOST_AT_ONCE } from '@holdfast/platform/postgres/batches';
import {
  arrayOf,
  bigint,
  boolean,
  bytea,
  doublePrecision,
  integer,
  notNull,
  nullable,
  type RowOf,
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
import { KEY } from './idempotency-keys.ts';
import { ORDER_EVENT } from './order-events.ts';
import { ORDER } from './order-row.ts';

export const selectByIds = statement({
  name: 'orders_by_ids',
  text: `SELECT ${selectList(ORDER)} FROM orders.orders WHERE id = ANY($ids::bigint[])`,
  parameters: { ids: arrayOf(bigint) },
  row: ORDER,
});

/** An order, with the SHA-256 of the input that came with its key. */
const ORDER_OF_KEY = { ...ORDER, requestHash: KEY.requestHash };
export type OrderOfKey = RowOf<typeof ORDER_OF_KEY>;

/** The orders of used keys. `place` is the position (from 1) of the key in the arrays of users and keys. */
export const selectByKeys = statement({
  name: 'orders_by_idempotency_keys',
  text: `SELECT ${selectList(ORDER_OF_KEY)}, place
     FROM (SELECT used.order_id, used.request_hash, place
             FROM unnest($userIds::int[], $keys::varchar[]) WITH ORDINALITY AS given (user_id, key, place)
             JOIN orders.idempotency_keys used ON used.user_id = given.user_id AND used.key = given.key) AS used
     JOIN orders.orders ON id = order_id`,
  parameters: { userIds: arrayOf(integer), keys: arrayOf(text) },
  row: { ...ORDER_OF_KEY, place: notNull(bigint, 'WITH ORDINALITY counts every row') },
});

const PENDING: OrderStatus = 'PENDING';

/** Counts the PENDING orders and gives the age of the oldest in seconds. It reads only the partial index of PENDING orders. */
export const selectPending = statement({
  name: 'orders_pending_gauges',
  text: `SELECT count(*)::int AS pending, coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 AS oldest
     FROM orders.orders WHERE status = '${PENDING}'`,
  parameters: {},
  row: {
    pending: notNull(integer, 'count(*) is 0 without rows'),
    oldest: notNull(doublePrecision, 'coalesce gives 0 without rows'),
  },
});

/** The channel (LISTEN, NOTIFY) of settled orders. A payload is their ids, separated by commas. */
export const SETTLED_CHANNEL = 'order_settled';

/** The user who takes a step, as SQL: an id and the name of a role. */
interface Actor {
  readonly id: string;
  readonly role: string;
}

/** The actor whose id and role are parameters of the statement. */
const ACTOR = { id: '$actorId::int', role: '$actorRole::text' } as const satisfies Actor;
const ACTOR_PARAMETERS = { actorId: integer, actorRole: textOf<ActorRole>() };
const SYSTEM: Actor = { id: 'NULL', role: 'NULL' };

/** A CTE that writes a line of history for each row of the CTE `changed`, dated by the row's column `at`. */
const insertEvents = (
  changed: string,
  at: 'created_at' | 'updated_at',
  { id, role }: Actor,
  reason = 'NULL',
): string =>
  `event AS (
     INSERT INTO orders.order_events (order_id, version, status, actor_id, actor_role, reason, created_at)
     SELECT id, version, status, ${id}, ${role}::orders.actor_role, ${reason}, ${at} FROM ${changed}
   )`;

/** SQL of type boolean: whether `by` may change the status of a row to `to` (SQL). */
const isStep = (by: StepTaker, to: string): string =>
  `(status, ${to}) IN (${stepsBy(by)
    .map((step) => `('${step.from}', '${step.to}')`)
    .join(', ')})`;

/**
 * How many orders of one product may be PENDING before later orders of it get a lower priority than orders of other products. A
 * worker processes two batches at a time.
 */
const FIRST_LANE = 2 * MOST_AT_ONCE;

/**
 * Places many orders, given as arrays of one length. Returns each placed order with its position (from 1) in the arrays. It does
 * not place an order whose user has used its key before.
 *
 * The statement writes the keys first: of several requests with one key, in one statement or in several, the first one decides
 * and the others wait for it. It writes the keys in a fixed order, so that two statements never wait for each other. The key and
 * the order take their id from one `nextval`, so an order that is not placed leaves a gap in the ids.
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
   ), ${insertEvents('placed', 'created_at', { id: 'user_id', role: 'actor_role' })}
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
 * Settles those of many orders (arrays of one length) that are PENDING. It locks the rows in the order of their ids, so that two
 * statements cannot deadlock. Returns for each whether the order exists and, if it was settled now, how long that took.
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
   ), ${insertEvents('settled', 'updated_at', SYSTEM)}, announced AS (
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
    id: notNull(bigint, 'the caller gives no null'),
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
   ), ${insertEvents('cancelled', 'updated_at', ACTOR, '$reason::varchar')}
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

/** Adds the job `ship-stock`, for the products service, when the order becomes SHIPPED. */
export const advanceOrder = statement({
  name: 'orders_advance',
  text: `WITH advanced AS (
     UPDATE orders.orders SET status = $to::varchar, version = version + 1, updated_at = now()
      WHERE id = $id AND version = $expectedVersion AND ${isStep('staff', '$to::varchar')}
     RETURNING *
   ), ${insertEvents('advanced', 'updated_at', ACTOR)}, job AS (
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
