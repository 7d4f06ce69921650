// What staff and customers change about an order: one step at a time, one winner of a race, one line of history a step.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { createOrderTable, type OrderTable } from '../data/orders.ts';
import { createOrdersFixture, type OrdersFixture } from '../testing.ts';
import { advanceOrder } from './advance-order.ts';
import { cancelOrder } from './cancel-order.ts';
import type { OrderStatus } from './order-status.ts';

let fixture: OrdersFixture;
beforeEach(async () => {
  fixture = await createOrdersFixture();
});
afterEach(() => fixture.close());

const UNKNOWN = 2 ** 40;

async function historyOf(id: number): Promise<string[]> {
  const { rows } = await fixture.admin.query(
    "SELECT version || ' ' || status AS line FROM orders.order_events WHERE order_id = $1 ORDER BY version",
    [id],
  );
  return rows.map(({ line }) => line);
}

const jobs = async (name: string): Promise<number> =>
  (await fixture.admin.query('SELECT FROM graphile_worker.jobs WHERE task_identifier = $1', [name]))
    .rowCount ?? 0;
const releases = (): Promise<number> => jobs('release-stock');

const at = (id: number, expectedVersion: number) => ({ id: String(id), expectedVersion });
const to = (id: number, expectedVersion: number, status: OrderStatus) => ({
  ...at(id, expectedVersion),
  status,
});

/** Runs `race` with `count` tables, each on a connection of its own that is open already. */
async function withTables<T>(count: number, race: (tables: OrderTable[]) => Promise<T>): Promise<T> {
  const clients = Array.from(
    { length: count },
    () => new pg.Client({ connectionString: fixture.database.urls.orders }),
  );
  await Promise.all(clients.map((client) => client.connect()));
  try {
    return await race(clients.map((client) => createOrderTable(client)));
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
}

/** A table on which the order is confirmed right after the first write to it was refused. */
function confirmedTooLate(id: number): OrderTable {
  const { orders } = fixture;
  const afterwards = async <T>(refused: T): Promise<T> => {
    await orders.settle(id, { outcome: 'CONFIRMED' });
    return refused;
  };
  return {
    ...orders,
    cancel: async (...call) => afterwards(await orders.cancel(...call)),
    advance: async (...call) => afterwards(await orders.advance(...call)),
  };
}

describe('an order', () => {
  it('is shipped, then delivered, each at its version', async () => {
    const { orders, confirmed } = fixture;
    const id = await confirmed();
    expect(await advanceOrder(orders, to(id, 2, 'SHIPPED'))).toMatchObject({
      id,
      status: 'SHIPPED',
      version: 3,
    });
    expect(await advanceOrder(orders, to(id, 3, 'DELIVERED'))).toMatchObject({
      status: 'DELIVERED',
      version: 4,
    });
    expect(await historyOf(id)).toEqual(['1 PENDING', '2 CONFIRMED', '3 SHIPPED', '4 DELIVERED']);
  });

  it('takes no other step, and says which one it would take', async () => {
    const { orders, userId, place, confirmed } = fixture;
    const [pending, ready, cancelled, shipped] = [
      await place(),
      await confirmed(),
      await confirmed(),
      await confirmed(),
    ];
    await orders.cancel(cancelled, userId, 2);
    await advanceOrder(orders, to(shipped, 2, 'SHIPPED'));
    for (const [id, version, status, message] of [
      [pending, 1, 'SHIPPED', 'Only a CONFIRMED order can become SHIPPED; this one is PENDING.'],
      [ready, 2, 'DELIVERED', 'Only a SHIPPED order can become DELIVERED; this one is CONFIRMED.'],
      [cancelled, 3, 'SHIPPED', 'Only a CONFIRMED order can become SHIPPED; this one is CANCELLED.'],
      [shipped, 3, 'SHIPPED', 'Only a CONFIRMED order can become SHIPPED; this one is SHIPPED.'],
    ] as const) {
      expect(await advanceOrder(orders, to(id, version, status))).toMatchObject({
        __typename: 'OrderNotAdvanceable',
        code: 'ORDER_NOT_ADVANCEABLE',
        message,
        current: { id, version },
      });
    }
    expect(await cancelOrder(orders, userId, at(shipped, 3))).toMatchObject({
      __typename: 'OrderNotCancellable',
      current: { status: 'SHIPPED' },
    });
    expect(await historyOf(pending)).toEqual(['1 PENDING']);
  });

  it('is left alone at another version, and one that is not there is not found', async () => {
    const { orders, userId, confirmed } = fixture;
    const id = await confirmed();
    for (const version of [1, 3, -1]) {
      expect(await advanceOrder(orders, to(id, version, 'SHIPPED'))).toMatchObject({
        __typename: 'OrderVersionConflict',
        currentVersion: 2,
        current: { status: 'CONFIRMED' },
      });
    }
    expect(await advanceOrder(orders, to(UNKNOWN, 1, 'SHIPPED'))).toMatchObject({
      __typename: 'OrderNotFound',
      message: 'There is no order "1099511627776".',
    });
    for (const none of ['x', '-1', '0', `0${id}`, '9007199254740992']) {
      const notFound = { __typename: 'OrderNotFound', message: `There is no order "${none}".` };
      expect(await advanceOrder(orders, { ...to(id, 2, 'SHIPPED'), id: none })).toMatchObject(notFound);
      expect(await cancelOrder(orders, userId, { ...at(id, 2), id: none })).toMatchObject(notFound);
    }
    expect(await historyOf(id)).toEqual(['1 PENDING', '2 CONFIRMED']);
  });

  it.each(['PENDING', 'CONFIRMED', 'REJECTED', 'CANCELLED'] as const)(
    'cannot be made %s by staff: the argument is named',
    async (status) => {
      await expect(advanceOrder(fixture.orders, to(UNKNOWN, 1, status))).rejects.toMatchObject({
        message: `status: expected SHIPPED or DELIVERED, got "${status}"`,
        extensions: { code: 'BAD_USER_INPUT', errors: [{ field: 'status' }] },
      });
    },
  );

  it('that comes to the expected version while a change is refused is changed after all', async () => {
    const { userId, place } = fixture;
    const [one, other] = [await place(), await place()];
    expect(await cancelOrder(confirmedTooLate(one), userId, at(one, 2))).toMatchObject({
      status: 'CANCELLED',
    });
    expect(await advanceOrder(confirmedTooLate(other), to(other, 2, 'SHIPPED'))).toMatchObject({
      status: 'SHIPPED',
    });
  });
});

describe('an order under races', () => {
  const ROUNDS = 25;

  it('is shipped by one of eight; the others are told of the version that the one left', async () => {
    await withTables(8, async (tables) => {
      for (let round = 0; round < ROUNDS; round += 1) {
        const id = await fixture.confirmed();
        const outcomes = await Promise.all(tables.map((table) => advanceOrder(table, to(id, 2, 'SHIPPED'))));
        const refused = outcomes.filter((outcome) => '__typename' in outcome);
        expect(refused).toHaveLength(7);
        for (const outcome of refused)
          expect(outcome).toMatchObject({ __typename: 'OrderVersionConflict', currentVersion: 3 });
        expect(await historyOf(id)).toEqual(['1 PENDING', '2 CONFIRMED', '3 SHIPPED']);
      }
    });
  });

  it('is either shipped or cancelled, and its units go back exactly when it is cancelled', async () => {
    const { userId } = fixture;
    let cancelled = 0;
    await withTables(8, async (tables) => {
      for (let round = 0; round < ROUNDS; round += 1) {
        const id = await fixture.confirmed();
        const outcomes = await Promise.all(
          tables.map((table, index) =>
            (index + round) % 2 === 0
              ? advanceOrder(table, to(id, 2, 'SHIPPED'))
              : cancelOrder(table, userId, at(id, 2)),
          ),
        );
        const [winner, ...more] = outcomes.filter((outcome) => !('__typename' in outcome));
        expect(more).toEqual([]);
        const status = winner && 'status' in winner ? winner.status : 'none';
        expect(['SHIPPED', 'CANCELLED']).toContain(status);
        expect(await historyOf(id)).toEqual(['1 PENDING', '2 CONFIRMED', `3 ${status}`]);
        if (status === 'CANCELLED') cancelled += 1;
        expect(await releases()).toBe(cancelled);
      }
    });
    // Both must have won now and then, or nothing was raced.
    expect(cancelled).toBeGreaterThan(0);
    expect(cancelled).toBeLessThan(ROUNDS);
  });
});

it('tells the stock once of an order that is shipped, and not of its delivery', async () => {
  const id = await fixture.confirmed();
  expect(await jobs('ship-stock')).toBe(0);
  for (const version of [2, 2]) await advanceOrder(fixture.orders, to(id, version, 'SHIPPED'));
  await advanceOrder(fixture.orders, to(id, 3, 'DELIVERED'));
  expect({ shipped: await jobs('ship-stock'), history: await historyOf(id) }).toEqual({
    shipped: 1,
    history: ['1 PENDING', '2 CONFIRMED', '3 SHIPPED', '4 DELIVERED'],
  });
});
