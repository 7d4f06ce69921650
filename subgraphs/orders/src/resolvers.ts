// Authorise, call one domain function, return.

import { maySee, requireStaff, requireUser } from '@holdfast/platform/auth/viewer';
import { AppError } from '@holdfast/platform/errors';
import type { FieldsBeside } from '@holdfast/platform/graphql/fields';
import { DateTimeScalar, MoneyScalar } from '@holdfast/platform/graphql/scalars';
import { parseId, parseOrderId } from '@holdfast/platform/ids';
import type { Context, EntityKey } from './context.ts';
import type { OrderEvent } from './data/order-events.ts';
import type { Order } from './data/orders.ts';
import { advanceOrder } from './domain/advance-order.ts';
import { cancelOrder } from './domain/cancel-order.ts';
import { listAllOrders, listOrders } from './domain/list-orders.ts';
import type {
  Order as GraphOrder,
  OrderEvent as GraphOrderEvent,
  Mutation,
  OrderRejection,
  Query,
  Resolvers,
  User,
} from './generated/graphql.ts';

/** The order when the viewer may see it. Somebody else's looks like one that does not exist. */
async function visibleOrder(id: string, { viewer, orderById }: Context): Promise<Order | null> {
  const orderId = parseOrderId(id);
  const order = orderId === undefined ? null : await orderById.load(orderId);
  return order && maySee(viewer, order.userId) ? order : null;
}

/** Problems name their type; what does not is the order itself. */
const memberType = <Problem extends string>(
  outcome: Order | { readonly __typename?: Problem },
): Problem | 'Order' => ('__typename' in outcome ? outcome.__typename : undefined) ?? 'Order';

/** What GraphQL takes from rows must be in them; all other fields have a resolver. */
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
    orders: (_, query, { viewer, orders }) => listOrders(orders, requireUser(viewer).id, query),
    allOrders: (_, query, { viewer, orders }) => {
      requireStaff(viewer);
      return listAllOrders(orders, query);
    },
  },
  Mutation: {
    createOrder: (_, { input }, { viewer, requestId, deadlineAt, placeOrder, requireBuyer }) =>
      placeOrder(input, { user: requireBuyer(viewer), requestId, deadlineAt }),
    cancelOrder: (_, change, { viewer, orders, origin, record }) =>
      cancelOrder(orders, { actor: requireUser(viewer), origin, record }, change),
    advanceOrder: (_, change, { viewer, orders }) => advanceOrder(orders, requireStaff(viewer), change),
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
    history: ({ id }, _, { historyOf }) => historyOf.load(id),
  },
  OrderEvent: {
    at: ({ createdAt }) => createdAt,
    // The users service answers for those accounts only that the viewer may see.
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
    orders: ({ id }, query, { viewer, orders }) => {
      requireUser(viewer);
      if (maySee(viewer, id)) return listOrders(orders, id, query);
      throw new AppError('FORBIDDEN', 'Only the user and staff may see these orders.');
    },
  },
  CreateOrderResult: { __resolveType: memberType },
  CancelOrderResult: { __resolveType: memberType },
  AdvanceOrderResult: { __resolveType: memberType },
} satisfies Resolvers & EveryField;
