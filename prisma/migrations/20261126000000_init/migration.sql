-- The whole database of version 0: a schema for each service, with its tables, constraints and indexes. Each run of the migrator
-- grants the roles of the services their rights (prisma/src/roles.ts).
-- The Prisma schema (prisma/schema) describes the same database as far as Prisma can. CHECK constraints, functions, a collation,
-- and indexes that are partial, of an expression or GIN are only in this file.

CREATE SCHEMA "users";
CREATE SCHEMA "products";
CREATE SCHEMA "orders";

-- users ---------------------------------------------------------------------------------------------------------------

CREATE TYPE "users"."role" AS ENUM ('CUSTOMER', 'STAFF');

CREATE TABLE "users"."users" (
    "id" SERIAL NOT NULL,
    "username" VARCHAR(255) NOT NULL,
    "email" VARCHAR(255) NOT NULL,
    "password_hash" VARCHAR(255) NOT NULL,
    "email_verified_at" TIMESTAMPTZ(3),
    "role" "users"."role" NOT NULL DEFAULT 'CUSTOMER',
    "version" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "disabled_at" TIMESTAMPTZ(3),
    "token_generation" INTEGER NOT NULL DEFAULT 0,
    "tokens_ended_at" TIMESTAMPTZ(3),

    CONSTRAINT "users_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "users_username_check" CHECK ("username" ~ '^[A-Za-z0-9_.-]{3,64}$'),
    CONSTRAINT "users_email_check" CHECK ("email" ~ '^[!-?A-~]{1,64}@[a-z0-9.-]+$'),
    CONSTRAINT "users_email_lower_check" CHECK ("email" = lower("email")),
    CONSTRAINT "users_email_length_check" CHECK (length("email") <= 254),
    CONSTRAINT "users_version_check" CHECK ("version" >= 1)
);
-- Usernames are kept as written and compared without case.
CREATE UNIQUE INDEX "users_username_key" ON "users"."users" (lower("username"));
CREATE UNIQUE INDEX "users_email_key" ON "users"."users" ("email");
-- For the check whether there is another staff account.
CREATE INDEX "users_staff_idx" ON "users"."users" ("id") WHERE "role" = 'STAFF';
-- Lists of accounts by name, in the order of bytes, so that the names with a prefix are a range. Each list has an index of its own
-- rows, so that a page reads few rows that it does not show. The list of staff uses users_staff_idx, because staff are few.
CREATE INDEX "users_list_idx" ON "users"."users" ((lower("username") COLLATE "C"));
CREATE INDEX "users_list_active_idx" ON "users"."users" ((lower("username") COLLATE "C")) WHERE "disabled_at" IS NULL;
CREATE INDEX "users_list_disabled_idx" ON "users"."users" ((lower("username") COLLATE "C")) WHERE "disabled_at" IS NOT NULL;
-- For the revocation list: the accounts whose access tokens ended recently.
CREATE INDEX "users_tokens_ended_idx" ON "users"."users" ("tokens_ended_at") WHERE "tokens_ended_at" IS NOT NULL;

CREATE TABLE "users"."sessions" (
    "id" BIGSERIAL NOT NULL,
    "family_id" BIGINT NOT NULL,
    "user_id" INTEGER NOT NULL,
    "token_hash" BYTEA NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "used_at" TIMESTAMPTZ(3),
    "used_key_hash" BYTEA,
    "revoked_at" TIMESTAMPTZ(3),

    CONSTRAINT "sessions_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "sessions_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"."users" ("id")
        ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE UNIQUE INDEX "sessions_token_hash_key" ON "users"."sessions" ("token_hash");
CREATE INDEX "sessions_family_id_idx" ON "users"."sessions" ("family_id");
CREATE INDEX "sessions_user_id_idx" ON "users"."sessions" ("user_id");
-- For the sweep: the newest (unused) token of each session, in the order in which they expire.
CREATE INDEX "sessions_unused_expires_at_idx" ON "users"."sessions" ("expires_at") WHERE "used_at" IS NULL;

CREATE TYPE "users"."email_token_purpose" AS ENUM ('VERIFY_EMAIL', 'CHANGE_EMAIL', 'RESET_PASSWORD', 'CONFIRM_LOGIN');

-- One row for each account and purpose: a new token replaces the previous one.
CREATE TABLE "users"."email_tokens" (
    "user_id" INTEGER NOT NULL,
    "purpose" "users"."email_token_purpose" NOT NULL,
    "token_hash" BYTEA NOT NULL,
    "email" VARCHAR(255) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "used_at" TIMESTAMPTZ(3),
    "window_started_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "made_in_window" INTEGER NOT NULL DEFAULT 1,

    CONSTRAINT "email_tokens_pkey" PRIMARY KEY ("user_id", "purpose"),
    CONSTRAINT "email_tokens_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"."users" ("id")
        ON DELETE CASCADE ON UPDATE CASCADE,
    CONSTRAINT "email_tokens_email_check" CHECK ("email" = lower("email") AND length("email") <= 254)
);
CREATE UNIQUE INDEX "email_tokens_token_hash_key" ON "users"."email_tokens" ("token_hash");
-- For the sweep.
CREATE INDEX "email_tokens_expires_at_idx" ON "users"."email_tokens" ("expires_at");

CREATE TABLE "users"."login_tries" (
    "key" BYTEA NOT NULL,
    "failures" INTEGER NOT NULL,
    "last_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "login_tries_pkey" PRIMARY KEY ("key"),
    CONSTRAINT "login_tries_failures_check" CHECK ("failures" >= 0)
);
CREATE INDEX "login_tries_last_at_idx" ON "users"."login_tries" ("last_at");

CREATE TABLE "users"."known_addresses" (
    "user_id" INTEGER NOT NULL,
    "address_hash" BYTEA NOT NULL,
    "last_seen_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "known_addresses_pkey" PRIMARY KEY ("user_id", "address_hash"),
    CONSTRAINT "known_addresses_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"."users" ("id")
        ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE INDEX "known_addresses_last_seen_at_idx" ON "users"."known_addresses" ("last_seen_at");

-- Takes an advisory lock, which is held until the end of the transaction. The name of the schema is part of the lock's name. The
-- services may not call PostgreSQL's own lock functions, because with these each service could hold the locks of the others.
CREATE FUNCTION "users"."take_turn"("name" text) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
    AS $$ SELECT pg_advisory_xact_lock(hashtextextended('users.' || "name", 0)) $$;

CREATE TYPE "users"."audit_action" AS ENUM ('ROLE_CHANGED', 'ACCOUNT_DISABLED', 'ACCOUNT_ENABLED', 'SESSIONS_ENDED');

-- The actions of staff on accounts. A row is written in the transaction of its action, and never changed or deleted. There are no
-- foreign keys, because the rows stay when an account is deleted.
CREATE TABLE "users"."audit_events" (
    "id" BIGSERIAL NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "action" "users"."audit_action" NOT NULL,
    "actor_id" INTEGER,
    "actor_role" "users"."role",
    "subject_id" INTEGER NOT NULL,
    "reason" VARCHAR(500),
    "old_role" "users"."role",
    "new_role" "users"."role",
    "address" VARCHAR(64),
    "request_id" VARCHAR(64),

    CONSTRAINT "audit_events_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "audit_events_actor_check" CHECK (("actor_id" IS NULL) = ("actor_role" IS NULL))
);
CREATE INDEX "audit_events_subject_id_idx" ON "users"."audit_events" ("subject_id", "id");

-- products ------------------------------------------------------------------------------------------------------------

CREATE TYPE "products"."reservation_status" AS ENUM ('HELD', 'REFUSED', 'RELEASED', 'SHIPPED');

-- The order of names that people expect: letters before accents, accents before case, numbers by their value. It depends
-- on the server's version of ICU: see "Names in order" in docs/operations.md.
CREATE COLLATION "products"."natural_order" (provider = icu, locale = 'und-u-kn-true');

-- Splits a text into words, for products and for search terms alike: in lower case, in one Unicode form (NFKD), without combining
-- and invisible characters (accents, soft hyphens, joiners). Punctuation, symbols and spaces separate words. PostgreSQL's own parser
-- is not used, because it splits "4e31abc" into a number and letters, and its notion of a letter depends on the locale of the
-- database. A lexeme has at most 2,046 bytes, so only the first 255 characters of a word count. PostgreSQL resolves the SQL bodies
-- of these functions when it creates them, so no search_path can change which functions they call.
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

-- No word contains a quote or a backslash, so words are quoted without escapes. The highest position of a tsvector is 16,383.
CREATE FUNCTION "products"."search_vector"("value" text) RETURNS tsvector
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (SELECT coalesce(string_agg('''' || "word" || ''':' || least("position", 16383), ' '), '')
          FROM "products"."search_words"("value"))::tsvector;

-- Writes one term as a query for its words in sequence; null when the term has no word.
CREATE FUNCTION "products"."search_term"("term" text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (SELECT string_agg('''' || "word" || '''', ' <-> ' ORDER BY "position")
          FROM "products"."search_words"("term"));

-- Writes the query of a search: it requires every word and every phrase, and none of the excluded words. It is null without any word
-- or phrase, because the index cannot answer such a query. A word also matches as the beginning of a longer word. Short beginnings
-- would match a large part of any catalog, so a beginning needs three characters, except in the scripts from U+0E00 on, whose words
-- are short or are written without spaces.
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

CREATE TABLE "products"."products" (
    "id" SERIAL NOT NULL,
    "name" VARCHAR(255) COLLATE "products"."natural_order" NOT NULL,
    "description" TEXT,
    "price" DECIMAL(10,2) NOT NULL,
    "stock" INTEGER NOT NULL,
    "version" INTEGER NOT NULL DEFAULT 1,
    "content_version" INTEGER NOT NULL DEFAULT 1,
    "archived_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "search" tsvector GENERATED ALWAYS AS (
        "products"."search_vector"("name" || ' ' || coalesce("description", ''))) STORED,
    -- Indexes have this column in place of the stock, so that a sale changes no index unless it takes the last unit.
    "in_stock" BOOLEAN NOT NULL GENERATED ALWAYS AS ("stock" > 0) STORED,

    CONSTRAINT "products_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "products_name_check" CHECK (length("name") >= 1),
    CONSTRAINT "products_price_check" CHECK ("price" >= 0),
    CONSTRAINT "products_stock_check" CHECK ("stock" >= 0),
    CONSTRAINT "products_version_check" CHECK ("version" >= 1),
    CONSTRAINT "products_content_version_check" CHECK ("content_version" BETWEEN 1 AND "version")
-- Each page keeps room for new versions of its rows, so that a sale writes no other page and no new index entry.
) WITH (fillfactor = 85);
-- ANALYZE gathers no statistics of this column, because no plan depends on them (subgraphs/products/src/data/product-search.ts).
ALTER TABLE "products"."products" ALTER COLUMN "search" SET STATISTICS 0;
-- The catalog by age, by name and by price, each also for products in stock and out of stock. Deleted products are not in these
-- indexes, so a list never reads past them.
CREATE INDEX "products_live_idx" ON "products"."products" ("id" DESC) WHERE "archived_at" IS NULL;
CREATE INDEX "products_name_id_idx" ON "products"."products" ("name", "id") WHERE "archived_at" IS NULL;
CREATE INDEX "products_price_id_idx" ON "products"."products" ("price", "id") WHERE "archived_at" IS NULL;
CREATE INDEX "products_stock_id_idx" ON "products"."products" ("in_stock", "id") WHERE "archived_at" IS NULL;
CREATE INDEX "products_stock_name_id_idx" ON "products"."products" ("in_stock", "name", "id") WHERE "archived_at" IS NULL;
CREATE INDEX "products_stock_price_id_idx" ON "products"."products" ("in_stock", "price", "id") WHERE "archived_at" IS NULL;
-- For the search. Without fastupdate there is no list of pending entries, which every search would have to read.
CREATE INDEX "products_search_idx" ON "products"."products" USING GIN ("search") WITH (fastupdate = off)
    WHERE "archived_at" IS NULL;

CREATE TABLE "products"."reservations" (
    "order_id" BIGINT NOT NULL,
    "user_id" INTEGER NOT NULL,
    "product_id" INTEGER NOT NULL,
    "quantity" INTEGER NOT NULL,
    "status" "products"."reservation_status" NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "reservations_pkey" PRIMARY KEY ("order_id"),
    CONSTRAINT "reservations_product_id_fkey" FOREIGN KEY ("product_id") REFERENCES "products"."products" ("id")
        ON DELETE RESTRICT ON UPDATE CASCADE,
    CONSTRAINT "reservations_quantity_check" CHECK ("quantity" > 0)
);
-- For the units of a product that a customer holds: few rows, even after many orders. No row of products is deleted, so the foreign
-- key needs no index of its own.
CREATE INDEX "reservations_held_idx" ON "products"."reservations" ("product_id", "user_id") WHERE "status" = 'HELD';
-- For the sweep: the reservations of finished orders, in the order in which the sweep deletes them.
CREATE INDEX "reservations_over_idx" ON "products"."reservations" ("updated_at") WHERE "status" <> 'HELD';

-- Reserves the units of many orders. The four arrays have the same length, with one element for each order. For each product there is
-- one guarded decrement, and orders are decided in the order in which they were placed. An order that does not fit is refused, and a
-- smaller order after it may still fit. Orders that have a reservation already are skipped. Returns a row for each decided order:
-- whether it is held, whether its product is in the catalog, and the stock when its turn came.
--
-- An order of more than "max_units" is refused. So is an order with which its user would hold more than "max_open" units of the
-- product (null: no such limit). For such orders the function also returns the limit and the units that counted against it. The
-- function counts the held units after it has read the product's version, and guards the decrement by that version, which grows
-- whenever units are added to the held ones. So no two orders exceed a limit together, also when two callers decide them at the same
-- time. Without "max_open" no units are counted.
--
-- Every caller locks rows in the same order: products by id, and after each product its reservations. So no two callers can deadlock.
-- When two callers decide the same order at the same time, the second one waits at the product. Then it violates the primary key of
-- the reservations, and PostgreSQL undoes all its work.
CREATE FUNCTION "products"."reserve"("order_ids" bigint[], "user_ids" integer[], "product_ids" integer[], "quantities" integer[],
                                     "max_units" integer, "max_open" integer)
    RETURNS TABLE ("order_id" bigint, "product_id" integer, "held" boolean, "live" boolean, "available" integer,
                   "limit" integer, "counted" integer)
    LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    "wanted" record;
    "seen" record;
    "lefts" integer[];
    "left" integer;
    "quantity" integer;
    "user" integer;
    "opens" bigint[];
    "excess" bigint;
    "excesses" bigint[];
BEGIN
    FOR "wanted" IN
        SELECT "o"."product_id", count(*)::int AS "count",
               sum("o"."quantity") FILTER (WHERE "o"."quantity" <= "max_units") AS "units",
               array_agg("o"."order_id" ORDER BY "o"."order_id") AS "order_ids",
               array_agg("o"."user_id" ORDER BY "o"."order_id") AS "user_ids",
               array_agg("o"."quantity" ORDER BY "o"."order_id") AS "quantities"
          FROM unnest("order_ids", "user_ids", "product_ids", "quantities") AS "o" ("order_id", "user_id", "product_id", "quantity")
         WHERE NOT EXISTS (SELECT FROM "products"."reservations" AS "r" WHERE "r"."order_id" = "o"."order_id")
         GROUP BY "o"."product_id" ORDER BY "o"."product_id"
    LOOP
        LOOP
            "lefts" := '{}';
            "excesses" := '{}';
            IF "max_open" IS NULL THEN
                -- Nearly always all orders fit, and this statement is enough.
                UPDATE "products"."products" AS "p"
                   SET "stock" = "p"."stock" - "wanted"."units", "version" = "p"."version" + 1, "updated_at" = now()
                 WHERE "p"."id" = "wanted"."product_id" AND "p"."archived_at" IS NULL AND "p"."stock" >= "wanted"."units"
                RETURNING "p"."stock", true AS "live" INTO "seen";
                EXIT WHEN FOUND;
            END IF;

            SELECT "p"."stock", "p"."version", "p"."archived_at" IS NULL AS "live" INTO "seen"
              FROM "products"."products" AS "p" WHERE "p"."id" = "wanted"."product_id";
            IF NOT FOUND THEN
                RAISE foreign_key_violation USING MESSAGE = format('there is no product %s', "wanted"."product_id");
            END IF;
            IF "max_open" IS NOT NULL THEN
                -- Reads the held units of each order's user. This snapshot is as old as the version read above, or newer.
                SELECT array_agg(coalesce("h"."units", 0) ORDER BY "o"."place") INTO "opens"
                  FROM unnest("wanted"."user_ids") WITH ORDINALITY AS "o" ("user_id", "place")
                  LEFT JOIN (SELECT "r"."user_id", sum("r"."quantity") AS "units" FROM "products"."reservations" AS "r"
                              WHERE "r"."product_id" = "wanted"."product_id" AND "r"."user_id" = ANY ("wanted"."user_ids")
                                AND "r"."status" = 'HELD'
                              GROUP BY "r"."user_id") AS "h" ON "h"."user_id" = "o"."user_id";
            END IF;
            "left" := CASE WHEN "seen"."live" THEN "seen"."stock" ELSE 0 END;
            FOR "i" IN 1 .. "wanted"."count" LOOP
                "lefts" := "lefts" || "left";
                "quantity" := "wanted"."quantities"["i"];
                "excess" := NULL;
                IF "max_open" IS NOT NULL AND "quantity" <= "max_units" THEN
                    -- The sum of a user is kept at the place of the user's first order.
                    "user" := array_position("wanted"."user_ids", "wanted"."user_ids"["i"]);
                    IF "opens"["user"] + "quantity" > "max_open" THEN
                        "excess" := "opens"["user"];
                    ELSIF "quantity" <= "left" THEN
                        "opens"["user"] := "opens"["user"] + "quantity";
                    END IF;
                END IF;
                "excesses" := array_append("excesses", "excess");
                IF "quantity" <= least("left", "max_units") AND "excess" IS NULL THEN
                    "left" := "left" - "quantity";
                END IF;
            END LOOP;
            EXIT WHEN "left" = "lefts"[1];
            -- The decisions are valid only for this stock and this version: each caller that adds held units changes the
            -- version. This statement locks the row even when its stock or version differs, so the next try is the last.
            UPDATE "products"."products" AS "p" SET "stock" = "left", "version" = "p"."version" + 1, "updated_at" = now()
             WHERE "p"."id" = "wanted"."product_id" AND "p"."archived_at" IS NULL
               AND "p"."stock" = "seen"."stock" AND "p"."version" = "seen"."version";
            EXIT WHEN FOUND;
        END LOOP;

        RETURN QUERY
            WITH "given" AS (
                SELECT "o".*, CASE WHEN "o"."quantity" > "max_units" THEN "max_units"
                                   WHEN "o"."excess" IS NOT NULL THEN "max_open" END AS "limit"
                  FROM unnest("wanted"."order_ids", "wanted"."user_ids", "wanted"."quantities", "lefts", "excesses")
                    AS "o" ("order_id", "user_id", "quantity", "left", "excess")
            ), "decided" AS (
                SELECT "g".*, "g"."limit" IS NULL AND ("g"."left" IS NULL OR "g"."quantity" <= "g"."left") AS "held" FROM "given" AS "g"
            ), "reserved" AS (
                INSERT INTO "products"."reservations" ("order_id", "user_id", "product_id", "quantity", "status")
                SELECT "d"."order_id", "d"."user_id", "wanted"."product_id", "d"."quantity",
                       CASE WHEN "d"."held" THEN 'HELD' ELSE 'REFUSED' END::"products"."reservation_status"
                  FROM "decided" AS "d"
            )
            SELECT "d"."order_id", "wanted"."product_id", "d"."held", "seen"."live", coalesce("d"."left", "seen"."stock"),
                   "d"."limit", least(coalesce("d"."excess", 0), 2147483647)::int
              FROM "decided" AS "d";
    END LOOP;
END;
$$;

-- Returns the units of many orders to the stock, and locks rows in the same order as "reserve". Orders that hold no units are skipped.
-- Returns a row for each released order. When another caller has released one of them in the meantime, PostgreSQL undoes all of it.
CREATE FUNCTION "products"."release"("order_ids" bigint[])
    RETURNS TABLE ("order_id" bigint, "product_id" integer)
    LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    "held" record;
    "released" integer;
BEGIN
    FOR "held" IN
        SELECT "r"."product_id", count(*) AS "count", sum("r"."quantity") AS "units", array_agg("r"."order_id") AS "order_ids"
          FROM "products"."reservations" AS "r"
         WHERE "r"."order_id" = ANY ("order_ids") AND "r"."status" = 'HELD'
         GROUP BY "r"."product_id" ORDER BY "r"."product_id"
    LOOP
        UPDATE "products"."products" AS "p"
           SET "stock" = "p"."stock" + "held"."units", "version" = "p"."version" + 1, "updated_at" = now()
         WHERE "p"."id" = "held"."product_id";
        RETURN QUERY
            UPDATE "products"."reservations" AS "r" SET "status" = 'RELEASED', "updated_at" = now()
             WHERE "r"."order_id" = ANY ("held"."order_ids") AND "r"."status" = 'HELD'
            RETURNING "r"."order_id", "r"."product_id";
        GET DIAGNOSTICS "released" = ROW_COUNT;
        IF "released" <> "held"."count" THEN
            RAISE serialization_failure USING MESSAGE = 'an order was released by another caller at the same time';
        END IF;
    END LOOP;
END;
$$;

CREATE TABLE "products"."idempotency_keys" (
    "user_id" INTEGER NOT NULL,
    "key" VARCHAR(255) NOT NULL,
    "request_hash" BYTEA NOT NULL,
    "product_id" INTEGER NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "idempotency_keys_pkey" PRIMARY KEY ("user_id", "key"),
    CONSTRAINT "idempotency_keys_product_id_fkey" FOREIGN KEY ("product_id") REFERENCES "products"."products" ("id")
        ON DELETE RESTRICT ON UPDATE CASCADE
);
CREATE INDEX "idempotency_keys_created_at_idx" ON "products"."idempotency_keys" ("created_at");

-- Takes an advisory lock as in the schema of users, or returns false when another transaction holds it.
CREATE FUNCTION "products"."try_turn"("name" text) RETURNS boolean
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
    AS $$ SELECT pg_try_advisory_xact_lock(hashtextextended('products.' || "name", 0)) $$;

-- orders --------------------------------------------------------------------------------------------------------------

CREATE TYPE "orders"."rejection_code" AS ENUM ('OUT_OF_STOCK', 'PRODUCT_NOT_FOUND', 'PURCHASE_LIMIT');
CREATE TYPE "orders"."actor_role" AS ENUM ('CUSTOMER', 'STAFF');

-- BIGSERIAL, because SERIAL would end after 2.1 billion orders.
CREATE TABLE "orders"."orders" (
    "id" BIGSERIAL NOT NULL,
    "user_id" INTEGER NOT NULL,
    "product_id" INTEGER NOT NULL,
    "quantity" INTEGER NOT NULL,
    "unit_price" DECIMAL(10,2) NOT NULL,
    "total_price" DECIMAL(10,2) NOT NULL,
    "status" VARCHAR(50) NOT NULL DEFAULT 'PENDING',
    "version" INTEGER NOT NULL DEFAULT 1,
    "rejection_code" "orders"."rejection_code",
    "rejection_available" INTEGER,
    "rejection_limit" INTEGER,
    "rejection_held" INTEGER,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "orders_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "orders_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"."users" ("id")
        ON DELETE RESTRICT ON UPDATE CASCADE,
    CONSTRAINT "orders_product_id_fkey" FOREIGN KEY ("product_id") REFERENCES "products"."products" ("id")
        ON DELETE RESTRICT ON UPDATE CASCADE,
    CONSTRAINT "orders_status_check"
        CHECK ("status" IN ('PENDING', 'CONFIRMED', 'REJECTED', 'CANCELLED', 'SHIPPED', 'DELIVERED')),
    CONSTRAINT "orders_quantity_check" CHECK ("quantity" > 0),
    CONSTRAINT "orders_unit_price_check" CHECK ("unit_price" >= 0),
    CONSTRAINT "orders_total_price_check" CHECK ("total_price" = "unit_price" * "quantity"),
    CONSTRAINT "orders_version_check" CHECK ("version" >= 1),
    CONSTRAINT "orders_rejection_code_check" CHECK (("rejection_code" IS NOT NULL) = ("status" = 'REJECTED')),
    CONSTRAINT "orders_rejection_limit_check" CHECK (
        ("rejection_limit" IS NOT NULL) = ("rejection_code" IS NOT DISTINCT FROM 'PURCHASE_LIMIT')
        AND ("rejection_held" IS NOT NULL) = ("rejection_limit" IS NOT NULL))
);
CREATE INDEX "orders_user_id_id_idx" ON "orders"."orders" ("user_id", "id");
CREATE INDEX "orders_user_id_status_id_idx" ON "orders"."orders" ("user_id", "status", "id");
CREATE INDEX "orders_status_id_idx" ON "orders"."orders" ("status", "id");
CREATE INDEX "orders_product_id_idx" ON "orders"."orders" ("product_id");
-- The PENDING orders, which are few: for their gauges, and for their number for one product.
CREATE INDEX "orders_pending_idx" ON "orders"."orders" ("product_id", "created_at") WHERE "status" = 'PENDING';

CREATE TABLE "orders"."order_events" (
    "order_id" BIGINT NOT NULL,
    "version" INTEGER NOT NULL,
    "status" VARCHAR(50) NOT NULL,
    "actor_id" INTEGER,
    "actor_role" "orders"."actor_role",
    "reason" VARCHAR(500),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "order_events_pkey" PRIMARY KEY ("order_id", "version"),
    CONSTRAINT "order_events_order_id_fkey" FOREIGN KEY ("order_id") REFERENCES "orders"."orders" ("id")
        ON DELETE CASCADE ON UPDATE CASCADE,
    CONSTRAINT "order_events_status_check"
        CHECK ("status" IN ('PENDING', 'CONFIRMED', 'REJECTED', 'CANCELLED', 'SHIPPED', 'DELIVERED')),
    CONSTRAINT "order_events_version_check" CHECK ("version" >= 1),
    CONSTRAINT "order_events_actor_check" CHECK (("actor_id" IS NULL) = ("actor_role" IS NULL)),
    -- The system settles an order; a user takes every other step.
    CONSTRAINT "order_events_system_check" CHECK (("actor_id" IS NULL) = ("status" IN ('CONFIRMED', 'REJECTED'))),
    CONSTRAINT "order_events_staff_check" CHECK ("status" NOT IN ('SHIPPED', 'DELIVERED') OR "actor_role" = 'STAFF'),
    -- A customer may give a reason for cancelling; staff must.
    CONSTRAINT "order_events_reason_check" CHECK ("reason" IS NULL OR ("status" = 'CANCELLED' AND "reason" <> '')),
    CONSTRAINT "order_events_staff_reason_check"
        CHECK ("status" <> 'CANCELLED' OR "actor_role" <> 'STAFF' OR "reason" IS NOT NULL)
);

CREATE TABLE "orders"."idempotency_keys" (
    "user_id" INTEGER NOT NULL,
    "key" VARCHAR(255) NOT NULL,
    "request_hash" BYTEA NOT NULL,
    "order_id" BIGINT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "idempotency_keys_pkey" PRIMARY KEY ("user_id", "key"),
    CONSTRAINT "idempotency_keys_order_id_fkey" FOREIGN KEY ("order_id") REFERENCES "orders"."orders" ("id")
        ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE INDEX "idempotency_keys_created_at_idx" ON "orders"."idempotency_keys" ("created_at");

-- Takes an advisory lock as in the schema of users, or returns false when another transaction holds it.
CREATE FUNCTION "orders"."try_turn"("name" text) RETURNS boolean
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
    AS $$ SELECT pg_try_advisory_xact_lock(hashtextextended('orders.' || "name", 0)) $$;
