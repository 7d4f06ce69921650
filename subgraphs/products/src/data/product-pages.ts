// Pages of the catalogue: keyset pagination over an index for every order, one prepared statement for each shape of
// question (order, whether it goes on after a cursor, which filters), so that each has a plan of its own.
import { createHash } from 'node:crypto';
import type { Queryable } from '@holdfast/platform/database';
import { keysOf } from '@holdfast/platform/fields';
import { decodeCursor, encodeCursor } from '@holdfast/platform/pages';
import { arrayOf, bigint, boolean, integer, numeric, statement, text } from '@holdfast/platform/sql';
import type pg from 'pg';
import type { ProductFilter as FilterInput, ProductSort } from '../generated/graphql.ts';
import { PRODUCT, PRODUCT_COLUMNS, type Product } from './product-row.ts';
import { type SearchTerms, searchText } from './product-search.ts';

export type ProductOrder = ProductSort;

/** What the products of a list have in common: the input, with the search taken apart. */
export type ProductFilter = {
  readonly [Name in keyof FilterInput]?:
    | (Name extends 'search' ? SearchTerms : NonNullable<FilterInput[Name]>)
    | undefined;
};

export interface ProductPageQuery {
  readonly order: ProductOrder;
  /** The sort key after which the page begins. */
  readonly after: readonly string[] | undefined;
  readonly filter: ProductFilter;
  readonly limit: number;
}

/** The columns that lists are sorted by, each with the parameter that it is compared with after a cursor. */
const SORT_COLUMNS = { id: '$afterId::int', price: '$afterPrice::numeric', name: '$afterName::text' };
type SortColumn = keyof typeof SORT_COLUMNS;

interface Order {
  readonly columns: readonly SortColumn[];
  readonly direction: 'ASC' | 'DESC';
}

/**
 * The order of ids is the order of age, nearly: ids are given before the insert commits, so a product with a smaller id may
 * appear after one with a larger id.
 */
const ORDERS: Record<ProductOrder, Order> = {
  NEWEST: { columns: ['id'], direction: 'DESC' },
  OLDEST: { columns: ['id'], direction: 'ASC' },
  PRICE_ASC: { columns: ['price', 'id'], direction: 'ASC' },
  PRICE_DESC: { columns: ['price', 'id'], direction: 'DESC' },
  NAME_ASC: { columns: ['name', 'id'], direction: 'ASC' },
};

/** What each filter demands, in SQL; of the search it is a tsquery. */
const FILTERS = {
  search: 'products.search_query($words::text[], $phrases::text[], $excluded::text[])',
  minPrice: 'price >= $minPrice::numeric',
  maxPrice: 'price <= $maxPrice::numeric',
  inStock: '(stock > 0) = $inStock::boolean',
} satisfies Record<keyof ProductFilter, string>;
type FilterName = keyof typeof FILTERS;
const FILTER_NAMES = keysOf(FILTERS);

/** The list that a cursor belongs to. Names had another order before `natural`, in which a cursor stood elsewhere. */
const listOf = (order: ProductOrder): string =>
  order === 'NAME_ASC' ? 'products:NAME_ASC:natural' : `products:${order}`;

export const productCursor = (order: ProductOrder, product: Product): string =>
  encodeCursor(
    listOf(order),
    ORDERS[order].columns.map((column) => String(product[column])),
  );

/** @throws {AppError} BAD_USER_INPUT when the cursor is not one of this list in this order */
export const productSortKey = (order: ProductOrder, cursor: string): string[] =>
  decodeCursor(listOf(order), ORDERS[order].columns.length, cursor);

/** What decides about the text of a statement. */
interface Shape {
  readonly order: ProductOrder;
  readonly isFirst: boolean;
  /** In the order of FILTER_NAMES. */
  readonly filters: readonly FilterName[];
}

const nameOf = ({ order, isFirst, filters }: Shape): string =>
  ['products_page', order, isFirst ? 'first' : 'after', ...filters].join('_');

function textOf({ order, isFirst, filters }: Shape): string {
  const { columns, direction } = ORDERS[order];
  const orderBy = (table?: string) =>
    columns.map((column) => `${table ? `${table}.` : ''}${column} ${direction}`).join(', ');
  const place = ['archived_at IS NULL'];
  if (!isFirst) {
    const key = columns.map((column) => SORT_COLUMNS[column]);
    place.push(`(${columns.join(', ')}) ${direction === 'ASC' ? '>' : '<'} (${key.join(', ')})`);
  }
  // Bounds of the price are a place on the list by price, and elsewhere a filter.
  const isPlace = (name: FilterName): boolean => columns[0] === 'price' && /Price$/.test(name);
  place.push(...filters.filter(isPlace).map((name) => FILTERS[name]));
  const rest = filters.filter((name) => name !== 'search' && !isPlace(name)).map((name) => FILTERS[name]);
  if (filters.includes('search'))
    return searchText({ columns: PRODUCT_COLUMNS, query: FILTERS.search, place, filters: rest, orderBy });
  return `SELECT ${PRODUCT_COLUMNS} FROM products.products
           WHERE ${[...place, ...rest].join(' AND ')} ORDER BY ${orderBy()} LIMIT $limit`;
}

const declarePage = (shape: Shape) =>
  statement({
    name: nameOf(shape),
    text: textOf(shape),
    parameters: { limit: bigint },
    optional: {
      afterId: integer,
      afterPrice: numeric,
      afterName: text,
      words: arrayOf(text),
      phrases: arrayOf(text),
      excluded: arrayOf(text),
      minPrice: numeric,
      maxPrice: numeric,
      inStock: boolean,
    },
    row: PRODUCT,
  });

const SUBSETS = Array.from({ length: 2 ** FILTER_NAMES.length }, (_, bits) =>
  FILTER_NAMES.filter((_name, index) => (bits >> index) % 2 === 1),
);
const SHAPES: readonly Shape[] = keysOf(ORDERS).flatMap((order) =>
  [true, false].flatMap((isFirst) => SUBSETS.map((filters) => ({ order, isFirst, filters }))),
);
const PAGES = new Map(SHAPES.map((shape) => [nameOf(shape), declarePage(shape)]));

function pageOf({ order, after, filter }: ProductPageQuery): ReturnType<typeof declarePage> {
  const filters = FILTER_NAMES.filter((name) => filter[name] !== undefined);
  const name = nameOf({ order, isFirst: after === undefined, filters });
  const page = PAGES.get(name);
  if (page === undefined) throw new Error(`there is no statement ${name}`);
  return page;
}

function argumentsOf({ order, after, filter, limit }: ProductPageQuery) {
  const { search, minPrice, maxPrice, inStock } = filter;
  const keyOf = (column: SortColumn) => after?.[ORDERS[order].columns.indexOf(column)];
  const id = keyOf('id');
  return {
    limit,
    afterId: id === undefined ? undefined : Number(id),
    afterPrice: keyOf('price'),
    afterName: keyOf('name'),
    words: search?.words,
    phrases: search?.phrases,
    excluded: search?.excluded,
    minPrice,
    maxPrice,
    inStock,
  };
}

/** At most `limit` products in their order. */
export const selectProductPage = (db: Queryable, query: ProductPageQuery): Promise<Product[]> =>
  pageOf(query)(db, argumentsOf(query));

/** The statement that reads a page, for EXPLAIN. */
export const productPageStatement = (query: ProductPageQuery): pg.QueryConfig =>
  pageOf(query).queryOf(argumentsOf(query));

/** The same for the same question, and short: what a client searches for may be long. */
export function pageKey({ order, after, filter, limit }: ProductPageQuery): string {
  const question = [order, after ?? null, FILTER_NAMES.map((name) => filter[name] ?? null), limit];
  return createHash('sha256').update(JSON.stringify(question)).digest('base64url');
}
