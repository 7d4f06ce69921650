// A page of a list of which a search, or bounds of the price, leave only some products. The plan is chosen here and not by
// PostgreSQL, which cannot know how many that are: it takes 0.5 % for granted for any word, and then walks a whole list for a
// word that no product has.
//
// What many products have is met soon on the list itself, so the statement first looks at the list's next 500. When they do
// not fill the page, it asks an index of the filter for a few thousand products. If those are all, it sorts them. If there
// are more, it goes on along the list, again so far and no further: the page is then shorter than the limit and ends with a
// mark, from which the next page goes on. So no statement looks at more products than these bounds allow, for any question.
// The words of a product are read from the column `search` and never computed.

import { MAX_PAGE } from '@holdfast/platform/graphql/pages';

/** What is searched for: each of the words and phrases, and none of what is excluded. At least one is not excluded. */
export interface SearchTerms {
  readonly words: readonly string[];
  readonly phrases: readonly string[];
  readonly excluded: readonly string[];
}

/** How many products of the list are looked at before an index is asked. */
export const NEAR = 500;
/** How many products of the list tell whether a filter is worth asking an index, and how many of them fit if it is not. */
export const SAMPLE = 200;
const COMMON = 10;
/** How many products are taken out of an index to be sorted. */
export const FEW = 2_000;
/** How many products of the list are looked at when an index has more than that. */
export const FAR = 10_000;
/** One more than the longest page: with it as a constant PostgreSQL knows that few rows are wanted. */
export const LONGEST = MAX_PAGE + 1;

/** Bounds of the price: as conditions, and as a place on the list by price. */
export interface Bounds {
  readonly filters: readonly string[];
  readonly place: readonly string[];
  readonly orderBy: string;
}

export interface SearchParts {
  /** Columns of the answer, each with the name of its table. */
  readonly columns: string;
  /** SQL of a tsquery, of which the index on words has the products. */
  readonly query: string | undefined;
  readonly bounds: Bounds | undefined;
  /** Where the list is, by conditions that its index answers. */
  readonly place: readonly string[];
  readonly orderBy: (table?: string) => string;
}

const LISTED = 'id, name, price, in_stock, search';
const MATCHES = 'search @@ (SELECT terms FROM query)';
const and = (conditions: readonly string[]): string => conditions.join(' AND ');
const countOf = (cte: string): string => `(SELECT count(*) FROM ${cte})`;

/** What the index of a filter finds. */
interface Source {
  readonly cte: string;
  /** The select of the rows, at most one more than FEW. */
  readonly select: string;
  /** That the index is asked, because few products of the sample fit. */
  readonly isAsked: string;
}

const fromPrices = ({ filters, place, orderBy }: Bounds): Source => ({
  cte: 'priced',
  select: `SELECT ${LISTED} FROM products.products
     WHERE (SELECT is_asked FROM ask_priced) AND ${and(['archived_at IS NULL', ...place])}
     ORDER BY ${orderBy} LIMIT ${FEW + 1}`,
  isAsked: `(SELECT count(*) FROM sample WHERE ${and(filters)}) < ${COMMON}`,
});

/** Those of the terms that few products of the sample have. */
const rareOf = (terms: '$words' | '$phrases', query: string): string =>
  `ARRAY(SELECT term FROM (SELECT term, ${query} AS terms FROM unnest(${terms}::text[]) AS term OFFSET 0) AS each
          WHERE (SELECT count(*) FROM sample WHERE search @@ each.terms) < ${COMMON})`;

/**
 * A GIN index reads all that it has of a word, and of all words that begin alike, before it gives the first product. So it is
 * asked for rare words only. What else is wanted is looked at in what it finds: as a condition here it would make the limit
 * look at more products.
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

/** The text of the statement; `$limit` is the limit. The column `isMark` tells the mark from the products of the page. */
export function searchText({ columns, query, bounds, place, orderBy }: SearchParts): string {
  const filters = [...(query === undefined ? [] : [MATCHES]), ...(bounds?.filters ?? [])];
  const stretch = (count: number, when = 'true'): string =>
    `(SELECT ${LISTED} FROM products.products WHERE ${and([when, 'archived_at IS NULL', ...place])}
       ORDER BY ${orderBy()} LIMIT ${count}) AS stretch`;
  const walk = (count: number, when?: string): string =>
    `SELECT id, name, price, in_stock FROM ${stretch(count, when)} WHERE ${and(filters)} ORDER BY ${orderBy()} LIMIT $limit`;

  const sources = [...(bounds ? [fromPrices(bounds)] : []), ...(query === undefined ? [] : [FROM_WORDS])];
  const hasAll = ({ cte }: Source): string =>
    `(SELECT is_asked FROM ask_${cte}) AND ${countOf(cte)} <= ${FEW}`;
  /** Whether the page is not found yet, when the first `count` sources have been asked. */
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
      `SELECT id, name, price, in_stock FROM ${source.cte} WHERE ${and([hasAll(source), ...place, ...filters])}`,
  );
  // PostgreSQL plans each CTE by itself (MATERIALIZED).
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
       WHERE ${and([isShort(sources.length), `${countOf('far')} < $limit`, 'archived_at IS NULL', ...place])}
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
