// Keyset pages of the catalog, with an index for each order. Each shape of query (order, with or without a cursor, set of filters)
// has its own prepared statement, and so its own plan.
import { createHash } from 'node:crypto';
import { keysOf } from '@holdfast/platform/graphql/fields';
import { decodeCursor, encodeCursor } from '@holdfast/platform/graphql/pages';
import type { Queryable } from '@holdfast/platform/postgres/database';
import {
  arrayOf,
  bigint,
  boolean,
  integer,
  notNull,
  numeric,
  statement,
  text,
} from '@holdfast/platform/postgres/sql';
import type { ProductFilter as FilterInput, ProductSort } from '../generated/graphql.ts';
import { PRODUCT, PRODUCT_COLUMNS, type Product } from './product-row.ts';
import { type Bounds, LONGEST, type SearchTerms, searchText } from './product-search.ts';

export type ProductOrder = ProductSort;

/** The conditions of a list: the input, with the search parsed. */
export type ProductFilter = {
  readonly [Name in keyof FilterInput]?:
    | (Name extends 'search' ? SearchTerms : NonNullable<FilterInput[Name]>)
    | undefined;
};

export interface ProductPageQuery {
  readonly order: ProductOrder;
  /** The page begins after this sort key. */
  readonly after: readonly string[] | undefined;
  readonly filter: ProductFilter;
  readonly limit: number;
}

/** The columns that lists are sorted by, each with the parameter for the value in the cursor. */
const SORT_COLUMNS = { id: '$afterId::int', price: '$afterPrice::numeric', name: '$afterName::text' };
type SortColumn = keyof typeof SORT_COLUMNS;

interface Order {
  readonly columns: readonly SortColumn[];
  readonly direction: 'ASC' | 'DESC';
}

/**
 * The order of ids is nearly the order of age: an id is taken before its insert commits, so a product with a smaller id may become
 * visible after one with a larger id.
 */
const ORDERS: Record<ProductOrder, Order> = {
  NEWEST: { columns: ['id'], direction: 'DESC' },
  OLDEST: { columns: ['id'], direction: 'ASC' },
  PRICE_ASC: { columns: ['price', 'id'], direction: 'ASC' },
  PRICE_DESC: { columns: ['price', 'id'], direction: 'DESC' },
  NAME_ASC: { columns: ['name', 'id'], direction: 'ASC' },
};

/** Each filter as an SQL condition; for `search`, SQL of a tsquery. */
const FILTERS = {
  search: 'products.search_query($words::text[], $phrases::text[], $excluded::text[])',
  minPrice: 'price >= $minPrice::numeric',
  maxPrice: 'price <= $maxPrice::numeric',
  inStock: 'in_stock = $inStock::boolean',
} satisfies Record<keyof ProductFilter, string>;
type FilterName = keyof typeof FILTERS;
const FILTER_NAMES = keysOf(FILTERS);

/** The list that a cursor belongs to. `natural` refuses cursors of an earlier release, which sorted names in another order. */
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

/** Everything on which the text of a statement depends. */
interface Shape {
  readonly order: ProductOrder;
  readonly isFirst: boolean;
  /** In the order of FILTER_NAMES. */
  readonly filters: readonly FilterName[];
}

const statementName = ({ order, isFirst, filters }: Shape): string =>
  ['products_page', order, isFirst ? 'first' : 'after', ...filters].join('_');

const row = (members: readonly string[]): string => `(${members.join(', ')})`;

/** The sort columns. With `inStock`, the products in stock and those out of stock are two separate lists. */
const columnsOf = ({ order, filters }: Shape): string[] =>
  filters.includes('inStock') ? ['in_stock', ...ORDERS[order].columns] : [...ORDERS[order].columns];

const orderBy =
  (shape: Shape) =>
  (table?: string): string =>
    columnsOf(shape)
      .map((column) => `${table ? `${table}.` : ''}${column} ${ORDERS[shape.order].direction}`)
      .join(', ');

/** In a list by price, a price range is a range of the list; in other lists it is a filter. */
const isByPrice = (order: ProductOrder): boolean => ORDERS[order].columns[0] === 'price';

/** The key in a cursor. A key before the list's first price is moved to that price, because the scan up to it would be long. */
function keyAfter({ order, filters }: Shape): string[] {
  const { columns, direction } = ORDERS[order];
  const isUp = direction === 'ASC';
  if (!isByPrice(order) || !filters.includes(isUp ? 'minPrice' : 'maxPrice'))
    return columns.map((column) => SORT_COLUMNS[column]);
  const [price, first, id] = isUp ? ['$minPrice', 'greatest', '0'] : ['$maxPrice', 'least', '2147483648'];
  const isBefore = `$afterPrice::numeric ${isUp ? '<' : '>'} ${price}::numeric`;
  return [
    `${first}($afterPrice::numeric, ${price}::numeric)`,
    `CASE WHEN ${isBefore} THEN ${id} ELSE $afterId::int END`,
  ];
}

/**
 * The beginning and the end of a list, each as one comparison of rows. PostgreSQL can read such a range in its order only by an
 * index scan. (With the condition `in_stock = $inStock` it could instead scan the list of all products and drop most of them.)
 */
function rangeOf(shape: Shape): string[] {
  const { order, isFirst, filters } = shape;
  const isUp = ORDERS[order].direction === 'ASC';
  const [ahead, back] = isUp ? ['>', '<'] : ['<', '>'];
  const stock = filters.includes('inStock')
    ? { columns: ['in_stock'], key: ['$inStock::boolean'] }
    : NO_COLUMNS;
  const bound = (operator: string, name: 'minPrice' | 'maxPrice'): string[] => {
    const price =
      isByPrice(order) && filters.includes(name)
        ? { columns: ['price'], key: [`$${name}::numeric`] }
        : NO_COLUMNS;
    const columns = [...stock.columns, ...price.columns];
    return columns.length === 0 ? [] : [`${row(columns)} ${operator} ${row([...stock.key, ...price.key])}`];
  };
  const start = isFirst
    ? bound(`${ahead}=`, isUp ? 'minPrice' : 'maxPrice')
    : [`${row(columnsOf(shape))} ${ahead} ${row([...stock.key, ...keyAfter(shape)])}`];
  return [...start, ...bound(`${back}=`, isUp ? 'maxPrice' : 'minPrice')];
}
const NO_COLUMNS = { columns: [], key: [] };

/** A price range as a filter, and as the range of the list by price. */
function boundsOf({ order, filters }: Shape): Bounds | undefined {
  const names = filters.filter((name) => name === 'minPrice' || name === 'maxPrice');
  if (names.length === 0 || isByPrice(order)) return undefined;
  const byPrice: Shape = { order: 'PRICE_ASC', isFirst: true, filters };
  return {
    filters: names.map((name) => FILTERS[name]),
    range: rangeOf(byPrice),
    orderBy: orderBy(byPrice)(),
  };
}

function textOf(shape: Shape): string {
  const range = rangeOf(shape);
  const bounds = boundsOf(shape);
  const query = shape.filters.includes('search') ? FILTERS.search : undefined;
  if (query !== undefined || bounds !== undefined)
    return searchText({ columns: PRODUCT_COLUMNS, query, bounds, range, orderBy: orderBy(shape) });
  return `SELECT ${PRODUCT_COLUMNS}, false AS "isMark" FROM (
            SELECT * FROM products.products WHERE ${['archived_at IS NULL', ...range].join(' AND ')}
             ORDER BY ${orderBy(shape)()} LIMIT ${LONGEST}
          ) AS products ORDER BY ${orderBy(shape)()} LIMIT $limit`;
}

const declarePage = (shape: Shape) =>
  statement({
    name: statementName(shape),
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
    row: { ...PRODUCT, isMark: notNull(boolean, 'each part of the statement has a constant') },
  });

const SUBSETS = Array.from({ length: 2 ** FILTER_NAMES.length }, (_, bits) =>
  FILTER_NAMES.filter((_name, index) => (bits >> index) % 2 === 1),
);
const SHAPES: readonly Shape[] = keysOf(ORDERS).flatMap((order) =>
  [true, false].flatMap((isFirst) => SUBSETS.map((filters) => ({ order, isFirst, filters }))),
);
const PAGES = new Map(SHAPES.map((shape) => [statementName(shape), declarePage(shape)]));

function pageOf({ order, after, filter }: ProductPageQuery): ReturnType<typeof declarePage> {
  const filters = FILTER_NAMES.filter((name) => filter[name] !== undefined);
  const name = statementName({ order, isFirst: after === undefined, filters });
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

/** The same short key for the same query. It is a hash, because the text of a search may be long. */
export function pageKey({ order, after, filter, limit }: ProductPageQuery): string {
  const parts = [order, after ?? null, FILTER_NAMES.map((name) => filter[name] ?? null), limit];
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
}
