// The questions to a shop of any size: the statements that the services run, by their names, with arguments that mean the same at each
// size.
import { type DeclaredStatement, declaredStatements } from '@holdfast/platform/postgres/sql';
import type pg from 'pg';
import { DEAR, LARGE_USER } from './load.ts';
// These modules declare the statements. Two servers cannot be imported at once, because both count conflicts under the same name.
import '@holdfast/orders/data/order-events';
import '@holdfast/orders/data/orders';
import '@holdfast/products/data/finished-reservations';
import '@holdfast/products/data/product-pages';
import '@holdfast/products/data/product-statements';

export type Arguments = Readonly<Record<string, unknown>>;

export interface Question {
  readonly name: string;
  readonly service: 'products' | 'orders';
  readonly statement: DeclaredStatement;
  readonly args: Arguments;
}

const PAGE = { limit: 21 };
const ORDERS = {
  NEWEST: 'id DESC',
  OLDEST: 'id',
  PRICE_ASC: 'price, id',
  PRICE_DESC: 'price DESC, id DESC',
  NAME_ASC: 'name, id',
};
type Order = keyof typeof ORDERS;
const SORTS: readonly Order[] = ['NEWEST', 'OLDEST', 'PRICE_ASC', 'PRICE_DESC', 'NAME_ASC'];

const terms = (...words: string[]): Arguments => ({ words, phrases: [], excluded: [] });
const SEARCHES: Readonly<Record<string, Arguments>> = {
  'a rare word': terms('rarity'),
  'a common word': terms('quality'),
  'a prefix': terms('qual'),
  'no hit': terms('unheard'),
  'two words, one rare': terms('quality', 'rarity'),
};
/** Their cost has a bound, and differs with the size. */
const BETWEEN: Readonly<Record<string, Arguments>> = {
  'a word of one in 100': terms('seasonal'),
  'a word of the oldest tenth': terms('vintage'),
};

const named = (name: string): DeclaredStatement => {
  const found = declaredStatements().find((statement) => statement.name === name);
  if (!found) throw new Error(`there is no statement ${name}`);
  return found;
};
const ask =
  (service: Question['service']) =>
  (name: string, statement: string, args: Arguments): Question => ({
    name,
    service,
    statement: named(statement),
    args,
  });
const ofProducts = ask('products');
const ofOrders = ask('orders');

/** The sort keys of the row a fifth down a list: of a million products that is the end of the 10,000th page of 20. */
async function deepKeys(admin: pg.Client): Promise<Map<Order, Arguments>> {
  const keys = new Map<Order, Arguments>();
  for (const order of SORTS) {
    const { rows } = await admin.query<{ id: number; price: string; name: string }>(
      `SELECT id, price, name FROM products.products WHERE archived_at IS NULL
        ORDER BY ${ORDERS[order]} LIMIT 1 OFFSET (SELECT count(*) / 5 FROM products.products)`,
    );
    const [row] = rows;
    if (!row) throw new Error('the shop is empty');
    const byPrice = order.startsWith('PRICE') && { afterPrice: row.price };
    keys.set(order, { afterId: row.id, ...byPrice, ...(order === 'NAME_ASC' && { afterName: row.name }) });
  }
  return keys;
}

const inOrder = (order: Order): string => order.toLowerCase().replace('_', ' ');

function lists(deep: ReadonlyMap<Order, Arguments>): Question[] {
  return SORTS.flatMap((order) => [
    ofProducts(`first page, ${inOrder(order)}`, `products_page_${order}_first`, PAGE),
    ofProducts(`10,000th page, ${inOrder(order)}`, `products_page_${order}_after`, {
      ...PAGE,
      ...deep.get(order),
    }),
    ofProducts(`out of stock, ${inOrder(order)}`, `products_page_${order}_first_inStock`, {
      ...PAGE,
      inStock: false,
    }),
    ofProducts(`in stock, 10,000th page, ${inOrder(order)}`, `products_page_${order}_after_inStock`, {
      ...PAGE,
      ...deep.get(order),
      inStock: true,
    }),
    ofProducts(
      `a wide range of prices, ${inOrder(order)}`,
      `products_page_${order}_first_minPrice_maxPrice`,
      {
        ...PAGE,
        minPrice: '10',
        maxPrice: '700',
      },
    ),
    ofProducts(
      `a narrow range of prices, ${inOrder(order)}`,
      `products_page_${order}_first_minPrice_maxPrice`,
      {
        ...PAGE,
        minPrice: String(DEAR),
        maxPrice: String(2 * DEAR),
      },
    ),
  ]);
}

const searches = (words: Readonly<Record<string, Arguments>>): Question[] =>
  Object.entries(words).flatMap(([name, search]) => [
    ...SORTS.map((order) =>
      ofProducts(`${name}, ${inOrder(order)}`, `products_page_${order}_first_search`, { ...PAGE, ...search }),
    ),
    ofProducts(
      `${name}, price bounds, in stock`,
      'products_page_NEWEST_first_search_minPrice_maxPrice_inStock',
      {
        ...PAGE,
        ...search,
        minPrice: '10',
        maxPrice: '700',
        inStock: true,
      },
    ),
    ofProducts(`${name}, narrow price bounds`, 'products_page_NAME_ASC_first_search_minPrice_maxPrice', {
      ...PAGE,
      ...search,
      minPrice: String(DEAR),
      maxPrice: String(2 * DEAR),
    }),
    ofProducts(`${name}, out of stock`, 'products_page_PRICE_ASC_first_search_inStock', {
      ...PAGE,
      ...search,
      inStock: false,
    }),
  ]);

function orders(middle: number): Question[] {
  const mine = { ...PAGE, userId: LARGE_USER };
  const all = (status: string): Question[] => [
    ofOrders(`all orders, ${status}`, 'orders_page_all_status', { ...PAGE, status }),
    ofOrders(`all orders, ${status}, deep`, 'orders_page_all_status_after', {
      ...PAGE,
      status,
      after: middle,
    }),
  ];
  return [
    ofOrders('order look-up', 'orders_by_ids', { ids: [middle] }),
    ofOrders('history of 20 orders', 'order_events_by_orders', {
      orderIds: Array.from({ length: 20 }, (_, index) => middle + index),
    }),
    ofOrders('my orders', 'orders_page', mine),
    ofOrders('my orders, deep', 'orders_page_after', { ...mine, after: middle }),
    ofOrders('my orders, SHIPPED', 'orders_page_status', { ...mine, status: 'SHIPPED' }),
    ofOrders('my orders, REJECTED (none)', 'orders_page_status', { ...mine, status: 'REJECTED' }),
    ofOrders('all orders', 'orders_page_all', PAGE),
    ofOrders('all orders, deep', 'orders_page_all_after', { ...PAGE, after: middle }),
    ...['PENDING', 'SHIPPED', 'DELIVERED', 'REJECTED'].flatMap(all),
    ofOrders('gauges of what is pending', 'orders_pending_gauges', {}),
    ofOrders('the sweep of keys', 'orders_idempotency_keys_sweep', { max: 100, days: 90 }),
    ofProducts('the sweep of reservations', 'reservations_sweep', { max: 100, days: 90 }),
    ofOrders('placing: the key', 'orders_by_idempotency_keys', { userIds: [LARGE_USER], keys: ['unused'] }),
  ];
}

export interface Questions {
  /** They cost the same in a shop of any size. */
  readonly steady: readonly Question[];
  /** They cost at most a bound. */
  readonly bounded: readonly Question[];
}

/** Makes the questions for the shop of the connection. */
export async function createQuestions(admin: pg.Client): Promise<Questions> {
  const deep = await deepKeys(admin);
  const { rows } = await admin.query<{ product: number; order: number }>(
    `SELECT (SELECT max(id) / 2 FROM products.products) AS product,
            (SELECT max(id)::int / 2 FROM orders.orders) AS "order"`,
  );
  const { product = 1, order = 1 } = rows[0] ?? {};
  return {
    steady: [
      ofProducts('look-up, and the price of an order', 'products_by_ids', { ids: [product] }),
      ...lists(deep),
      ...searches(SEARCHES),
      ...orders(order),
    ],
    bounded: searches(BETWEEN),
  };
}
