// For tests: the table of orders on a database of its own, with a user and a product to order.
import { createTestDatabase, type TestDatabase } from '@holdfast/database/testing';
import pg from 'pg';
import { type Actor, createOrderStore, type NewOrder, type OrderStore } from './data/orders.ts';

export interface OrdersFixture {
  readonly database: TestDatabase;
  /** With an administrator's rights. */
  readonly admin: pg.Client;
  /** As the service has it. */
  readonly pool: pg.Pool;
  readonly orders: OrderStore;
  readonly userId: number;
  /** The user, as a customer. */
  readonly customer: Actor;
  /** Another account, which is staff. */
  readonly staff: Actor;
  readonly productId: number;
  /** Two units of the product for the user, without a key. */
  readonly wanted: NewOrder;
  /** Places a PENDING order of two units and gives its id. */
  place(): Promise<number>;
  /** The same for an order that is CONFIRMED, and so at version 2. */
  confirmed(): Promise<number>;
  /** Deletes all orders with what belongs to them, for the next test. */
  deleteOrders(): Promise<void>;
  close(): Promise<void>;
}

export async function createOrdersFixture(): Promise<OrdersFixture> {
  const database = await createTestDatabase();
  const admin = new pg.Client({ connectionString: database.adminUrl });
  await admin.connect();
  const pool = new pg.Pool({ connectionString: database.urls.orders });
  pool.on('error', () => undefined);
  const orders = createOrderStore(pool);
  const user = await admin.query(
    `INSERT INTO users.users (username, email, password_hash) VALUES ('ann', 'ann@example.com', 'x') RETURNING id`,
  );
  const product = await admin.query(
    `INSERT INTO products.products (name, price, stock) VALUES ('Kettle', 10, 5) RETURNING id`,
  );
  const clerk = await admin.query(
    `INSERT INTO users.users (username, email, password_hash, role) VALUES ('sue', 'sue@example.com', 'x', 'STAFF') RETURNING id`,
  );
  const userId: number = user.rows[0].id;
  const customer = { id: userId, role: 'CUSTOMER' } as const;
  const staff = { id: Number(clerk.rows[0].id), role: 'STAFF' } as const;
  const productId: number = product.rows[0].id;
  const wanted = { user: customer, productId, quantity: 2, unitPrice: '10.00', idempotency: undefined };
  const place = async (): Promise<number> => {
    const placed = await orders.insert(wanted);
    if (typeof placed === 'string') throw new Error(`the order was not placed: ${placed}`);
    return placed.id;
  };
  return {
    database,
    admin,
    pool,
    orders,
    userId,
    customer,
    staff,
    productId,
    wanted,
    place,
    confirmed: async () => {
      const id = await place();
      await orders.settle(id, { outcome: 'CONFIRMED' });
      return id;
    },
    deleteOrders: async () => {
      await admin.query(`DELETE FROM orders.idempotency_keys; DELETE FROM orders.order_events;
        DELETE FROM orders.orders; DELETE FROM graphile_worker._private_jobs`);
    },
    close: async () => {
      await pool.end();
      await admin.end();
      await database.release();
    },
  };
}
