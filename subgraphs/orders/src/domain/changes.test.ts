// What staff and customers change about an order: one step at a time, one winner of a race, one line of history a step.
import type { SecurityEvent } from '@holdfast/platform/auth/security-events';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { type Actor, createOrderStore, type OrderStore } from '../data/orders.ts';
import type { MutationAdvanceOrderArgs, MutationCancelOrderArgs } from '../generated/graphql.ts';
import { createOrdersFixture, type OrdersFixture } from '../testing.ts';
import { createAdvanceOrder } from './advance-order.ts';
import { type CancelledBy, createCancelOrder } from './cancel-order.ts';
import type { OrderStatus } from './order-status.ts';

let fixture: OrdersFixture;
beforeAll(async () => {
  fixture = await createOrdersFixture();
});
beforeEach(async () => {
  await fixture.deleteOrders();
  recorded = [];
});
afterAll(() => fixture.close());

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

/** Security events, by name. */
let recorded: { name: string; event: SecurityEvent }[];
const by = (actor: Actor): CancelledBy => ({
  actor,
  origin: { address: '192.0.2.7', requestId: 'request-7' },
});
const byCustomer = () => by(fixture.customer);
const byStaff = () => by(fixture.staff);

const advanceOrder = (orders: OrderStore, actor: Actor, change: MutationAdvanceOrderArgs) =>
  createAdvanceOrder(orders)(change, actor);
const cancelOrder = (orders: OrderStore, canceller: CancelledBy, change: MutationCancelOrderArgs) =>
  createCancelOrder({ orders, record: (name, event) => recorded.push({ name, event }) })(change, canceller);

/** Runs `race` with `count` stores, each on a connection of its own that is open already. */
async function withStores<T>(count: number, race: (stores: OrderStore[]) => Promise<T>): Promise<T> {
  const clients = Array.from(
    { length: count },
    () => new pg.Client({ connectionString: fixture.database.urls.orders }),
  );
  await Promise.all(clients.map((client) => client.connect()));
  try {
    return await race(clients.map((client) => createOrderStore(client)));
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
}

/** A store on which the order is confirmed right after the first write to it was refused. */
function confirmedTooLate(id: number): OrderStore {
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
    expect(await advanceOrder(orders, fixture.staff, to(id, 2, 'SHIPPED'))).toMatchObject({
      id,
      status: 'SHIPPED',
      version: 3,
    });
    expect(await advanceOrder(orders, fixture.staff, to(id, 3, 'DELIVERED'))).toMatchObject({
      status: 'DELIVERED',
      version: 4,
    });
    expect(await historyOf(id)).toEqual(['1 PENDING', '2 CONFIRMED', '3 SHIPPED', '4 DELIVERED']);
  });

  it('takes no other step, and says which one it would take', async () => {
    const { orders, customer, place, confirmed } = fixture;
    const [pending, ready, cancelled, shipped] = [
      await place(),
      await confirmed(),
      await confirmed(),
      await confirmed(),
    ];
    await orders.cancel(cancelled, 2, customer, null);
    await advanceOrder(orders, fixture.staff, to(shipped, 2, 'SHIPPED'));
    for (const [id, version, status, message] of [
      [pending, 1, 'SHIPPED', 'Only a CONFIRMED order can become SHIPPED; this one is PENDING.'],
      [ready, 2, 'DELIVERED', 'Only a SHIPPED order can become DELIVERED; this one is CONFIRMED.'],
      [cancelled, 3, 'SHIPPED', 'Only a CONFIRMED order can become SHIPPED; this one is CANCELLED.'],
      [shipped, 3, 'SHIPPED', 'Only a CONFIRMED order can become SHIPPED; this one is SHIPPED.'],
    ] as const) {
      expect(await advanceOrder(orders, fixture.staff, to(id, version, status))).toMatchObject({
        __typename: 'OrderNotAdvanceable',
        code: 'ORDER_NOT_ADVANCEABLE',
        message,
        current: { id, version },
      });
    }
    expect(await cancelOrder(orders, byCustomer(), at(shipped, 3))).toMatchObject({
      __typename: 'OrderNotCancellable',
      current: { status: 'SHIPPED' },
    });
    expect(await historyOf(pending)).toEqual(['1 PENDING']);
  });

  it('is left alone at another version, and one that is not there is not found', async () => {
    const { orders, confirmed } = fixture;
    const id = await confirmed();
    for (const version of [1, 3, -1]) {
      expect(await advanceOrder(orders, fixture.staff, to(id, version, 'SHIPPED'))).toMatchObject({
        __typename: 'OrderVersionConflict',
        currentVersion: 2,
        current: { status: 'CONFIRMED' },
      });
    }
    expect(await advanceOrder(orders, fixture.staff, to(UNKNOWN, 1, 'SHIPPED'))).toMatchObject({
      __typename: 'OrderNotFound',
      message: 'There is no order "1099511627776".',
    });
    for (const none of ['x', '-1', '0', `0${id}`, '9007199254740992']) {
      const notFound = { __typename: 'OrderNotFound', message: `There is no order "${none}".` };
      expect(await advanceOrder(orders, fixture.staff, { ...to(id, 2, 'SHIPPED'), id: none })).toMatchObject(
        notFound,
      );
      expect(await cancelOrder(orders, byCustomer(), { ...at(id, 2), id: none })).toMatchObject(notFound);
    }
    expect(await historyOf(id)).toEqual(['1 PENDING', '2 CONFIRMED']);
  });

  it.each(['PENDING', 'CONFIRMED', 'REJECTED', 'CANCELLED'] as const)(
    'cannot be made %s by staff: the argument is named',
    async (status) => {
      await expect(advanceOrder(fixture.orders, fixture.staff, to(UNKNOWN, 1, status))).rejects.toMatchObject(
        {
          message: `status: expected SHIPPED or DELIVERED, got "${status}"`,
          extensions: { code: 'BAD_USER_INPUT', errors: [{ field: 'status' }] },
        },
      );
    },
  );

  it('that comes to the expected version while a change is refused is changed after all', async () => {
    const { place } = fixture;
    const [one, other] = [await place(), await place()];
    expect(await cancelOrder(confirmedTooLate(one), byCustomer(), at(one, 2))).toMatchObject({
      status: 'CANCELLED',
    });
    expect(await advanceOrder(confirmedTooLate(other), fixture.staff, to(other, 2, 'SHIPPED'))).toMatchObject(
      {
        status: 'SHIPPED',
      },
    );
  });
});

describe('an order under races', () => {
  const ROUNDS = 12;

  it('is shipped by one of eight; the others get the new version', async () => {
    await withStores(8, async (stores) => {
      for (let round = 0; round < ROUNDS; round += 1) {
        const id = await fixture.confirmed();
        const outcomes = await Promise.all(
          stores.map((store) => advanceOrder(store, fixture.staff, to(id, 2, 'SHIPPED'))),
        );
        const refused = outcomes.filter((outcome) => '__typename' in outcome);
        expect(refused).toHaveLength(7);
        for (const outcome of refused)
          expect(outcome).toMatchObject({ __typename: 'OrderVersionConflict', currentVersion: 3 });
        expect(await historyOf(id)).toEqual(['1 PENDING', '2 CONFIRMED', '3 SHIPPED']);
      }
    });
  });

  it('is either shipped or cancelled, and its units go back exactly when it is cancelled', async () => {
    let cancelled = 0;
    await withStores(8, async (stores) => {
      for (let round = 0; round < ROUNDS; round += 1) {
        const id = await fixture.confirmed();
        const change = (store: (typeof stores)[number], index: number) =>
          (index + round) % 2 === 0
            ? advanceOrder(store, fixture.staff, to(id, 2, 'SHIPPED'))
            : cancelOrder(store, byCustomer(), at(id, 2));
        // In the first two rounds one side is alone at first, and wins. Then all changes race.
        const [one, ...others] = stores.map((store, index) => () => change(store, index));
        const first = one?.();
        if (round < 2) await first;
        const outcomes = await Promise.all([first, ...others.map((run) => run())]);
        const [winner, ...more] = outcomes.filter((outcome) => outcome && !('__typename' in outcome));
        expect(more).toEqual([]);
        const status = winner && 'status' in winner ? winner.status : 'none';
        const possible = [['SHIPPED'], ['CANCELLED']][round] ?? ['SHIPPED', 'CANCELLED'];
        expect(possible).toContain(status);
        expect(await historyOf(id)).toEqual(['1 PENDING', '2 CONFIRMED', `3 ${status}`]);
        if (status === 'CANCELLED') cancelled += 1;
        expect(await releases()).toBe(cancelled);
      }
    });
  });
});

describe('the history of an order', () => {
  it('names who took each step, with the role of that moment, and why it was cancelled', async () => {
    const { orders, customer, staff, confirmed } = fixture;
    const [shipped, withdrawn, refused] = [await confirmed(), await confirmed(), await confirmed()];
    await advanceOrder(orders, staff, to(shipped, 2, 'SHIPPED'));
    await advanceOrder(orders, staff, to(shipped, 3, 'DELIVERED'));
    await cancelOrder(orders, byCustomer(), at(withdrawn, 2));
    await cancelOrder(orders, byStaff(), { ...at(refused, 2), reason: ' The card was stolen. ' });
    const placed = `PENDING ${customer.id} CUSTOMER -`;
    const settled = 'CONFIRMED - - -';
    const steps = await Promise.all([shipped, withdrawn, refused].map(stepsOf));
    expect(steps).toEqual([
      [placed, settled, `SHIPPED ${staff.id} STAFF -`, `DELIVERED ${staff.id} STAFF -`],
      [placed, settled, `CANCELLED ${customer.id} CUSTOMER -`],
      [placed, settled, `CANCELLED ${staff.id} STAFF The card was stolen.`],
    ]);
  });

  const stepsOf = async (id: number): Promise<string[]> => {
    const [events = []] = await createOrderStore(fixture.pool).histories([id]);
    return events.map(({ status, actorId, actorRole, reason }) =>
      [status, actorId, actorRole, reason].map((part) => part ?? '-').join(' '),
    );
  };
});

describe('staff', () => {
  it('cancel an order of any customer, once, and are recorded with it', async () => {
    const { orders, userId, staff, confirmed } = fixture;
    const id = await confirmed();
    const change = { ...at(id, 2), reason: 'It is damaged.' };
    expect(await cancelOrder(orders, byStaff(), change)).toMatchObject({ status: 'CANCELLED', version: 3 });
    expect(await cancelOrder(orders, byStaff(), change)).toMatchObject({
      __typename: 'OrderVersionConflict',
      currentVersion: 3,
    });
    expect(await releases()).toBe(1);
    expect(recorded).toEqual([
      {
        name: 'order.cancelled_by_staff',
        event: {
          actor: staff,
          subject: `order ${id}`,
          origin: { address: '192.0.2.7', requestId: 'request-7' },
          details: { customer: userId, version: 3 },
        },
      },
    ]);
  });

  it('must give a reason; customers may, and are not recorded', async () => {
    const { orders, confirmed } = fixture;
    const id = await confirmed();
    for (const reason of [undefined, null, '', '  ', '\u200b', 'a\u0000b', 'x'.repeat(501)])
      expect(await cancelOrder(orders, byStaff(), { ...at(id, 2), reason })).toMatchObject({
        __typename: 'InvalidInput',
        errors: [{ field: 'reason', message: expect.stringMatching(/^expected a reason of 1 to 500 char/) }],
      });
    expect(await cancelOrder(orders, byCustomer(), { ...at(id, 2), reason: '' })).toMatchObject({
      __typename: 'InvalidInput',
    });
    expect(await historyOf(id)).toEqual(['1 PENDING', '2 CONFIRMED']);
    expect(await cancelOrder(orders, byCustomer(), { ...at(id, 2), reason: 'x'.repeat(500) })).toMatchObject({
      status: 'CANCELLED',
    });
    expect(recorded).toEqual([]);
  });

  it('cancel only what is CONFIRMED; a customer of another order finds none', async () => {
    const { orders, customer, place, confirmed } = fixture;
    const [pending, ready] = [await place(), await confirmed()];
    expect(await cancelOrder(orders, byStaff(), { ...at(pending, 1), reason: 'No.' })).toMatchObject({
      __typename: 'OrderNotCancellable',
      message: 'Only a CONFIRMED order can be cancelled; this one is PENDING.',
    });
    const stranger = by({ ...customer, id: customer.id + 1_000 });
    expect(await cancelOrder(orders, stranger, { ...at(ready, 2), reason: 'Mine!' })).toMatchObject({
      __typename: 'OrderNotFound',
    });
    expect(await historyOf(ready)).toEqual(['1 PENDING', '2 CONFIRMED']);
    expect(recorded).toEqual([]);
  });

  it('and the customer cancel one order at once: it is cancelled once, and the history says by whom', async () => {
    await withStores(8, async (stores) => {
      for (let round = 1; round <= 10; round += 1) {
        const id = await fixture.confirmed();
        recorded = [];
        const outcomes = await Promise.all(
          stores.map((store, index) =>
            (index + round) % 2 === 0
              ? cancelOrder(store, byCustomer(), at(id, 2))
              : cancelOrder(store, byStaff(), { ...at(id, 2), reason: 'It is damaged.' }),
          ),
        );
        expect(outcomes.filter((outcome) => !('__typename' in outcome))).toHaveLength(1);
        const last = (await createOrderStore(fixture.pool).histories([id]))[0]?.at(-1);
        expect(recorded).toHaveLength(last?.actorRole === 'STAFF' ? 1 : 0);
        expect(await releases()).toBe(round);
      }
    });
  });
});

it('tells the stock once of an order that is shipped, and not of its delivery', async () => {
  const id = await fixture.confirmed();
  expect(await jobs('ship-stock')).toBe(0);
  for (const version of [2, 2]) await advanceOrder(fixture.orders, fixture.staff, to(id, version, 'SHIPPED'));
  await advanceOrder(fixture.orders, fixture.staff, to(id, 3, 'DELIVERED'));
  expect({ shipped: await jobs('ship-stock'), history: await historyOf(id) }).toEqual({
    shipped: 1,
    history: ['1 PENDING', '2 CONFIRMED', '3 SHIPPED', '4 DELIVERED'],
  });
});
