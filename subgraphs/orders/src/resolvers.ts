// The resolvers of the orders subgraph: each authorises the viewer and calls one function of the domain.

import { maySee, requireStaff, requireUser } from '@holdfast/platform/auth/viewer';
import { AppError } from '@holdfast/platform/errors';
import type { FieldsBeside } from '@holdfast/platform/graphql/fields';
import { createMemberType } from '@holdfast/platform/graphql/result-unions';
import { DateTimeScalar, MoneyScalar } from '@holdfast/platform/graphql/scalars';
import { parseId, parseOrderId } from '@holdfast/platform/ids';
import type { Context, EntityKey } from './context.ts';
import type { Order, OrderEvent } from './domain.ts';
import type {
  Order as GraphOrder,
  OrderEvent as GraphOrderEvent,
  Mutation,
  OrderRejection,
  Query,
  Resolvers,
  User,
} from './generated/graphql.ts';

/** The order, if the viewer may see it. An order of another customer looks like one that does not exist. */
async function visibleOrder(id: string, { viewer, orders }: Context): Promise<Order | null> {
  const orderId = parseOrderId(id);
  const order = orderId === undefined ? null : await orders.load(orderId);
  return order && maySee(viewer, order.userId) ? order : null;
}

const __resolveType = createMemberType<Order, 'Order'>('Order');

/** GraphQL reads a field without a resolver from the row, so every field that the row lacks must have a resolver. */
type EveryField = {
  readonly Query: FieldsBeside<Query, unknown>;
  readonly Mutation: FieldsBeside<Mutation, unknown>;
  readonly Order: FieldsBeside<GraphOrder, Order>;
  readonly OrderEvent: FieldsBeside<GraphOrderEvent, OrderEvent>;
  readonly User: FieldsBeside<User, EntityKey>;
};

export const resolvers = {
  DateTime: DateTimeScalar,
  Money: MoneyScalar,

  Query: {
    order: (_, { id }, context) => {
      requireUser(context.viewer);
      return visibleOrder(id, context);
    },
    orders: (_, query, { viewer, listOrders }) => listOrders(query, requireUser(viewer).id),
    allOrders: (_, query, { viewer, listAllOrders }) => {
      requireStaff(viewer);
      return listAllOrders(query);
    },
  },

  Mutation: {
    createOrder: (_, { input }, { viewer, requestId, deadlineAt, placeOrder, requireBuyer }) =>
      placeOrder(input, { user: requireBuyer(viewer), requestId, deadlineAt }),
    cancelOrder: (_, change, { viewer, origin, cancelOrder }) =>
      cancelOrder(change, { actor: requireUser(viewer), origin }),
    advanceOrder: (_, change, { viewer, advanceOrder }) => advanceOrder(change, requireStaff(viewer)),
  },

  Order: {
    __resolveReference: ({ id }, context) => {
      requireUser(context.viewer);
      return visibleOrder(id, context);
    },
    user: ({ userId }) => ({ id: userId }),
    product: ({ productId }) => ({ id: productId }),
    rejection: ({
      rejectionCode: code,
      rejectionAvailable: available,
      rejectionLimit: limit,
      rejectionHeld: held,
    }): Required<Omit<OrderRejection, '__typename'>> | null =>
      code === null ? null : { code, available: available ?? 0, limit, held },
    history: ({ id }, _, { histories }) => histories.load(id),
  },

  OrderEvent: {
    at: ({ createdAt }) => createdAt,
    // The users service resolves only accounts that the viewer may see.
    actor: ({ actorId: id, actorRole: role }, _, { viewer }) =>
      id === null || role === null
        ? null
        : { id: String(id), role, user: maySee(viewer, id) ? { id } : null },
  },

  User: {
    __resolveReference: (reference) => {
      const id = parseId(reference.id);
      return id === undefined ? null : { id };
    },
    orders: ({ id }, query, { viewer, listOrders }) => {
      requireUser(viewer);
      if (maySee(viewer, id)) return listOrders(query, id);
      throw new AppError('FORBIDDEN', 'Only the user and staff may see these orders.');
    },
  },

  CreateOrderResult: { __resolveType },
  CancelOrderResult: { __resolveType },
  AdvanceOrderResult: { __resolveType },
} satisfies Resolvers & EveryField;
