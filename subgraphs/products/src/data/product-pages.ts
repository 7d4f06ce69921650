// Pages of the catalog: keyset pagination over an index for every order, one prepared statement for each shape of
// question (order, whether it goes on after a cursor, which filters), so that each has a plan of its own.
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
  inStock: 'in_stock = $inStock::boolean',
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

const row = (members: readonly string[]): string => `(${members.join(', ')})`;

/** What a list is sorted by. What is in stock, or is not, is a list of its own. */
const columnsOf = ({ order, filters }: Shape): string[] =>
  filters.includes('inStock') ? ['in_stock', ...ORDERS[order].columns] : [...ORDERS[order].columns];

const orderBy =
  (shape: Shape) =>
  (table?: string): string =>
    columnsOf(shape)
      .map((column) => `${table ? `${table}.` : ''}${column} ${ORDERS[shape.order].direction}`)
      .join(', ');

/** Bounds of the price are a place on the list by price, and elsewhere a filter. */
const isByPrice = (order: ProductOrder): boolean => ORDERS[order].columns[0] === 'price';

/** The key of a cursor. One that lies before the list's first price is moved there, or the walk to it would be long. */
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
 * Where a list begins and ends, each by one comparison of rows. An index is walked from the one to the other, and PostgreSQL
 * has no other way to the order. (With `in_stock = $inStock` it may as well walk the list of all products and drop most.)
 */
function placeOf(shape: Shape): string[] {
  const { order, isFirst, filters } = shape;
  const isUp = ORDERS[order].direction === 'ASC';
  const [ahead, back] = isUp ? ['>', '<'] : ['<', '>'];
  const stock = filters.includes('inStock') ? { columns: ['in_stock'], key: ['$inStock::boolean'] } : NOTHING;
  const bound = (operator: string, name: 'minPrice' | 'maxPrice'): string[] => {
    const price =
      isByPrice(order) && filters.includes(name)
        ? { columns: ['price'], key: [`$${name}::numeric`] }
        : NOTHING;
    const columns = [...stock.columns, ...price.columns];
    return columns.length === 0 ? [] : [`${row(columns)} ${operator} ${row([...stock.key, ...price.key])}`];
  };
  const start = isFirst
    ? bound(`${ahead}=`, isUp ? 'minPrice' : 'maxPrice')
    : [`${row(columnsOf(shape))} ${ahead} ${row([...stock.key, ...keyAfter(shape)])}`];
  return [...start, ...bound(`${back}=`, isUp ? 'maxPrice' : 'minPrice')];
}
const NOTHING = { columns: [], key: [] };

/** Bounds of the price as a filter, and as the place where the products are on the list by price. */
function boundsOf({ order, filters }: Shape): Bounds | undefined {
  const names = filters.filter((name) => name === 'minPrice' || name === 'maxPrice');
  if (names.length === 0 || isByPrice(order)) return undefined;
  const byPrice: Shape = { order: 'PRICE_ASC', isFirst: true, filters };
  return {
    filters: names.map((name) => FILTERS[name]),
    place: placeOf(byPrice),
    orderBy: orderBy(byPrice)(),
  };
}

function textOf(shape: Shape): string {
  const place = placeOf(shape);
  const bounds = boundsOf(shape);
  const query = shape.filters.includes('search') ? FILTERS.search : undefined;
  if (query !== undefined || bounds !== undefined)
    return searchText({ columns: PRODUCT_COLUMNS, query, bounds, place, orderBy: orderBy(shape) });
  return `SELECT ${PRODUCT_COLUMNS}, false AS "isMark" FROM (
            SELECT * FROM products.products WHERE ${['archived_at IS NULL', ...place].join(' AND ')}
             ORDER BY ${orderBy(shape)()} LIMIT ${LONGEST}
          ) AS products ORDER BY ${orderBy(shape)()} LIMIT $limit`;
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
    row: { ...PRODUCT, isMark: notNull(boolean, 'it is a constant of each part') },
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

/** The same for the same question, and short: what a client searches for may be long. */
export function pageKey({ order, after, filter, limit }: ProductPageQuery): string {
  const question = [order, after ?? null, FILTER_NAMES.map((name) => filter[name] ?? null), limit];
  return createHash('sha256').update(JSON.stringify(question)).digest('base64url');
}
