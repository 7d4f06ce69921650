// Placing an order and waiting for what becomes of it: the reply is the outcome, however early it comes, and each order
// costs as many statements as it must.
import { createLogger } from '@holdfast/platform/observability/log';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type pg from 'pg';
import { createOrderStore, type Order, type OrderStore } from '../data/orders.ts';
import { listenForSettlements, type Settlements } from '../data/settlements.ts';
import type { CreateOrderInput } from '../generated/graphql.ts';
import { createOrdersFixture, type OrdersFixture } from '../testing.ts';
import { createPlaceOrder, type Placed } from './place-order.ts';
import { orderRules } from './rules.ts';

let fixture: OrdersFixture;
let settlements: Settlements;
let statements: string[];
let price: string | undefined;

beforeAll(async () => {
  fixture = await createOrdersFixture();
  settlements = listenForSettlements({
    url: fixture.database.urls.orders,
    log: createLogger('test', 'silent'),
  });
});
beforeEach(async () => {
  await fixture.deleteOrders();
  price = '10.00';
  await heard();
  statements = [];
});
afterAll(async () => {
  await settlements.close();
  await fixture.close();
});

/** Resolves when the listener has heard of an order that is settled now, and so of all before it. */
async function heard(): Promise<void> {
  const since = settlements.mark();
  await settlements.wait(await fixture.confirmed(), Date.now() + 60_000, since);
}

/** The store of orders, which notes each statement. */
const noting = (): OrderStore =>
  createOrderStore({
    query: <Row extends pg.QueryResultRow>(config: pg.QueryConfig) => {
      statements.push(config.name ?? config.text);
      return fixture.pool.query<Row>(config);
    },
  });

/** Places an order as a caller that waits for long; `between` runs after the order is committed and before its id is known. */
function placeOrder(
  input: Partial<CreateOrderInput> = {},
  between: (order: Order) => Promise<void> = async () => undefined,
): Promise<Placed> {
  const store = noting();
  const place = createPlaceOrder({
    orders: {
      ...store,
      insert: async (order) => {
        const placed = await store.insert(order);
        if (typeof placed !== 'string') await between(placed);
        return placed;
      },
    },
    prices: { priceOf: async () => price, close: async () => undefined },
    settlements,
    isKeyRequired: false,
  });
  const request = { productId: String(fixture.productId), quantity: 2, waitMs: 10_000, ...input };
  return place(request, { user: fixture.customer, requestId: 'test', deadlineAt: Date.now() + 15_000 });
}

const confirm = async ({ id }: Order): Promise<void> => {
  await fixture.orders.settle(id, { outcome: 'CONFIRMED' });
};
const orderCount = async (): Promise<number> =>
  (await fixture.admin.query('SELECT FROM orders.orders')).rowCount ?? 0;

describe('the reply to an order', () => {
  it('is its outcome, also when that came before the order’s number was known', async () => {
    const startedAt = Date.now();
    const placed = await placeOrder({}, async (order) => {
      await confirm(order);
      await heard();
    });
    expect(placed).toMatchObject({ status: 'CONFIRMED', version: 2 });
    expect(Date.now() - startedAt).toBeLessThan(5_000);
    expect(statements).toEqual(['orders_insert', 'orders_by_ids']);
  });

  it('is its outcome when the listener lost its connection between, and the announcement', async () => {
    const startedAt = Date.now();
    const placed = await placeOrder({}, async (order) => {
      await fixture.admin.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE application_name = 'orders-listener' AND datname = current_database()`,
      );
      await confirm(order);
    });
    expect(placed).toMatchObject({ status: 'CONFIRMED' });
    expect(Date.now() - startedAt).toBeLessThan(5_000);
  });

  it('is waited for by default for two seconds', () => {
    const { waitMs } = orderRules.parse({ productId: '1', quantity: 1, idempotencyKey: null });
    expect(waitMs).toBe(2_000);
  });

  it('is the PENDING order when it is not settled in time', async () => {
    expect(await placeOrder({ waitMs: 50 })).toMatchObject({ status: 'PENDING', version: 1 });
    expect(await placeOrder({ waitMs: 0 })).toMatchObject({ status: 'PENDING', version: 1 });
    expect(statements).toEqual(['orders_insert', 'orders_by_ids', 'orders_insert']);
  });

  it('is the outcome for each of a hundred that are placed while others are settled', async () => {
    let placing = true;
    const settleAll = async (): Promise<void> => {
      while (placing) {
        const { rows } = await fixture.admin.query("SELECT id FROM orders.orders WHERE status = 'PENDING'");
        for (const { id } of rows) await fixture.orders.settle(Number(id), { outcome: 'CONFIRMED' });
      }
    };
    const settling = settleAll();
    const outcomes = await Promise.all(Array.from({ length: 100 }, () => placeOrder()));
    placing = false;
    await settling;
    for (const outcome of outcomes) expect(outcome).toMatchObject({ status: 'CONFIRMED' });
    expect(statements).toHaveLength(200);
  });
});

describe('an order past a purchase limit', () => {
  const rejected = async ({ id }: Order, limit: number, held: number): Promise<void> => {
    await fixture.orders.settle(id, {
      outcome: 'REJECTED',
      code: 'PURCHASE_LIMIT',
      available: 7,
      limit,
      held,
    });
  };

  it('is refused with the limit and what counted, also when it is sent again', async () => {
    const refused = {
      __typename: 'PurchaseLimitReached',
      code: 'PURCHASE_LIMIT',
      message:
        "The order has 2 units and the customer's open orders have 4 of this product; together at most 5 are allowed.",
      limit: 5,
      held: 4,
    };
    const input = { idempotencyKey: 'k' };
    expect(await placeOrder(input, (order) => rejected(order, 5, 4))).toEqual(refused);
    expect(await placeOrder(input)).toEqual(refused);
    expect((await fixture.orders.page({ limit: 1 }))[0]).toMatchObject({
      status: 'REJECTED',
      rejectionCode: 'PURCHASE_LIMIT',
      rejectionAvailable: 7,
      rejectionLimit: 5,
      rejectionHeld: 4,
    });
  });

  it('may be too large by itself', async () => {
    expect(await placeOrder({}, (order) => rejected(order, 1, 0))).toMatchObject({
      message: 'The order has 2 units; one order may have at most 1.',
      limit: 1,
      held: 0,
    });
  });
});

describe('a key', () => {
  it('stands for one order of twenty calls at once, and each gets its outcome', async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, () => placeOrder({ idempotencyKey: 'k' }, confirm)),
    );
    const ids = outcomes.map((outcome) => ('id' in outcome ? outcome.id : outcome));
    expect(new Set(ids).size).toBe(1);
    for (const outcome of outcomes) expect(outcome).toMatchObject({ status: 'CONFIRMED' });
    // The one of `heard`, and this one.
    expect(await orderCount()).toBe(2);
  });

  it('costs a statement, and a retry one, with the order in it', async () => {
    await placeOrder({ idempotencyKey: 'k' }, confirm);
    expect(statements).toEqual(['orders_by_idempotency_keys', 'orders_insert', 'orders_by_ids']);
    statements = [];
    price = undefined;
    expect(await placeOrder({ idempotencyKey: 'k' })).toMatchObject({ status: 'CONFIRMED' });
    expect(await placeOrder({ idempotencyKey: 'k', quantity: 3 })).toMatchObject({
      __typename: 'IdempotencyKeyReused',
    });
    expect(statements).toEqual(['orders_by_idempotency_keys', 'orders_by_idempotency_keys']);
  });
});

describe('an order is refused before anything is written', () => {
  afterEach(async () => {
    expect(statements).toEqual([]);
    expect(await orderCount()).toBe(1);
  });

  it.each(['0', '-1', '1.5', '01', '2147483648', '99999999999999999999', 'kettle', ''])(
    'for a product %p: it can be none',
    async (productId) => {
      expect(await placeOrder({ productId })).toEqual({
        __typename: 'ProductNotFound',
        code: 'PRODUCT_NOT_FOUND',
        message: `There is no product "${productId}".`,
      });
    },
  );

  it('when its total does not fit, which names quantity, total and limit', async () => {
    price = '10000.00';
    expect(await placeOrder({ quantity: 10_000 })).toMatchObject({
      __typename: 'InvalidInput',
      errors: [
        {
          field: 'quantity',
          message: 'expected a total price of at most 99999999.99, got 10000 × 10000.00 = 100000000.00',
        },
      ],
    });
  });

  it('when there is no price', async () => {
    price = undefined;
    expect(await placeOrder()).toMatchObject({ __typename: 'ProductNotFound' });
  });
});

it('the largest total that fits is recorded to the cent', async () => {
  price = '99999999.99';
  expect(await placeOrder({ quantity: 1, waitMs: 0 })).toMatchObject({ totalPrice: '99999999.99' });
});
