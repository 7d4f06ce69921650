-- CreateIndex
CREATE INDEX "orders_status_id_idx" ON "orders"."orders"("status", "id");
