-- By hand. The new column rewrites the table under an exclusive lock, about 0.1 ms a row: this version has no catalogue
-- yet that could not wait for that.

-- The words of a text as they are searched, on both sides: in lower case, in one Unicode form (NFKD), without combining
-- and invisible characters (accents, soft hyphens, joiners), separated by anything that is punctuation, a symbol or
-- space. PostgreSQL's own parser is not used: it takes "4e31abc" for a number and letters, and tells letters by the
-- locale of the database. A lexeme has at most 2,046 bytes, so a word counts with its first 255 characters. The
-- functions have SQL bodies, which PostgreSQL resolves now, so no search_path can change what they call.
CREATE FUNCTION "products"."search_words"("value" text) RETURNS TABLE ("word" text, "position" bigint)
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT left("words"."word", 255), "words"."position"
      FROM unnest(string_to_array(btrim(
        regexp_replace(
            regexp_replace(
                lower(normalize("value", NFKD) COLLATE "pg_catalog"."und-x-icu"),
                '[\u00ad\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u200b-\u200f\u2060\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f\ufeff]+',
                '', 'g'),
            '[[:punct:][:space:][:cntrl:]$+<=>^`|~\u00a0-\u00bf\u00d7\u00f7\u2000-\u2bff\u3000-\u303f\U0001f000-\U0001faff]+',
            ' ', 'g')
      ), ' ')) WITH ORDINALITY AS "words"("word", "position");
END;

-- No word has a quote or a backslash, so each stands in quotes as it is. Positions end at 16,383.
CREATE FUNCTION "products"."search_vector"("value" text) RETURNS tsvector
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (SELECT coalesce(string_agg('''' || "word" || ''':' || least("position", 16383), ' '), '')
          FROM "products"."search_words"("value"))::tsvector;

-- One term as a query: its words in a row; null when it has none.
CREATE FUNCTION "products"."search_term"("term" text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (SELECT string_agg('''' || "word" || '''', ' <-> ' ORDER BY "position")
          FROM "products"."search_words"("term"));

-- What a search looks for: every word and every phrase, and none of what is excluded; null without any word or phrase,
-- because the index cannot answer that. A word is also found as the beginning of a longer one. Short beginnings would
-- match much of any catalogue, so they need three characters, except in the scripts from U+0E00 on, whose words are
-- short or are written without spaces.
CREATE FUNCTION "products"."search_query"("words" text[], "phrases" text[], "excluded" text[]) RETURNS tsquery
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (
    (SELECT string_agg("wanted"."query", ' & ')
       FROM (SELECT "term" || CASE WHEN "term" ~ '([^'' ]{3}|[\u0e00-\U0010ffff])''$' THEN ':*' ELSE '' END
               FROM unnest("words") AS "word", "products"."search_term"("word") AS "term"
             UNION ALL
             SELECT "products"."search_term"("phrase") FROM unnest("phrases") AS "phrase") AS "wanted"("query"))
    || coalesce((SELECT string_agg(' & !(' || "products"."search_term"("word") || ')', '')
                   FROM unnest("excluded") AS "word"), '')
)::tsquery;

DROP INDEX "products"."products_search_idx";
ALTER TABLE "products"."products"
    ADD COLUMN "search" tsvector GENERATED ALWAYS AS (
        "products"."search_vector"("name" || ' ' || coalesce("description", ''))) STORED;
-- No plan is chosen by what ANALYZE would learn of it (subgraphs/products/src/data/product-search.ts).
ALTER TABLE "products"."products" ALTER COLUMN "search" SET STATISTICS 0;

-- Without a list of pending entries, which every search would have to go through.
CREATE INDEX "products_search_idx" ON "products"."products" USING GIN ("search") WITH (fastupdate = off)
    WHERE "archived_at" IS NULL;
