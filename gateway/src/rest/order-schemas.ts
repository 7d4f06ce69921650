// REST: what an order looks like going out and coming in.
import { entityTag } from './entity-tag.ts';
import {
  amount,
  dateTime,
  type Header,
  type JsonSchema,
  type NamedSchema,
  PAGE_PARAMETERS,
  record,
  request,
  uuid,
  version,
} from './schema.ts';

/** An order as GraphQL gives it; amounts are decimal strings. */
export interface Order {
  readonly id: string;
  readonly user: { readonly id: string };
  readonly product: { readonly id: string };
  readonly quantity: number;
  readonly unitPrice: string;
  readonly totalPrice: string;
  readonly status: string;
  readonly rejection: { readonly code: string; readonly available: number } | null;
  readonly version: number;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export interface DetailedOrder extends Order {
  readonly history: readonly { readonly status: string; readonly version: number; readonly at: string }[];
}

/** The order as a member of a mutation's result. */
export type OrderResult = { readonly __typename: 'Order' } & Order;

/** Somebody's own: no cache keeps it, a browser's neither. */
export const PRIVATE_CACHE = { 'cache-control': 'no-store' };

export const headersOf = ({ version }: Order) => ({ etag: entityTag(version), ...PRIVATE_CACHE });

export const ORDER_FIELDS =
  'id user { id } product { id } quantity unitPrice totalPrice status rejection { code available } version createdAt updatedAt';
export const DETAILED_ORDER_FIELDS = `${ORDER_FIELDS} history { status version at }`;

/** An order as REST gives it: the table's columns, amounts as numbers. */
export const representation = (order: Order) => ({
  id: order.id,
  user_id: order.user.id,
  product_id: order.product.id,
  quantity: order.quantity,
  unit_price: Number(order.unitPrice),
  total_price: Number(order.totalPrice),
  status: order.status,
  rejection: order.rejection,
  version: order.version,
  created_at: order.createdAt,
  updated_at: order.updatedAt,
});

/** The order that was asked for by its id, with every status that it has had, oldest first. */
export const detailedRepresentation = (order: DetailedOrder) => ({
  ...representation(order),
  history: order.history,
});

const STATUSES = ['PENDING', 'CONFIRMED', 'REJECTED', 'CANCELLED', 'SHIPPED', 'DELIVERED'] as const;
const status: JsonSchema = { type: 'string', enum: STATUSES, description: `one of ${STATUSES.join(', ')}` };

const REJECTION_CODES = ['OUT_OF_STOCK', 'PRODUCT_NOT_FOUND'] as const;
const rejection: JsonSchema = {
  ...record({
    code: { type: 'string', enum: REJECTION_CODES },
    available: {
      type: 'integer',
      minimum: 0,
      description: 'Units that were left at that moment; 0 of a product that had left the catalogue.',
    },
  }),
  type: ['object', 'null'],
  description: 'Why the order was rejected; null for an order that was not.',
};

const members = {
  id: uuid,
  user_id: uuid,
  product_id: uuid,
  quantity: { type: 'integer', minimum: 1 },
  unit_price: { ...amount, description: 'The price of one unit at the moment of ordering.' },
  total_price: amount,
  status,
  rejection,
  version,
  created_at: dateTime,
  updated_at: dateTime,
} as const satisfies Readonly<Record<string, JsonSchema>>;

export const order: NamedSchema = { name: 'Order', schema: record(members) };

export const detailedOrder: NamedSchema = {
  name: 'DetailedOrder',
  schema: record({
    ...members,
    history: {
      type: 'array',
      items: record({ status, version, at: dateTime }),
      description: 'Every status that the order has had, oldest first.',
    },
  }),
};

export const newOrder: NamedSchema = {
  name: 'NewOrder',
  schema: request(
    {
      product_id: { ...uuid, description: 'the id of a product' },
      quantity: { type: 'integer', minimum: 1, maximum: 10_000, description: 'a whole number of 1 to 10000' },
    },
    ['product_id', 'quantity'],
  ),
};

const STEPS = ['SHIPPED', 'DELIVERED'] as const;

/** What staff make of an order. */
export const orderStep: NamedSchema = {
  name: 'OrderStep',
  schema: request({ status: { type: 'string', enum: STEPS, description: STEPS.join(' or ') } }, ['status']),
};

export const LIST_PARAMETERS: Readonly<Record<string, JsonSchema>> = {
  ...PAGE_PARAMETERS,
  status,
  scope: { type: 'string', enum: ['own', 'all'], default: 'own', description: 'own, or, for staff, all' },
  user_id: { ...uuid, description: 'the id of a user, with scope=all' },
};

export const PREFER: Header = {
  name: 'Prefer',
  schema: {
    type: 'string',
    description:
      '`wait=N`: wait up to N seconds, at most 10, for the order to be settled; `respond-async`: do not wait.',
    examples: ['respond-async', 'wait=5'],
  },
};
