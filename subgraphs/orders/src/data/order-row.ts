// A row of `orders.orders` as the service handles it, and the columns that make one.
import type { Order as OrderModel } from '@holdfast/database';
import type { OrderStatus } from '../domain/order-status.ts';

/** An order with its columns' names in camel case: ids are numbers, amounts are decimal strings. */
export type Order = Omit<OrderModel, 'id' | 'unitPrice' | 'totalPrice' | 'status'> & {
  readonly id: number;
  readonly unitPrice: string;
  readonly totalPrice: string;
  readonly status: OrderStatus;
};

export const ORDER_COLUMNS = `id, user_id AS "userId", product_id AS "productId", quantity, unit_price AS "unitPrice",
  total_price AS "totalPrice", status, version, rejection_code AS "rejectionCode",
  rejection_available AS "rejectionAvailable", created_at AS "createdAt", updated_at AS "updatedAt"`;
