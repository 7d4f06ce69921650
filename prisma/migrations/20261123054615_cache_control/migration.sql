-- CreateTable
CREATE TABLE "products"."cache_control" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "epoch" INTEGER NOT NULL DEFAULT 1,
    "run_id" VARCHAR(64),
    "suspended_until" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "cache_control_pkey" PRIMARY KEY ("id")
);

-- By hand: there is one row.
ALTER TABLE "products"."cache_control" ADD CONSTRAINT "cache_control_id_check" CHECK ("id" = 1);
INSERT INTO "products"."cache_control" DEFAULT VALUES;
