-- By hand: the orders that wait to be settled, which are few, for the gauges of them.
CREATE INDEX "orders_pending_idx" ON "orders"."orders" ("created_at") WHERE "status" = 'PENDING';
