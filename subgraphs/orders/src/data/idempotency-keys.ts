// The rows of `orders.idempotency_keys`: which key of a client stands for which order. Each is written by the statement that
// places its order (order-writes.ts).
import type { OrderIdempotencyKey } from '@holdfast/database';
import { createKeySweep } from '@holdfast/platform/postgres/idempotency-keys';
import { bigint, bytea, type ColumnsOf, integer, text, timestamptz } from '@holdfast/platform/postgres/sql';

export const KEY = {
  userId: integer,
  key: text,
  requestHash: bytea,
  orderId: bigint,
  createdAt: timestamptz,
} satisfies ColumnsOf<OrderIdempotencyKey>;

export const sweepKeys = createKeySweep('orders');
