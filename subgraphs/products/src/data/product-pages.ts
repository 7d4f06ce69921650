// Pages of the catalogue: keyset pagination over an index for every order, one prepared statement for each shape of
// question (order, whether it goes on after a cursor, which filters), so that each has a plan of its own.
import { createHash } from 'node:crypto';
import { decodeCursor, encodeCursor } from '@holdfast/platform/pages';
import type pg from 'pg';
import { PRODUCT_COLUMNS, type Product } from './products.js';

export type ProductOrder = 'NEWEST' | 'OLDEST' | 'PRICE_ASC' | 'PRICE_DESC' | 'NAME_ASC';

export interface ProductFilter {
  readonly search?: string | undefined;
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

/** Ids are UUIDv7: their order is the order of age. */
const ORDERS: Record<
  ProductOrder,
  { columns: string[]; types: string[]; direction: 'ASC' | 'DESC'; keyOf: (p: Product) => string[] }
> = {
  NEWEST: { columns: ['id'], types: ['uuid'], direction: 'DESC', keyOf: (p) => [p.id] },
  OLDEST: { columns: ['id'], types: ['uuid'], direction: 'ASC', keyOf: (p) => [p.id] },
  PRICE_ASC: {
    columns: ['price', 'id'],
    types: ['numeric', 'uuid'],
    direction: 'ASC',
    keyOf: (p) => [p.price, p.id],
  },
  PRICE_DESC: {
    columns: ['price', 'id'],
    types: ['numeric', 'uuid'],
    direction: 'DESC',
    keyOf: (p) => [p.price, p.id],
  },
  NAME_ASC: {
    columns: ['name', 'id'],
    types: ['text', 'uuid'],
    direction: 'ASC',
    keyOf: (p) => [p.name, p.id],
  },
};

const FILTERS: Record<keyof ProductFilter, (parameter: string) => string> = {
  search: (p) =>
    `to_tsvector('simple', name || ' ' || coalesce(description, '')) @@ websearch_to_tsquery('simple', ${p})`,
  minPrice: (p) => `price >= ${p}::numeric`,
  maxPrice: (p) => `price <= ${p}::numeric`,
  inStock: (p) => `(stock > 0) = ${p}::boolean`,
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

function statementOf({ order, after, filter, limit }: ProductPageQuery): pg.QueryConfig {
  const { columns, types, direction } = ORDERS[order];
  const values: unknown[] = [limit];
  const parameter = (value: unknown): string => `$${values.push(value)}`;
  const where = ['archived_at IS NULL'];
  if (after) {
    const key = after.map((part, index) => `${parameter(part)}::${types[index]}`);
    where.push(`(${columns.join(', ')}) ${direction === 'ASC' ? '>' : '<'} (${key.join(', ')})`);
  }
  const filters = FILTER_NAMES.filter((name) => filter[name] !== undefined);
  for (const name of filters) where.push(FILTERS[name](parameter(filter[name])));
  return {
    name: ['products_page', order, after ? 'after' : 'first', ...filters].join('_'),
    text: `SELECT ${PRODUCT_COLUMNS} FROM products.products WHERE ${where.join(' AND ')}
           ORDER BY ${columns.map((column) => `${column} ${direction}`).join(', ')} LIMIT $1`,
    values,
  };
}

/** At most `limit` products in their order. */
export async function selectProductPage(pool: pg.Pool, query: ProductPageQuery): Promise<Product[]> {
  return (await pool.query<Product>(statementOf(query))).rows;
}

/** The same for the same question, and short: what a client searches for may be long. */
export function pageKey({ order, after, filter, limit }: ProductPageQuery): string {
  const question = [order, after ?? null, FILTER_NAMES.map((name) => filter[name] ?? null), limit];
  return createHash('sha256').update(JSON.stringify(question)).digest('base64url');
}
