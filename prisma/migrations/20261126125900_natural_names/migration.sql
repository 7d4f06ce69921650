-- By hand. The order of names that people expect: letters before accents, accents before case, numbers by their value.
-- It depends on the server's version of ICU: see "Names in order" in docs/operations.md.
CREATE COLLATION "products"."natural_order" (provider = icu, locale = 'und-u-kn-true');

DROP INDEX "products"."products_name_id_idx";
ALTER TABLE "products"."products"
    ALTER COLUMN "name" TYPE VARCHAR(200) COLLATE "products"."natural_order";

-- The catalogue by name and by price. A walk along them meets no product that has left it.
CREATE INDEX "products_name_id_idx" ON "products"."products" ("name", "id") WHERE "archived_at" IS NULL;
DROP INDEX "products"."products_price_id_idx";
CREATE INDEX "products_price_id_idx" ON "products"."products" ("price", "id") WHERE "archived_at" IS NULL;
