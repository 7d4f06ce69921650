// The SQL of a page of a list with a search or a price range. This module chooses the plan and not PostgreSQL, because PostgreSQL
// cannot know how many products match: it assumes 0.5 % for any word, and then scans the whole list for a word that no product has.
//
// If many products match, some of them are near, so the statement first reads the next 500 products of the list. If these do not
// fill the page, it reads up to 2,000 products from an index of the filter. If the index has no more, the statement sorts them. If
// the index has more, the statement continues along the list, up to 10,000 products: if the page is then still shorter than the
// limit, it ends with a mark, after which the next page continues. So no search reads more products than these bounds allow. The
// words of a product are read from the column `search` and never computed.

import { MAX_PAGE } from '@holdfast/platform/graphql/pages';

/** A product matches if it has all words and phrases and no excluded term. There is at least one word or phrase. */
export interface SearchTerms {
  readonly words: readonly string[];
  readonly phrases: readonly string[];
  readonly excluded: readonly string[];
}

/** How many products of the list are read before an index. */
export const NEAR = 500;
/** The index of a filter is read if fewer than COMMON of the next SAMPLE products of the list match the filter. */
export const SAMPLE = 200;
const COMMON = 10;
/** How many products of an index are sorted at most. */
export const FEW = 2_000;
/** How many products of the list are read when an index has more than FEW. */
export const FAR = 10_000;
/** One more than the longest page. It is a constant in the SQL, so that PostgreSQL plans for few rows. */
export const LONGEST = MAX_PAGE + 1;

/** A price range: as conditions, and as a range of the list by price. */
export interface Bounds {
  readonly filters: readonly string[];
  readonly range: readonly string[];
  readonly orderBy: string;
}

export interface SearchParts {
  /** The columns of the result, each with the name of its table. */
  readonly columns: string;
  /** SQL of a tsquery for the index on words. */
  readonly query: string | undefined;
  readonly bounds: Bounds | undefined;
  /** The range of the list, as conditions on the columns of its index. */
  readonly range: readonly string[];
  readonly orderBy: (table?: string) => string;
}

const LISTED = 'id, name, price, in_stock, search';
const MATCHES = 'search @@ (SELECT terms FROM query)';
const and = (conditions: readonly string[]): string => conditions.join(' AND ');
const countOf = (cte: string): string => `(SELECT count(*) FROM ${cte})`;

/** The products that the index of a filter finds. */
interface Source {
  readonly cte: string;
  /** SQL that selects the rows, at most FEW + 1. */
  readonly select: string;
  /** SQL of type boolean: whether to read the index, because few products of the sample match. */
  readonly isAsked: string;
}

const fromPrices = ({ filters, range, orderBy }: Bounds): Source => ({
  cte: 'priced',
  select: `SELECT ${LISTED} FROM products.products
     WHERE (SELECT is_asked FROM ask_priced) AND ${and(['archived_at IS NULL', ...range])}
     ORDER BY ${orderBy} LIMIT ${FEW + 1}`,
  isAsked: `(SELECT count(*) FROM sample WHERE ${and(filters)}) < ${COMMON}`,
});

/** The terms that few products of the sample have. */
const rareOf = (terms: '$words' | '$phrases', query: string): string =>
  `ARRAY(SELECT term FROM (SELECT term, ${query} AS terms FROM unnest(${terms}::text[]) AS term OFFSET 0) AS each
          WHERE (SELECT count(*) FROM sample WHERE search @@ each.terms) < ${COMMON})`;

/**
 * A GIN index reads all its entries of a word, and of all words with that beginning, before it returns the first product. So it is
 * read for rare words only. The other conditions apply to its result and are not part of this SELECT, because with them the LIMIT
 * would read more products.
 */
const FROM_WORDS: Source = {
  cte: 'hits',
  select: `SELECT ${LISTED} FROM products.products
     WHERE (SELECT is_asked FROM ask_hits) AND archived_at IS NULL AND search @@ (SELECT terms FROM rare) LIMIT ${FEW + 1}`,
  isAsked: '(SELECT terms FROM rare) IS NOT NULL',
};
const RARE = `rare AS MATERIALIZED (
      SELECT products.search_query(
        ${rareOf('$words', "products.search_query(ARRAY[term], '{}', '{}')")},
        ${rareOf('$phrases', "products.search_query('{}', ARRAY[term], '{}')")}, '{}') AS terms
       WHERE EXISTS (SELECT FROM sample)
    ),`;

/** The text of the statement, with the parameter `$limit`. The column `isMark` is true for the mark. */
export function searchText({ columns, query, bounds, range, orderBy }: SearchParts): string {
  const filters = [...(query === undefined ? [] : [MATCHES]), ...(bounds?.filters ?? [])];
  const stretch = (count: number, when = 'true'): string =>
    `(SELECT ${LISTED} FROM products.products WHERE ${and([when, 'archived_at IS NULL', ...range])}
       ORDER BY ${orderBy()} LIMIT ${count}) AS stretch`;
  const walk = (count: number, when?: string): string =>
    `SELECT id, name, price, in_stock FROM ${stretch(count, when)} WHERE ${and(filters)} ORDER BY ${orderBy()} LIMIT $limit`;

  const sources = [...(bounds ? [fromPrices(bounds)] : []), ...(query === undefined ? [] : [FROM_WORDS])];
  const hasAll = ({ cte }: Source): string =>
    `(SELECT is_asked FROM ask_${cte}) AND ${countOf(cte)} <= ${FEW}`;
  /** SQL of type boolean: whether the page is still incomplete after the first `count` sources were read. */
  const isShort = (count: number): string =>
    and([
      `${countOf('near')} < $limit`,
      ...sources.slice(0, count).map((source) => `NOT (${hasAll(source)})`),
    ]);
  const asked = sources.map(
    ({ cte, select, isAsked }, index) =>
      `ask_${cte} AS MATERIALIZED (SELECT ${isShort(index)} AND ${isAsked} AS is_asked),
    ${cte} AS MATERIALIZED (${select}),`,
  );
  const few = sources.map(
    (source) =>
      `SELECT id, name, price, in_stock FROM ${source.cte} WHERE ${and([hasAll(source), ...range, ...filters])}`,
  );
  // MATERIALIZED makes PostgreSQL plan each CTE separately.
  return `
    WITH ${query === undefined ? '' : `query AS MATERIALIZED (SELECT ${query} AS terms),`}
    near AS MATERIALIZED (${walk(NEAR)}),
    sample AS MATERIALIZED (SELECT price, search FROM ${stretch(SAMPLE, isShort(0))}),
    ${query === undefined ? '' : RARE}
    ${asked.join('\n    ')}
    few AS MATERIALIZED (SELECT * FROM (${few.join(' UNION ALL ')}) AS few ORDER BY ${orderBy()} LIMIT $limit),
    far AS MATERIALIZED (${walk(FAR, isShort(sources.length))}),
    mark AS MATERIALIZED (
      SELECT id FROM products.products
       WHERE ${and([isShort(sources.length), `${countOf('far')} < $limit`, 'archived_at IS NULL', ...range])}
       ORDER BY ${orderBy()} OFFSET ${FAR - 1} LIMIT 1
    )
    SELECT ${columns}, "isMark" FROM products.products JOIN (
      SELECT * FROM (
        SELECT id, false AS "isMark" FROM near WHERE ${countOf('near')} = $limit
        UNION ALL SELECT id, false FROM few
        UNION ALL SELECT id, false FROM far
        UNION ALL SELECT id, true FROM mark
      ) AS parts LIMIT ${LONGEST}
    ) AS page USING (id)
    ORDER BY ${orderBy('products')}, "isMark"`;
}
