// The table of states: the schema and the database say the same, and the statements take its steps and no others.
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { buildASTSchema, parse } from 'graphql';
import { createOrdersFixture, type OrdersFixture } from '../testing.ts';
import {
  ADVANCES,
  MEANINGS,
  ORDER_STATUSES,
  type OrderStatus,
  PLACED,
  STEPS,
  type StepTaker,
} from './order-status.ts';

let fixture: OrdersFixture;
beforeAll(async () => {
  fixture = await createOrdersFixture();
});
afterAll(() => fixture?.close());

const sorted = (statuses: readonly string[]): string[] => [...statuses].sort();

describe('the states of an order', () => {
  it('are those of the GraphQL enum, and described as there', async () => {
    const text = await readFile(new URL('../../schema.graphql', import.meta.url), 'utf8');
    const schema = buildASTSchema(parse(text), { assumeValidSDL: true });
    const type = schema.getType('OrderStatus');
    const values = type && 'getValues' in type ? type.getValues() : [];
    expect(values.map(({ name, description }) => [name, description])).toEqual(
      ORDER_STATUSES.map((status) => [status, MEANINGS[status]]),
    );
  });

  it.each(['orders', 'order_events'])('are what the database allows in %s', async (table) => {
    const { rows } = await fixture.admin.query<{ definition: string }>(
      'SELECT pg_get_constraintdef(oid) AS definition FROM pg_constraint WHERE conrelid = $1::regclass AND conname = $2',
      [`orders.${table}`, `${table}_status_check`],
    );
    const allowed = rows.flatMap(({ definition }) => definition.match(/(?<=')\w+(?=')/g) ?? []);
    expect(sorted(allowed)).toEqual(sorted(ORDER_STATUSES));
  });

  it('begin with the column’s default', async () => {
    const { rows } = await fixture.admin.query<{ status: string }>(
      `INSERT INTO orders.orders (user_id, product_id, quantity, unit_price, total_price)
       VALUES ($1, $2, 1, 1, 1) RETURNING status`,
      [fixture.userId, fixture.productId],
    );
    expect(rows).toEqual([{ status: PLACED.to }]);
  });

  it('are all reached, by steps that do not lead back', () => {
    const reached = new Set<OrderStatus>([PLACED.to]);
    for (const status of reached) {
      const next = new Set(STEPS.filter(({ from }) => from === status).map(({ to }) => to));
      for (const to of next) {
        expect(reached).not.toContain(to);
        reached.add(to);
      }
    }
    expect(sorted([...reached])).toEqual(sorted(ORDER_STATUSES));
  });
});

/** Has the actor try to give the order that status, at its version, by the statement that there is for it. */
async function attempt(by: StepTaker, to: OrderStatus, id: number): Promise<void> {
  const { orders, customer, staff } = fixture;
  const advance = ADVANCES.find((each) => each === to);
  if (by === 'staff' && advance) await orders.advance(id, 1, staff, advance);
  if (by === 'staff' && to === 'CANCELLED') await orders.cancel(id, 1, staff, 'It cannot be sent.');
  if (by === 'customer' && to === 'CANCELLED') await orders.cancel(id, 1, customer, null);
  if (by === 'settlement' && to === 'CONFIRMED') await orders.settle(id, { outcome: to });
  if (by === 'settlement' && to === 'REJECTED')
    await orders.settle(id, { outcome: to, code: 'OUT_OF_STOCK', available: 0 });
}

/** An order in that status, at version 1 and without a job of its own. */
async function orderIn(status: OrderStatus): Promise<number> {
  const { rows } = await fixture.admin.query(
    `INSERT INTO orders.orders (user_id, product_id, quantity, unit_price, total_price, status, rejection_code)
     VALUES ($1, $2, 1, 1, 1, $3::varchar,
             CASE WHEN $3::varchar = 'REJECTED' THEN 'OUT_OF_STOCK'::orders.rejection_code END)
     RETURNING id`,
    [fixture.userId, fixture.productId, status],
  );
  return Number(rows[0].id);
}

async function jobsOf(id: number): Promise<string[]> {
  const { rows } = await fixture.admin.query(
    `SELECT task.identifier FROM graphile_worker._private_jobs AS job
       JOIN graphile_worker._private_tasks AS task ON task.id = job.task_id
      WHERE (job.payload ->> 'orderId')::bigint = $1`,
    [id],
  );
  return rows.map(({ identifier }) => identifier);
}

describe.each<StepTaker>(['settlement', 'customer', 'staff'])('%s', (by) => {
  it('takes an order along the steps of the table, with their jobs, and along no others', async () => {
    for (const from of ORDER_STATUSES) {
      for (const to of ORDER_STATUSES) {
        const id = await orderIn(from);
        await attempt(by, to, id);
        const step = STEPS.find((known) => known.by === by && known.from === from && known.to === to);
        const [order] = await fixture.orders.byIds([id]);
        const expected = { from, to, status: step?.to ?? from, version: step ? 2 : 1 };
        expect({ from, to, status: order?.status, version: order?.version }).toEqual(expected);
        expect({ from, to, jobs: await jobsOf(id) }).toEqual({
          from,
          to,
          jobs: step && 'job' in step ? [step.job] : [],
        });
      }
    }
  });
});
