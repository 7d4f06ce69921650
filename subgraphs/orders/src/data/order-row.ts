// A row of `orders.orders` as the service handles it, and the columns that make one.
import type { Order as OrderModel } from '@holdfast/database';

/** An order with its columns' names in camel case: amounts are decimal strings. */
export type Order = Omit<OrderModel, 'unitPrice' | 'totalPrice'> & {
  readonly unitPrice: string;
  readonly totalPrice: string;
};

export const ORDER_COLUMNS = `id, user_id AS "userId", product_id AS "productId", quantity, unit_price AS "unitPrice",
  total_price AS "totalPrice", status, version, idempotency_key AS "idempotencyKey", request_hash AS "requestHash",
  rejection_code AS "rejectionCode", rejection_available AS "rejectionAvailable",
  created_at AS "createdAt", updated_at AS "updatedAt"`;
