// One account that orders all there is. With the purchase limits it holds what they allow, however many orders race, over
// several processes that reserve; with the rule of before there were limits it holds the whole catalog.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { type Account, Client } from '../support/client.ts';
import { inspect } from '../support/invariants.ts';
import type { AnotherInstance } from '../support/system.ts';
import { useSystem } from '../support/use-system.ts';

const PRODUCTS = 20;
/** For a test that starts two processes. */
const WITHIN_MS = 180_000;
const STOCK = 10_000;
/** What is tried of each product, all at once. */
const QUANTITIES = [STOCK, 100, 100, 100];
const OUTCOMES = `__typename ... on Order { id version }
  ... on PurchaseLimitReached { limit held } ... on OutOfStock { available }`;

const system = useSystem();
let reserving: AnotherInstance[] = [];
// Only the processes of a test reserve, and the first of them has the place of the system's own.
beforeAll(() => system.terminate('products'));
const portOf = (url: string) => Number(new URL(url).port);

interface Outcome {
  readonly __typename: string;
  readonly id?: string;
  readonly limit?: number;
  readonly held?: number;
}

interface Shop {
  readonly client: Client;
  readonly buyer: Account;
  readonly products: readonly string[];
  readonly held: () => Promise<{ readonly units: number; readonly most: number }>;
}

/** Two processes reserve. */
async function openShop(limits: Record<string, string>): Promise<Shop> {
  await Promise.all(reserving.map((instance) => instance.stop()));
  const ports = { http: portOf(system.urls.products), ops: portOf(system.opsUrls.products) };
  reserving = await Promise.all([
    system.another('products', limits, { ports }),
    system.another('products', limits),
  ]);
  const client = await Client.of(system.url);
  const buyer = await client.account();
  const products = await inspect(system.adminUrl, async (admin) => {
    const { rows } = await admin.query<{ id: number }>(
      `INSERT INTO products.products (name, price, stock)
       SELECT 'Thing ' || n, 1, $2 FROM generate_series(1, $1) AS n RETURNING id`,
      [PRODUCTS, STOCK],
    );
    return rows.map(({ id }) => String(id));
  });
  const held = () =>
    inspect(system.adminUrl, async (admin) => {
      const { rows } = await admin.query(
        `SELECT sum(units)::int AS units, max(units)::int AS most FROM (
           SELECT sum(quantity) AS units FROM products.reservations
            WHERE status = 'HELD' AND user_id = $1 GROUP BY product_id) AS product`,
        [buyer.id],
      );
      return rows[0];
    });
  return { client, buyer, products, held };
}

/** Orders everything, in one request for each product. */
async function hoard({ client, buyer, products }: Shop): Promise<Outcome[]> {
  const replies = await Promise.all(
    products.map(async (id) => {
      const orders = QUANTITIES.map(
        (quantity, n) =>
          `o${n}: createOrder(input: { productId: "${id}", quantity: ${quantity}, waitMs: 10000 }) { ${OUTCOMES} }`,
      );
      const { data, errors } = await client.graphql(`mutation { ${orders.join(' ')} }`, {}, buyer.token);
      expect(errors).toEqual([]);
      return Object.values<Outcome>(data);
    }),
  );
  return replies.flat();
}

describe('an account that orders the whole catalog', () => {
  it(
    'gets it where one order may have all',
    async () => {
      const shop = await openShop({ MAX_UNITS_PER_ORDER: '10000' });
      await hoard(shop);
      expect(await shop.held()).toEqual({ units: PRODUCTS * STOCK, most: STOCK });
    },
    WITHIN_MS,
  );

  it(
    'gets what its orders may have by default',
    async () => {
      const shop = await openShop({});
      await hoard(shop);
      expect(await shop.held()).toEqual({ units: PRODUCTS * 300, most: 300 });
    },
    WITHIN_MS,
  );

  it(
    'holds no more of a product than MAX_OPEN_UNITS, and may order again what it cancels',
    async () => {
      const shop = await openShop({ MAX_OPEN_UNITS: '250' });
      const { client, buyer } = shop;
      const outcomes = [...(await hoard(shop)), ...(await hoard(shop))];
      expect(await shop.held()).toEqual({ units: PRODUCTS * 200, most: 200 });
      const refused = outcomes.filter(({ __typename }) => __typename === 'PurchaseLimitReached');
      expect(refused).toHaveLength(outcomes.length - 2 * PRODUCTS);
      expect(new Set(refused.map(({ limit, held }) => `${limit} ${held}`))).toEqual(
        new Set(['100 0', '250 200']),
      );

      const [productId] = shop.products;
      const order = async (quantity: number): Promise<Outcome> => {
        const text = `mutation($input: CreateOrderInput!) { createOrder(input: $input) { ${OUTCOMES} } }`;
        const input = { productId, quantity, waitMs: 10_000 };
        return (await client.graphql(text, { input }, buyer.token)).data.createOrder;
      };
      expect(await order(51)).toMatchObject({ __typename: 'PurchaseLimitReached', limit: 250, held: 200 });
      const { id } = await order(50);
      const cancelled = await client.rest('POST', `/orders/${id}/cancel`, {
        token: buyer.token,
        headers: { 'if-match': '*' },
      });
      expect(cancelled.status).toBe(200);
      // Cancelled units count until they are back in the stock.
      for (let outcome = await order(50); outcome.__typename !== 'Order'; outcome = await order(50))
        expect(outcome).toMatchObject({ limit: 250, held: 250 });
      expect((await shop.held()).most).toBe(250);
    },
    WITHIN_MS,
  );
});
