// A page of the products that a search finds. The plan is chosen here and not by PostgreSQL, which cannot know how many
// products have a word: it takes 0.5 % for granted, and then walks the whole list for a word that none of them has.
//
// A word of many products is met soon on the list itself, so the statement first looks at the list's next 500. Only
// when they do not fill the page does it look the words up in the GIN index and sort what that finds. Either way the
// words of a product are read from the column `search` and never computed.

/** What is searched for: each of the words and phrases, and none of what is excluded. At least one is not excluded. */
export interface SearchTerms {
  readonly words: readonly string[];
  readonly phrases: readonly string[];
  readonly excluded: readonly string[];
}

/** How many products of the list are looked at before the index is asked. */
const STRETCH = 500;

export interface SearchParts {
  /** Columns of the answer, each with the name of its table. */
  readonly columns: string;
  /** SQL of a tsquery. */
  readonly query: string;
  /** Where the list is, by conditions that its index answers. */
  readonly place: readonly string[];
  /** What else the products must be. */
  readonly filters: readonly string[];
  readonly orderBy: (table?: string) => string;
}

/** The text of the statement; `$limit` is the limit. */
export function searchText({ columns, query, place, filters, orderBy }: SearchParts): string {
  // PostgreSQL plans each CTE by itself (MATERIALIZED): `hits` without the limit, so that it has no reason to walk the
  // list for them. The sub-select hides the words, so that the plan is the same for all of them.
  const found = ['search @@ (SELECT terms FROM query)', ...filters].join(' AND ');
  return `
    WITH query AS MATERIALIZED (SELECT ${query} AS terms),
    near AS MATERIALIZED (
      SELECT id FROM (
        SELECT id, name, price, stock, search FROM products.products
         WHERE ${place.join(' AND ')} ORDER BY ${orderBy()} LIMIT ${STRETCH}
      ) AS stretch
       WHERE ${found} ORDER BY ${orderBy()} LIMIT $limit
    ),
    hits AS MATERIALIZED (
      SELECT id, name, price FROM products.products
       WHERE (SELECT count(*) FROM near) < $limit AND ${place.join(' AND ')} AND ${found}
    )
    SELECT ${columns} FROM products.products JOIN (
      (SELECT id FROM near WHERE (SELECT count(*) FROM near) = $limit)
      UNION ALL
      (SELECT id FROM hits ORDER BY ${orderBy()} LIMIT $limit)
    ) AS page USING (id)
    ORDER BY ${orderBy('products')}`;
}
