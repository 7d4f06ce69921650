// What a search finds, page by page, and what PostgreSQL does for it, in a catalogue of 100,000 products.
import { createTestDatabase, type TestDatabase } from '@holdfast/database/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { z } from 'zod';
import {
  type ProductOrder,
  type ProductPageQuery,
  productCursor,
  productPageStatement,
  productSortKey,
  selectProductPage,
} from './product-pages.ts';
import type { SearchTerms } from './product-search.ts';

const COUNT = 100_000;
/**
 * `common` is in every second product, `some` in every 50th, `rare` in every 10,000th; `old` and `new` are in a tenth of
 * the products each, which lie together at the two ends. Every seventh product has left the catalogue.
 */
const FILL = `INSERT INTO products.products (name, description, price, stock, archived_at)
  SELECT 'Thing ' || n % 1000,
         concat_ws(' ', 'made for a test', CASE WHEN n % 2 = 0 THEN 'common' END, CASE WHEN n % 50 = 0 THEN 'some' END,
                   CASE WHEN n % 10000 = 2 THEN 'rare' END, CASE WHEN n <= ${COUNT / 10} THEN 'old words' END,
                   CASE WHEN n > ${COUNT - COUNT / 10} THEN 'new' END),
         n % 997, n % 5, CASE WHEN n % 7 = 0 THEN now() END
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
  await admin.query(FILL);
  await admin.query('VACUUM ANALYZE products.products');
  await admin.end();
}, 120_000);
afterAll(async () => {
  await client?.end();
  await database?.drop();
});

describe('pages of a search', () => {
  /** Ids in order, by the plainest statement there is. */
  async function expected({ words, phrases, excluded }: SearchTerms, order: ProductOrder, filter = 'true') {
    const { rows } = await client.query<{ id: number }>(
      `SELECT id FROM products.products WHERE archived_at IS NULL AND ${filter}
          AND search @@ products.search_query($1, $2, $3) ORDER BY ${SORTED[order]}`,
      [words, phrases, excluded],
    );
    return rows.map(({ id }) => id);
  }

  async function walk(query: Omit<ProductPageQuery, 'after'>, pages: number) {
    const ids: number[] = [];
    let after: string[] | undefined;
    for (let page = 0; page < pages; page += 1) {
      const rows = await selectProductPage(client, { ...query, after });
      ids.push(...rows.map(({ id }) => id));
      const last = rows.at(-1);
      if (!last || rows.length < query.limit) break;
      after = productSortKey(query.order, productCursor(query.order, last));
    }
    return ids;
  }

  it.each(Object.entries(SEARCHES))(
    'hold every hit once, in order: %s',
    async (_, search) => {
      for (const order of ORDERS) {
        const all = await expected(search, order);
        const found = await walk({ order, filter: { search }, limit: 40 }, 12);
        expect(found).toEqual(all.slice(0, 12 * 40));
      }
    },
    60_000,
  );

  it('go on to the end', async () => {
    for (const [search, limit] of [
      [terms('some'), 100],
      [terms('rare'), 3],
    ] as const)
      expect(await walk({ order: 'NAME_ASC', filter: { search }, limit }, 1_000)).toEqual(
        await expected(search, 'NAME_ASC'),
      );
  }, 60_000);

  it('hold what the other filters leave', async () => {
    const filter = { search: terms('common'), minPrice: '990', maxPrice: '995', inStock: false };
    for (const order of ORDERS)
      expect(await walk({ order, filter, limit: 25 }, 100)).toEqual(
        await expected(filter.search, order, 'price BETWEEN 990 AND 995 AND stock = 0'),
      );
  }, 60_000);
});

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string | undefined;
  readonly 'Index Name'?: string | undefined;
  readonly 'Actual Rows'?: number | undefined;
  readonly 'Actual Loops'?: number | undefined;
  readonly Plans?: readonly PlanNode[] | undefined;
}
const planNode: z.ZodType<PlanNode> = z.object({
  'Node Type': z.string(),
  'Relation Name': z.string().optional(),
  'Index Name': z.string().optional(),
  'Actual Rows': z.number().optional(),
  'Actual Loops': z.number().optional(),
  get Plans() {
    return z.array(planNode).optional();
  },
});
const explained = z.tuple([z.object({ 'QUERY PLAN': z.tuple([z.object({ Plan: planNode })]) })]);

const nodesOf = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];

/** The plan for any parameters. (EXPLAIN has GENERIC_PLAN since PostgreSQL 16.) */
async function explainGeneric(text: string, parameters: number): Promise<unknown> {
  await client.query(`SET plan_cache_mode = force_generic_plan; PREPARE page AS ${text}`);
  const { rows } = await client.query(
    `EXPLAIN (FORMAT JSON) EXECUTE page(${Array(parameters).fill('NULL').join(', ')})`,
  );
  await client.query('DEALLOCATE page; RESET plan_cache_mode');
  return rows;
}

/** What PostgreSQL does for the very statement of a page, or would do for any parameters. */
async function planOf(query: ProductPageQuery, how: 'ANALYZE' | 'GENERIC') {
  const { text, values = [] } = productPageStatement(query);
  const rows =
    how === 'ANALYZE'
      ? (await client.query(`EXPLAIN (ANALYZE, FORMAT JSON) ${text}`, values)).rows
      : await explainGeneric(text, values.length);
  return { nodes: nodesOf(explained.parse(rows)[0]['QUERY PLAN'][0].Plan), text: JSON.stringify(rows) };
}

const LIST_INDEXES = ['products_pkey', 'products_live_idx', 'products_price_id_idx', 'products_name_id_idx'];

/** How many products a plan has met, by how it met them. */
function metBy(nodes: readonly PlanNode[]) {
  const met = (fits: (node: PlanNode) => boolean) =>
    nodes
      .filter(fits)
      .reduce((sum, node) => sum + (node['Actual Rows'] ?? 0) * (node['Actual Loops'] ?? 0), 0);
  return {
    list: met(
      (node) =>
        /^Index( Only)? Scan/.test(node['Node Type']) && LIST_INDEXES.includes(node['Index Name'] ?? ''),
    ),
    words: met((node) => node['Index Name'] === 'products_search_idx'),
  };
}

const FILTERS = [
  {},
  { minPrice: '10', maxPrice: '900' },
  { maxPrice: '-1' },
  { inStock: false },
] satisfies ProductPageQuery['filter'][];

describe('for a search PostgreSQL', () => {
  it('never reads the whole table and never computes the words of a product, whatever is asked for', async () => {
    const [middle] = await selectProductPage(client, {
      order: 'NEWEST',
      after: undefined,
      filter: {},
      limit: 1,
    });
    if (!middle) throw new Error('the table is empty');
    for (const order of ORDERS)
      for (const filter of FILTERS)
        for (const after of [undefined, productSortKey(order, productCursor(order, middle))])
          for (const search of Object.values(SEARCHES)) {
            const query = { order, after, filter: { ...filter, search }, limit: 21 };
            for (const how of ['ANALYZE', 'GENERIC'] as const) {
              const { nodes, text } = await planOf(query, how);
              const whole = nodes.filter((node) => node['Node Type'].includes('Seq Scan'));
              expect({ order, filter, search, how, whole }).toMatchObject({ whole: [] });
              expect(text).not.toMatch(/to_tsvector|search_vector|search_words/);
            }
          }
  }, 120_000);

  const first = (search: SearchTerms, order: ProductOrder, limit = 21): ProductPageQuery => ({
    order,
    after: undefined,
    filter: { search },
    limit,
  });

  it('meets a common word on the list, and looks up none', async () => {
    for (const order of ORDERS)
      for (const name of ['common', 'the beginning of a word']) {
        const { nodes } = await planOf(first(SEARCHES[name] ?? terms(), order), 'ANALYZE');
        const { list, words } = metBy(nodes);
        expect({ order, name, words, near: list < 200 }).toEqual({ order, name, words: 0, near: true });
      }
  });

  it('looks up a rare or absent word in its index, and goes a bounded stretch along the list', async () => {
    for (const order of ORDERS)
      for (const name of ['rare', 'absent', 'a phrase of the oldest', 'words that no product has together']) {
        if (order === 'OLDEST' && name.includes('oldest')) continue;
        const { nodes } = await planOf(first(SEARCHES[name] ?? terms(), order), 'ANALYZE');
        const { list } = metBy(nodes);
        expect({ order, name, bounded: list <= 500 + 21 }).toEqual({ order, name, bounded: true });
      }
  });
});
