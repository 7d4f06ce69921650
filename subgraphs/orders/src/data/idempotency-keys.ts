// The table `orders.idempotency_keys`: which order a client's key stands for. The statement that places the order writes the key
// (order-statements.ts).
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
