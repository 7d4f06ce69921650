// That work is bounded in a shop of any size: what PostgreSQL does for each question in a shop of 30,000 products,
// by the very statements that the services run. (What it costs with a million: `npm run bench:size`.)
import { createTestDatabase, type TestDatabase } from '@holdfast/database/testing';
import { FAR, FEW, NEAR, SAMPLE } from '@holdfast/products/data/product-search';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../support/client.ts';
import { type Explained, explain } from './explain.ts';
import { RARE } from './load.ts';
import type { Question } from './questions.ts';
import { openShop, type Shop, shareInPlace } from './shop.ts';

/** With fewer, a walk from the newest product to the oldest tenth would look like one that ends where it must. */
const PRODUCTS = 30_000;
const LIMIT = 21;

let database: TestDatabase;
let shop: Shop;
/** By the name of the question. */
let steady: [string, Explained][];
let bounded: [string, Explained][];

beforeAll(async () => {
  database = await createTestDatabase();
  shop = await openShop(database, {
    products: PRODUCTS,
    orders: PRODUCTS,
    users: PRODUCTS / 200,
    ofLargeUser: PRODUCTS / 10,
  });
  steady = await explainAll(shop.questions.steady);
  bounded = await explainAll(shop.questions.bounded);
}, 180_000);
afterAll(async () => {
  await shop?.close();
  await database?.release();
});

/** What is done for each question, with both kinds of plans. */
async function explainAll(asked: readonly Question[]): Promise<[string, Explained][]> {
  const explained: [string, Explained][] = [];
  for (const question of asked)
    for (const plan of ['generic', 'custom'] as const)
      explained.push([
        `${question.name} (${plan})`,
        await explain(shop.clients[question.service], question, plan),
      ]);
  return explained;
}

function steadyOnes(fits: RegExp): [string, Explained][] {
  const found = steady.filter(([name]) => fits.test(name));
  expect(found.length).toBeGreaterThan(0);
  return found;
}

describe('PostgreSQL', () => {
  it('never reads a whole table, and looks at a bounded number of rows', () => {
    // The page and what its rows are joined with stand beside what is looked at.
    const little = NEAR + SAMPLE + 3 * RARE + 2 * LIMIT;
    const most = NEAR + SAMPLE + 2 * (FEW + 1) + 2 * FAR + 2 * LIMIT;
    for (const [explained, bound] of [
      [steady, little],
      [bounded, most],
    ] as const)
      for (const [name, { whole, rows, sorted }] of explained)
        expect({ name, whole, isBounded: rows <= bound && sorted <= FEW + 1, rows }).toMatchObject({
          name,
          whole: [],
          isBounded: true,
        });
  });

  it.each([
    [/^first page, (newest|oldest)|^10,000th page, (newest|oldest)/, ['products_live_idx']],
    [/^(first|10,000th) page, price|range of prices, price/, ['products_price_id_idx']],
    [/^(first|10,000th) page, name/, ['products_name_id_idx']],
    [/^(out of|in) stock, .*(newest|oldest)/, ['products_stock_id_idx']],
    [/^(out of|in) stock, .*price/, ['products_stock_price_id_idx']],
    [/^(out of|in) stock, .*name/, ['products_stock_name_id_idx']],
    [/^my orders(, deep)? \(/, ['orders_user_id_id_idx']],
    [/^my orders, [A-Z]/, ['orders_user_id_status_id_idx']],
    [/^all orders, [A-Z]/, ['orders_status_id_idx']],
  ])('walks one index for a page and looks at no more rows than it gives: %s', (fits, indexes) => {
    for (const [name, explained] of steadyOnes(fits))
      expect({ name, ...explained, isShort: explained.rows <= LIMIT }).toMatchObject({
        name,
        indexes,
        sorted: 0,
        isShort: true,
      });
  });

  it('meets a common word on the list and asks no index of words', () => {
    for (const [name, { indexes, rows }] of steadyOnes(
      /^(a common word|a prefix), (newest|oldest|price asc|price desc|name asc) \(/,
    ))
      expect({ name, words: indexes.includes('products_search_idx'), isNear: rows < 200 }).toEqual({
        name,
        words: false,
        isNear: true,
      });
  });

  it('asks the index of words for the rare ones, and sorts what it finds', () => {
    for (const [name, { indexes, sorted }] of steadyOnes(
      /^(a rare word|no hit|two words, one rare), (newest|price asc|name asc|out of stock) \(/,
    ))
      expect({ name, words: indexes.includes('products_search_idx'), sorted: sorted <= SAMPLE }).toEqual({
        name,
        words: true,
        sorted: true,
      });
  });
});

it('updates a product in place when a unit of it is sold', async () => {
  const { admin } = shop;
  const { rows } = await admin.query<{ id: number }>(
    'SELECT id FROM products.products WHERE stock > 50 AND archived_at IS NULL ORDER BY id LIMIT 100',
  );
  const ids = rows.map(({ id }) => id);
  // While autovacuum looks at the new table, PostgreSQL cannot clear old rows away, and updates find no place beside them.
  await eventually(
    () => shareInPlace(admin, database.urls.products, ids, 400),
    (share) => share > 0.95,
    60_000,
  );
}, 120_000);
