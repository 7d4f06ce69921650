// The second promise as queries of the database: what must hold for every order and every unit when no work is left.
import { type OrderStatus, PLACED, STEPS } from '@holdfast/orders/domain/order-status';
import { expect } from '@jest/globals';
import pg from 'pg';
import { eventually } from './client.ts';

interface OrderRow {
  readonly id: string;
  readonly user_id: string;
  readonly product_id: string;
  readonly status: OrderStatus;
  readonly version: number;
  readonly quantity: number;
  readonly idempotency_key: string | null;
  readonly unit_price: string;
  readonly statuses: OrderStatus[];
  readonly versions: number[];
}

/** Every path through the table of states, from the first state of an order to any state. */
const pathsFrom = (status: OrderStatus): string[] => [
  status,
  ...STEPS.filter(({ from }) => from === status).flatMap(({ to }) =>
    pathsFrom(to).map((path) => `${status},${path}`),
  ),
];
const LEGAL_PATHS = pathsFrom(PLACED.to).filter((path) => path !== PLACED.to);

/** Queries the tables as the administrator. */
export async function inspect<T>(adminUrl: string, look: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  try {
    return await look(client);
  } finally {
    await client.end();
  }
}

/** The work that is left for orders of these products only, because other suites use the same system. */
async function workLeft(
  client: pg.Client,
  productIds: readonly string[],
): Promise<{ pending: number; jobs: number }> {
  const { rows } = await client.query<{ pending: number; jobs: number }>(
    `SELECT (SELECT count(*)::int FROM orders.orders WHERE status = 'PENDING' AND product_id = ANY($1)) AS pending,
            (SELECT count(*)::int FROM graphile_worker._private_jobs
              WHERE payload::jsonb ? 'orderId'
                AND NOT EXISTS (SELECT FROM orders.orders
                                 WHERE id = (payload->>'orderId')::bigint AND product_id <> ALL($1))) AS jobs`,
    [productIds],
  );
  return rows[0] ?? { pending: -1, jobs: -1 };
}

/** Waits until no job is left for the products and no order of them is PENDING, then reads the orders with their histories. */
async function readSettledOrders(
  adminUrl: string,
  productIds: readonly string[],
  withinMs = 60_000,
): Promise<OrderRow[]> {
  return inspect(adminUrl, async (client) => {
    await eventually(
      () => workLeft(client, productIds),
      ({ pending, jobs }) => pending === 0 && jobs === 0,
      withinMs,
    );
    const { rows } = await client.query<OrderRow>(
      `SELECT o.id::text, o.user_id::text, o.product_id::text, o.status, o.version, o.quantity, o.unit_price,
              (SELECT k.key FROM orders.idempotency_keys k WHERE k.order_id = o.id) AS idempotency_key,
              array_agg(e.status::text ORDER BY e.version) AS statuses, array_agg(e.version ORDER BY e.version) AS versions
         FROM orders.orders o JOIN orders.order_events e ON e.order_id = o.id
        WHERE o.product_id = ANY($1) GROUP BY o.id`,
      [productIds],
    );
    return rows;
  });
}

/**
 * Checks, when no work is left: for each product, stock + units of live orders = units put in; every history is a legal path that
 * ends in the status of the order; one order for each key; the reservation of every settled order agrees with its status.
 * @param unitsPutIn by product id
 * @returns the orders
 */
export async function expectInvariants(
  adminUrl: string,
  unitsPutIn: ReadonlyMap<string, number>,
): Promise<OrderRow[]> {
  const productIds = [...unitsPutIn.keys()];
  const orders = await readSettledOrders(adminUrl, productIds);
  const stocks = await inspect(adminUrl, async (client) => {
    const { rows } = await client.query<{ id: string; stock: number }>(
      'SELECT id::text, stock FROM products.products WHERE id = ANY($1)',
      [productIds],
    );
    return new Map(rows.map(({ id, stock }) => [id, stock]));
  });
  for (const [productId, units] of unitsPutIn) {
    const held = orders
      .filter(({ product_id, status }) => product_id === productId && TAKEN.has(RESERVATION_OF[status]))
      .reduce((sum, { quantity }) => sum + quantity, 0);
    expect({ productId, units: (stocks.get(productId) ?? Number.NaN) + held }).toEqual({ productId, units });
  }
  for (const { id, status, version, statuses, versions } of orders) {
    expect(LEGAL_PATHS).toContain(statuses.join(','));
    expect({ id, status, version, versions }).toEqual({
      id,
      status: statuses.at(-1),
      version: statuses.length,
      versions: statuses.map((_, index) => index + 1),
    });
  }
  const keys = orders.filter(({ idempotency_key }) => idempotency_key !== null);
  expect(new Set(keys.map(({ user_id, idempotency_key }) => `${user_id} ${idempotency_key}`)).size).toBe(
    keys.length,
  );
  await expectReservations(adminUrl, orders);
  return orders;
}

/** States of a reservation whose units are not in the stock. */
const TAKEN: ReadonlySet<string | undefined> = new Set(['HELD', 'SHIPPED']);
const RESERVATION_OF: Readonly<Record<OrderStatus, string | undefined>> = {
  PENDING: undefined,
  CONFIRMED: 'HELD',
  SHIPPED: 'SHIPPED',
  DELIVERED: 'SHIPPED',
  REJECTED: 'REFUSED',
  CANCELLED: 'RELEASED',
};

async function expectReservations(adminUrl: string, orders: readonly OrderRow[]): Promise<void> {
  const reservations = await inspect(adminUrl, async (client) => {
    const { rows } = await client.query<{ order_id: string; status: string }>(
      'SELECT order_id::text, status FROM products.reservations WHERE order_id = ANY($1)',
      [orders.map(({ id }) => id)],
    );
    return new Map(rows.map(({ order_id, status }) => [order_id, status]));
  });
  for (const { id, status } of orders)
    expect({ id, reservation: reservations.get(id) }).toEqual({ id, reservation: RESERVATION_OF[status] });
}
