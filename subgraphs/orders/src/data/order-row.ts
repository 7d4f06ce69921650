// The columns of `orders.orders`, and the type of a row.
import type { Order as OrderModel } from '@holdfast/database';
import { RejectionCode } from '@holdfast/database/generated/enums';
import {
  bigint,
  type ColumnsOf,
  enumeration,
  integer,
  nullable,
  numeric,
  type RowOf,
  type SqlType,
  textOf,
  timestamptz,
} from '@holdfast/platform/postgres/sql';
import type { OrderStatus } from '../domain/order-status.ts';

export const rejectionCode = enumeration('orders.rejection_code', RejectionCode);

export const ORDER = {
  id: bigint,
  userId: integer,
  productId: integer,
  quantity: integer,
  unitPrice: numeric,
  totalPrice: numeric,
  status: textOf<OrderStatus>(),
  version: integer,
  rejectionCode: nullable(rejectionCode),
  rejectionAvailable: nullable(integer),
  rejectionLimit: nullable(integer),
  rejectionHeld: nullable(integer),
  createdAt: timestamptz,
  updatedAt: timestamptz,
} satisfies ColumnsOf<OrderModel, { status: OrderStatus }>;

type Later =
  | 'id'
  | 'totalPrice'
  | 'status'
  | 'version'
  | 'rejectionCode'
  | 'rejectionAvailable'
  | 'rejectionLimit'
  | 'rejectionHeld'
  | 'createdAt'
  | 'updatedAt';

/** The columns that are given when an order is placed. The database computes or fills the others. */
export const NEW_ORDER = {
  userId: ORDER.userId,
  productId: ORDER.productId,
  quantity: ORDER.quantity,
  unitPrice: ORDER.unitPrice,
} satisfies Record<Exclude<keyof typeof ORDER, Later>, SqlType>;

/** Ids are numbers, amounts are decimal strings. */
export type Order = RowOf<typeof ORDER>;
