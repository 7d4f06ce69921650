-- The whole database of version 0: for each service a schema, with its tables, what they allow, and their indexes. The roles
-- of the services are granted their rights on each run of the migrator (prisma/src/roles.ts).
-- The Prisma schema (prisma/schema) says the same as far as Prisma can: CHECK constraints, functions, a collation, and the
-- indexes that are partial, of an expression or GIN, stand here alone.

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
-- Whether there is another staff account.
CREATE INDEX "users_staff_idx" ON "users"."users" ("id") WHERE "role" = 'STAFF';
-- Lists of accounts by name, in the order of bytes, so that the names with a prefix are a range. Each index is for the lists
-- whose rows it has, so that a page reads few rows that it does not show. Staff are few, and found by users_staff_idx.
CREATE INDEX "users_list_idx" ON "users"."users" ((lower("username") COLLATE "C"));
CREATE INDEX "users_list_active_idx" ON "users"."users" ((lower("username") COLLATE "C")) WHERE "disabled_at" IS NULL;
CREATE INDEX "users_list_disabled_idx" ON "users"."users" ((lower("username") COLLATE "C")) WHERE "disabled_at" IS NOT NULL;
-- The accounts whose access tokens ended of late: the revocation list.
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
-- The newest token of every session, which is the unused one, in the order in which they expire: the sweep.
CREATE INDEX "sessions_unused_expires_at_idx" ON "users"."sessions" ("expires_at") WHERE "used_at" IS NULL;

CREATE TYPE "users"."email_token_purpose" AS ENUM ('VERIFY_EMAIL', 'CHANGE_EMAIL', 'RESET_PASSWORD', 'CONFIRM_LOGIN');

-- One row an account and purpose: a new token takes the place of the one before.
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
-- The sweep.
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

-- Turns, until the end of the transaction: advisory locks by names of this schema, because PostgreSQL's own functions would
-- let each service hold the locks of the others, and are closed to them.
CREATE FUNCTION "users"."take_turn"("name" text) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
    AS $$ SELECT pg_advisory_xact_lock(hashtextextended('users.' || "name", 0)) $$;

CREATE TYPE "users"."audit_action" AS ENUM ('ROLE_CHANGED', 'ACCOUNT_DISABLED', 'ACCOUNT_ENABLED', 'SESSIONS_ENDED');

-- What staff did to accounts: written with the action, never changed or deleted. No foreign keys: it outlives the accounts.
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
-- match much of any catalog, so they need three characters, except in the scripts from U+0E00 on, whose words are
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
    -- Indexes are by this and not by the stock, so that a sale changes no index unless it takes the last unit.
    "in_stock" BOOLEAN NOT NULL GENERATED ALWAYS AS ("stock" > 0) STORED,

    CONSTRAINT "products_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "products_name_check" CHECK (length("name") >= 1),
    CONSTRAINT "products_price_check" CHECK ("price" >= 0),
    CONSTRAINT "products_stock_check" CHECK ("stock" >= 0),
    CONSTRAINT "products_version_check" CHECK ("version" >= 1),
    CONSTRAINT "products_content_version_check" CHECK ("content_version" BETWEEN 1 AND "version")
-- Pages keep room for the next versions of their rows, so that a sale needs no other page and no new entry of an index.
) WITH (fillfactor = 85);
-- No plan is chosen by what ANALYZE would learn of it (subgraphs/products/src/data/product-search.ts).
ALTER TABLE "products"."products" ALTER COLUMN "search" SET STATISTICS 0;
-- The catalog: by age, by name, by price, the same of what is in stock or is not, and by its words. A walk along them
-- meets no product that has left it.
CREATE INDEX "products_live_idx" ON "products"."products" ("id" DESC) WHERE "archived_at" IS NULL;
CREATE INDEX "products_name_id_idx" ON "products"."products" ("name", "id") WHERE "archived_at" IS NULL;
CREATE INDEX "products_price_id_idx" ON "products"."products" ("price", "id") WHERE "archived_at" IS NULL;
CREATE INDEX "products_stock_id_idx" ON "products"."products" ("in_stock", "id") WHERE "archived_at" IS NULL;
CREATE INDEX "products_stock_name_id_idx" ON "products"."products" ("in_stock", "name", "id") WHERE "archived_at" IS NULL;
CREATE INDEX "products_stock_price_id_idx" ON "products"."products" ("in_stock", "price", "id") WHERE "archived_at" IS NULL;
-- Without a list of pending entries, which every search would have to go through.
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
-- What a customer holds of a product: few rows, however much was ordered before. No product is deleted, so the foreign key needs
-- no index of its own.
CREATE INDEX "reservations_held_idx" ON "products"."reservations" ("product_id", "user_id") WHERE "status" = 'HELD';
-- Those of orders that are over, in the order in which they are swept.
CREATE INDEX "reservations_over_idx" ON "products"."reservations" ("updated_at") WHERE "status" <> 'HELD';

-- Reserves the units of many orders, which are given by four arrays of one length: for each product one guarded decrement, in the
-- order in which the orders were placed. An order that does not fit is refused and takes nothing from the smaller ones after it.
-- Orders that have a reservation are left out. Returns each order that was decided, whether it is held, whether its product is
-- in the catalog, and what was left when its turn came.
--
-- An order of more than "max_units" is refused, and so is one with which its user would hold more than "max_open" units of the
-- product (null: no such limit); then the limit and what counted against it are returned as well. What a user holds is counted
-- after the product's version was read, and the decrement is guarded by that version, which grows with each unit that is added to
-- what is held: so no orders pass a limit together, also when two callers decide them. Without "max_open" nothing is counted.
--
-- Rows are locked in one order, by every caller: products by their ids, and after each product its reservations. So no two
-- callers can wait for each other. Two that decide one order at the same time wait for each other at the product; the second
-- then breaks the primary key of the reservations, which undoes all that it has done.
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
                -- Nearly always all of them fit, and one statement is all.
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
                -- For each order what its user holds. What is seen here is of the product's version above, or newer.
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
                    -- What a user holds by now stands at the first of the user's orders.
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
            -- What was decided holds for this stock only, and for what was held at this version: each caller that adds to
            -- that changes the version. This statement locks the row even when it finds another one, so the next try is the last.
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

-- Gives the units of many orders back to the stock, and locks in the order of "reserve". Does nothing for an order that holds
-- none. Returns each that was released. When another caller has released one of them in between, all of it is undone.
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

-- A turn as in the schema of users, or false when another has it.
CREATE FUNCTION "products"."try_turn"("name" text) RETURNS boolean
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
    AS $$ SELECT pg_try_advisory_xact_lock(hashtextextended('products.' || "name", 0)) $$;

-- orders --------------------------------------------------------------------------------------------------------------

CREATE TYPE "orders"."rejection_code" AS ENUM ('OUT_OF_STOCK', 'PRODUCT_NOT_FOUND', 'PURCHASE_LIMIT');
CREATE TYPE "orders"."actor_role" AS ENUM ('CUSTOMER', 'STAFF');

-- SERIAL would end after 2.1 billion orders.
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
-- The orders that wait to be settled, which are few: for the gauges of them, and for how many of one product there are.
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
    -- The system settles; all else is done by a user.
    CONSTRAINT "order_events_system_check" CHECK (("actor_id" IS NULL) = ("status" IN ('CONFIRMED', 'REJECTED'))),
    CONSTRAINT "order_events_staff_check" CHECK ("status" NOT IN ('SHIPPED', 'DELIVERED') OR "actor_role" = 'STAFF'),
    -- Who cancels may say why; staff have to.
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

-- A turn as in the schema of users, or false when another has it.
CREATE FUNCTION "orders"."try_turn"("name" text) RETURNS boolean
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
    AS $$ SELECT pg_try_advisory_xact_lock(hashtextextended('orders.' || "name", 0)) $$;
