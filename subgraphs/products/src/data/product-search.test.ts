// What a search finds, page by page, in a catalog of 14,000 products. (What PostgreSQL does for it: test/src/size.)
import { createTestDatabase, loadWithoutIndexes, type TestDatabase } from '@holdfast/database/testing';
import { ANONYMOUS } from '@holdfast/platform/auth/viewer';
import type { Connection } from '@holdfast/platform/graphql/pages';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { createBrowse } from '../domain/browse.ts';
import type { QueryProductsArgs } from '../generated/graphql.ts';
import {
  type ProductOrder,
  type ProductPageQuery,
  productCursor,
  productSortKey,
  selectProductPage,
} from './product-pages.ts';
import type { Product } from './product-row.ts';
import type { SearchTerms } from './product-search.ts';

/** More of the old products are in the catalog than an index is read for, and FAR - BEFORE newer ones. */
const OLD = 2_600;
const COUNT = 14_255;
const BEFORE = 10;
/**
 * `common` is in every second product, `some` in every 50th, `rare` in every 3,000th; `old` and `new` are in the OLD products at the
 * two ends, `aged` in those that are a little older than the first old ones. Every seventh product has left the catalog.
 */
const FILL = `INSERT INTO products.products (name, description, price, stock, archived_at)
  SELECT 'Thing ' || n % 1000,
         concat_ws(' ', 'made for a test', CASE WHEN n % 2 = 0 THEN 'common' END, CASE WHEN n % 50 = 0 THEN 'some' END,
                   CASE WHEN n % 3000 = 2 THEN 'rare' END, CASE WHEN n <= ${OLD} THEN 'old words' END,
                   CASE WHEN n <= ${OLD - 2 * BEFORE} THEN 'aged' END, CASE WHEN n > ${COUNT - OLD} THEN 'new' END),
         n % 331, n % 5, CASE WHEN n % 7 = 0 THEN now() END
    FROM generate_series(1, ${COUNT}) AS n`;

const ORDERS: ProductOrder[] = ['NEWEST', 'OLDEST', 'PRICE_ASC', 'PRICE_DESC', 'NAME_ASC'];
const SORTED: Record<ProductOrder, string> = {
  NEWEST: 'id DESC',
  OLDEST: 'id',
  PRICE_ASC: 'price, id',
  PRICE_DESC: 'price DESC, id DESC',
  NAME_ASC: 'name, id',
};

const terms = (...words: string[]): SearchTerms => ({ words, phrases: [], excluded: [] });
const SEARCHES: Record<string, SearchTerms> = {
  common: terms('common'),
  some: terms('some'),
  rare: terms('rare'),
  absent: terms('nothing-of-the-kind'),
  'the beginning of a word': terms('comm'),
  'words of the oldest': terms('old'),
  'a phrase of the oldest': { words: [], phrases: ['old words'], excluded: [] },
  'words that no product has together': terms('old', 'new'),
  'all but most': { words: ['made'], phrases: [], excluded: ['common', 'old'] },
};

let database: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
  database = await createTestDatabase();
  client = new pg.Client({ connectionString: database.urls.products });
  await client.connect();
  const admin = new pg.Client({ connectionString: database.adminUrl });
  await admin.connect();
  await loadWithoutIndexes(admin, 'products.products', () => admin.query(FILL));
  await admin.query('VACUUM ANALYZE products.products');
  await admin.end();
}, 120_000);
afterAll(async () => {
  await client?.end();
  await database?.release();
});

describe('pages of a search', () => {
  /** The first `count` ids in order, by the plainest statement there is. */
  async function expected(
    search: SearchTerms | undefined,
    order: ProductOrder,
    { filter = 'true', count = COUNT } = {},
  ) {
    const { words = [], phrases = [], excluded = [] } = search ?? {};
    const { rows } = await client.query<{ id: number }>(
      `SELECT id FROM products.products WHERE archived_at IS NULL AND ${filter}
          AND ($4 OR search @@ products.search_query($1, $2, $3)) ORDER BY ${SORTED[order]} LIMIT $5`,
      [words, phrases, excluded, search === undefined, count],
    );
    return rows.map(({ id }) => id);
  }

  /** The first `count` products of a list, page by page. */
  async function walk(query: Omit<ProductPageQuery, 'after'>, count: number) {
    const ids: number[] = [];
    const marks: number[] = [];
    let after: string[] | undefined;
    while (ids.length < count) {
      const rows = await selectProductPage(client, { ...query, after });
      const last = rows.at(-1);
      if (last?.isMark) marks.push(rows.length - 1);
      ids.push(...rows.filter(({ isMark }) => !isMark).map(({ id }) => id));
      if (!last || (rows.length < query.limit && !last.isMark)) break;
      after = productSortKey(query.order, productCursor(query.order, last));
    }
    return { ids: ids.slice(0, count), marks };
  }

  it.each(Object.entries(SEARCHES))(
    'hold every hit once, in order: %s',
    async (_, search) => {
      for (const order of ORDERS) {
        const found = await walk({ order, filter: { search }, limit: 40 }, 3 * 40);
        expect(found.ids).toEqual(await expected(search, order, { count: 3 * 40 }));
      }
    },
    60_000,
  );

  it('go on to the end', async () => {
    for (const [search, limit] of [
      [terms('some'), 100],
      [terms('rare'), 3],
    ] as const)
      expect((await walk({ order: 'NAME_ASC', filter: { search }, limit }, COUNT)).ids).toEqual(
        await expected(search, 'NAME_ASC'),
      );
  }, 60_000);

  it.each<[string, { minPrice?: string; maxPrice?: string; inStock?: boolean }]>([
    ['a narrow range of prices, out of stock', { minPrice: '324', maxPrice: '329', inStock: false }],
    ['a wide range of prices, in stock', { minPrice: '10', inStock: true }],
    ['no price', { minPrice: '2', maxPrice: '1' }],
    ['the dearest', { minPrice: '330' }],
    ['the cheapest, out of stock', { maxPrice: '0', inStock: false }],
  ])(
    'hold what the other filters leave: %s',
    async (_, filter) => {
      const { minPrice = '0', maxPrice = '1000', inStock } = filter;
      const stock = inStock === undefined ? 'true' : `(stock > 0) = ${inStock}`;
      const condition = `price BETWEEN ${minPrice} AND ${maxPrice} AND ${stock}`;
      for (const search of [undefined, terms('common'), terms('some'), terms('old')])
        for (const order of ORDERS)
          expect({
            search,
            order,
            ids: (await walk({ order, filter: { ...filter, ...(search && { search }) }, limit: 25 }, 100))
              .ids,
          }).toEqual({
            search,
            order,
            ids: await expected(search, order, { filter: condition, count: 100 }),
          });
    },
    60_000,
  );

  it('begin at the first price when a cursor of another list lies before it', async () => {
    for (const [order, filter, price] of [
      ['PRICE_ASC', { minPrice: '300' }, '1'],
      ['PRICE_DESC', { maxPrice: '30' }, '300'],
    ] as const) {
      const query = { order, filter, limit: 20 };
      expect(await selectProductPage(client, { ...query, after: [price, '1'] })).toEqual(
        await selectProductPage(client, { ...query, after: undefined }),
      );
    }
  });

  it('end with a mark where too many products were looked at, and go on from there', async () => {
    const query = {
      order: 'NEWEST',
      filter: { search: SEARCHES['words of the oldest'] },
      limit: 40,
    } as const;
    const { ids, marks } = await walk(query, COUNT);
    expect(ids).toEqual(await expected(terms('old'), 'NEWEST'));
    expect(marks).toEqual([BEFORE]);
  }, 60_000);

  it('are followed by the clients of a connection to the end, short ones and empty ones too', async () => {
    const products = { page: (query: ProductPageQuery) => selectProductPage(client, query) };
    const browse = createBrowse({ products, replica: undefined });
    const by = { viewer: ANONYMOUS, signal: new AbortController().signal };
    const sizes: number[] = [];
    const ids: number[] = [];
    let after: string | null = null;
    do {
      const args: QueryProductsArgs = { first: 100, after, filter: { search: 'aged' }, sort: 'NEWEST' };
      const { edges, pageInfo }: Connection<Product> = await browse(args, by);
      sizes.push(edges.length);
      ids.push(...edges.map(({ node }) => node.id));
      after = pageInfo.hasNextPage ? pageInfo.endCursor : null;
    } while (after !== null);
    expect(ids).toEqual(await expected(terms('aged'), 'NEWEST'));
    expect(sizes.slice(0, -1)).toContain(0);
  }, 60_000);
});
