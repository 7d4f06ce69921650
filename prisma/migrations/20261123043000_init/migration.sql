-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "orders";

-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "products";

-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "users";

-- CreateEnum
CREATE TYPE "orders"."order_status" AS ENUM ('PENDING', 'CONFIRMED', 'REJECTED', 'CANCELLED', 'SHIPPED', 'DELIVERED');

-- CreateEnum
CREATE TYPE "orders"."rejection_code" AS ENUM ('OUT_OF_STOCK', 'PRODUCT_NOT_FOUND');

-- CreateEnum
CREATE TYPE "products"."reservation_status" AS ENUM ('HELD', 'REFUSED', 'RELEASED');

-- CreateEnum
CREATE TYPE "users"."role" AS ENUM ('CUSTOMER', 'STAFF');

-- CreateTable
CREATE TABLE "orders"."orders" (
    "id" UUID NOT NULL DEFAULT uuidv7(),
    "user_id" UUID NOT NULL,
    "product_id" UUID NOT NULL,
    "quantity" INTEGER NOT NULL,
    "unit_price" DECIMAL(10,2) NOT NULL,
    "total_price" DECIMAL(14,2) NOT NULL,
    "status" "orders"."order_status" NOT NULL DEFAULT 'PENDING',
    "version" INTEGER NOT NULL DEFAULT 1,
    "idempotency_key" VARCHAR(255),
    "request_hash" BYTEA,
    "rejection_code" "orders"."rejection_code",
    "rejection_available" INTEGER,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "orders_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "orders"."order_events" (
    "order_id" UUID NOT NULL,
    "version" INTEGER NOT NULL,
    "status" "orders"."order_status" NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "order_events_pkey" PRIMARY KEY ("order_id","version")
);

-- CreateTable
CREATE TABLE "products"."products" (
    "id" UUID NOT NULL DEFAULT uuidv7(),
    "name" VARCHAR(200) NOT NULL,
    "description" TEXT,
    "price" DECIMAL(10,2) NOT NULL,
    "stock" INTEGER NOT NULL,
    "version" INTEGER NOT NULL DEFAULT 1,
    "content_version" INTEGER NOT NULL DEFAULT 1,
    "archived_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "products_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "products"."reservations" (
    "order_id" UUID NOT NULL,
    "product_id" UUID NOT NULL,
    "quantity" INTEGER NOT NULL,
    "status" "products"."reservation_status" NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "reservations_pkey" PRIMARY KEY ("order_id")
);

-- CreateTable
CREATE TABLE "users"."users" (
    "id" UUID NOT NULL DEFAULT uuidv7(),
    "username" VARCHAR(64) NOT NULL,
    "email" VARCHAR(254) NOT NULL,
    "password_hash" TEXT NOT NULL,
    "role" "users"."role" NOT NULL DEFAULT 'CUSTOMER',
    "version" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "users_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "users"."sessions" (
    "id" UUID NOT NULL DEFAULT uuidv7(),
    "family_id" UUID NOT NULL,
    "user_id" UUID NOT NULL,
    "token_hash" BYTEA NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "used_at" TIMESTAMPTZ(3),
    "revoked_at" TIMESTAMPTZ(3),

    CONSTRAINT "sessions_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "orders_user_id_id_idx" ON "orders"."orders"("user_id", "id" DESC);

-- CreateIndex
CREATE INDEX "orders_user_id_status_id_idx" ON "orders"."orders"("user_id", "status", "id" DESC);

-- CreateIndex
CREATE INDEX "orders_product_id_idx" ON "orders"."orders"("product_id");

-- CreateIndex
CREATE UNIQUE INDEX "orders_user_id_idempotency_key_key" ON "orders"."orders"("user_id", "idempotency_key");

-- CreateIndex
CREATE INDEX "products_price_id_idx" ON "products"."products"("price", "id");

-- CreateIndex
CREATE INDEX "products_name_id_idx" ON "products"."products"("name", "id");

-- CreateIndex
CREATE INDEX "reservations_product_id_idx" ON "products"."reservations"("product_id");

-- CreateIndex
CREATE UNIQUE INDEX "users_email_key" ON "users"."users"("email");

-- CreateIndex
CREATE UNIQUE INDEX "sessions_token_hash_key" ON "users"."sessions"("token_hash");

-- CreateIndex
CREATE INDEX "sessions_family_id_idx" ON "users"."sessions"("family_id");

-- CreateIndex
CREATE INDEX "sessions_user_id_idx" ON "users"."sessions"("user_id");

-- AddForeignKey
ALTER TABLE "orders"."orders" ADD CONSTRAINT "orders_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"."users"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "orders"."orders" ADD CONSTRAINT "orders_product_id_fkey" FOREIGN KEY ("product_id") REFERENCES "products"."products"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "orders"."order_events" ADD CONSTRAINT "order_events_order_id_fkey" FOREIGN KEY ("order_id") REFERENCES "orders"."orders"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "products"."reservations" ADD CONSTRAINT "reservations_product_id_fkey" FOREIGN KEY ("product_id") REFERENCES "products"."products"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "users"."sessions" ADD CONSTRAINT "sessions_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"."users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- From here on by hand: what the Prisma schema cannot say, and its diff does not look at.

-- CheckConstraints
ALTER TABLE "users"."users"
    ADD CONSTRAINT "users_email_lower_check" CHECK ("email" = lower("email")),
    ADD CONSTRAINT "users_username_check" CHECK ("username" ~ '^[A-Za-z0-9_.-]{3,64}$'),
    ADD CONSTRAINT "users_version_check" CHECK ("version" >= 1);

ALTER TABLE "products"."products"
    ADD CONSTRAINT "products_name_check" CHECK (length("name") >= 1),
    ADD CONSTRAINT "products_price_check" CHECK ("price" >= 0),
    ADD CONSTRAINT "products_stock_check" CHECK ("stock" >= 0),
    ADD CONSTRAINT "products_version_check" CHECK ("version" >= 1),
    ADD CONSTRAINT "products_content_version_check" CHECK ("content_version" BETWEEN 1 AND "version");

ALTER TABLE "products"."reservations"
    ADD CONSTRAINT "reservations_quantity_check" CHECK ("quantity" > 0);

ALTER TABLE "orders"."orders"
    ADD CONSTRAINT "orders_quantity_check" CHECK ("quantity" > 0),
    ADD CONSTRAINT "orders_unit_price_check" CHECK ("unit_price" >= 0),
    ADD CONSTRAINT "orders_total_price_check" CHECK ("total_price" = "unit_price" * "quantity"),
    ADD CONSTRAINT "orders_version_check" CHECK ("version" >= 1),
    ADD CONSTRAINT "orders_rejection_code_check" CHECK (("rejection_code" IS NOT NULL) = ("status" = 'REJECTED')),
    ADD CONSTRAINT "orders_idempotency_check" CHECK (("idempotency_key" IS NULL) = ("request_hash" IS NULL));

ALTER TABLE "orders"."order_events"
    ADD CONSTRAINT "order_events_version_check" CHECK ("version" >= 1);

-- CreateIndex: usernames are kept as written and compared without case.
CREATE UNIQUE INDEX "users_username_key" ON "users"."users" (lower("username"));

-- CreateIndex: the catalogue, newest first.
CREATE INDEX "products_live_idx" ON "products"."products" ("id" DESC) WHERE "archived_at" IS NULL;

-- CreateIndex: the catalogue's full-text search.
CREATE INDEX "products_search_idx" ON "products"."products"
    USING GIN (to_tsvector('simple', "name" || ' ' || coalesce("description", '')))
    WHERE "archived_at" IS NULL;
