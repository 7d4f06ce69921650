// Pages of the catalogue: keyset pagination over an index for every order, one prepared statement for each shape of
// question (order, whether it goes on after a cursor, which filters), so that each has a plan of its own.
import { createHash } from 'node:crypto';
import type { Queryable } from '@holdfast/platform/database';
import { decodeCursor, encodeCursor } from '@holdfast/platform/pages';
import type pg from 'pg';
import { type SearchTerms, searchStatement } from './product-search.ts';
import { PRODUCT_COLUMNS, type Product } from './products.ts';

export type ProductOrder = 'NEWEST' | 'OLDEST' | 'PRICE_ASC' | 'PRICE_DESC' | 'NAME_ASC';

export interface ProductFilter {
  readonly search?: SearchTerms | undefined;
  readonly minPrice?: string | undefined;
  readonly maxPrice?: string | undefined;
  readonly inStock?: boolean | undefined;
}

export interface ProductPageQuery {
  readonly order: ProductOrder;
  /** The sort key after which the page begins. */
  readonly after: readonly string[] | undefined;
  readonly filter: ProductFilter;
  readonly limit: number;
}

/**
 * The order of ids is the order of age, nearly: ids are given before the insert commits, so a product with a smaller id may
 * appear after one with a larger id.
 */
const ORDERS: Record<
  ProductOrder,
  { columns: string[]; types: string[]; direction: 'ASC' | 'DESC'; keyOf: (p: Product) => string[] }
> = {
  NEWEST: { columns: ['id'], types: ['int'], direction: 'DESC', keyOf: (p) => [String(p.id)] },
  OLDEST: { columns: ['id'], types: ['int'], direction: 'ASC', keyOf: (p) => [String(p.id)] },
  PRICE_ASC: {
    columns: ['price', 'id'],
    types: ['numeric', 'int'],
    direction: 'ASC',
    keyOf: (p) => [p.price, String(p.id)],
  },
  PRICE_DESC: {
    columns: ['price', 'id'],
    types: ['numeric', 'int'],
    direction: 'DESC',
    keyOf: (p) => [p.price, String(p.id)],
  },
  NAME_ASC: {
    columns: ['name', 'id'],
    types: ['text', 'int'],
    direction: 'ASC',
    keyOf: (p) => [p.name, String(p.id)],
  },
};

const FILTER_NAMES = ['search', 'minPrice', 'maxPrice', 'inStock'] as const satisfies (keyof ProductFilter)[];

/** The list that a cursor belongs to. Names had another order before `natural`, in which a cursor stood elsewhere. */
const listOf = (order: ProductOrder): string =>
  order === 'NAME_ASC' ? 'products:NAME_ASC:natural' : `products:${order}`;

export const productCursor = (order: ProductOrder, product: Product): string =>
  encodeCursor(listOf(order), ORDERS[order].keyOf(product));

/** @throws {AppError} BAD_USER_INPUT when the cursor is not one of this list in this order */
export const productSortKey = (order: ProductOrder, cursor: string): string[] =>
  decodeCursor(listOf(order), ORDERS[order].columns.length, cursor);

type Parameter = (value: unknown) => string;

function boundsOf({ minPrice, maxPrice }: ProductFilter, parameter: Parameter): string[] {
  const bounds: string[] = [];
  if (minPrice !== undefined) bounds.push(`price >= ${parameter(minPrice)}::numeric`);
  if (maxPrice !== undefined) bounds.push(`price <= ${parameter(maxPrice)}::numeric`);
  return bounds;
}

const queryOf = ({ words, phrases, excluded }: SearchTerms, parameter: Parameter): string =>
  `products.search_query(${[words, phrases, excluded].map((terms) => `${parameter(terms)}::text[]`).join(', ')})`;

/** The statement that reads a page. */
export function productPageStatement({ order, after, filter, limit }: ProductPageQuery): pg.QueryConfig {
  const { columns, types, direction } = ORDERS[order];
  const values: unknown[] = [limit];
  const parameter: Parameter = (value) => `$${values.push(value)}`;
  const orderBy = (table?: string) =>
    columns.map((column) => `${table ? `${table}.` : ''}${column} ${direction}`).join(', ');
  const place = ['archived_at IS NULL'];
  const filters: string[] = [];
  if (after) {
    const key = after.map((part, index) => `${parameter(part)}::${types[index]}`);
    place.push(`(${columns.join(', ')}) ${direction === 'ASC' ? '>' : '<'} (${key.join(', ')})`);
  }
  // Bounds of the price are a place on the list by price, and elsewhere a filter.
  (columns[0] === 'price' ? place : filters).push(...boundsOf(filter, parameter));
  if (filter.inStock !== undefined) filters.push(`(stock > 0) = ${parameter(filter.inStock)}::boolean`);
  const text =
    filter.search === undefined
      ? `SELECT ${PRODUCT_COLUMNS} FROM products.products
          WHERE ${[...place, ...filters].join(' AND ')} ORDER BY ${orderBy()} LIMIT $1`
      : searchStatement({
          columns: PRODUCT_COLUMNS,
          query: queryOf(filter.search, parameter),
          place,
          filters,
          orderBy,
        });
  const filtered = FILTER_NAMES.filter((name) => filter[name] !== undefined);
  return { name: ['products_page', order, after ? 'after' : 'first', ...filtered].join('_'), text, values };
}

/** At most `limit` products in their order. */
export async function selectProductPage(db: Queryable, query: ProductPageQuery): Promise<Product[]> {
  return (await db.query<Product>(productPageStatement(query))).rows;
}

/** The same for the same question, and short: what a client searches for may be long. */
export function pageKey({ order, after, filter, limit }: ProductPageQuery): string {
  const question = [order, after ?? null, FILTER_NAMES.map((name) => filter[name] ?? null), limit];
  return createHash('sha256').update(JSON.stringify(question)).digest('base64url');
}
