// For tests: the orders subgraph in memory.

import { requireStaff, requireUser } from '@holdfast/platform/auth/viewer';
import { AppError } from '@holdfast/platform/errors';
import { MoneyScalar } from '@holdfast/platform/graphql/scalars';
import type { RequestContext } from '@holdfast/platform/graphql/server';
import { z } from 'zod';
import { NOW, type StubStore, USER_ID } from './stub-data.ts';
import type { Resolvers } from './stub-system.ts';

const idOf = z.looseObject({ id: z.string() });

function order(store: StubStore, version = 1) {
  return {
    id: '10',
    user: { id: USER_ID },
    product: { id: '11' },
    quantity: 2,
    unitPrice: '2.35',
    totalPrice: '4.70',
    status: store.orderStatus,
    rejection: null,
    version,
    history: [
      { status: 'PENDING', version: 1, at: NOW, actor: { id: USER_ID, role: 'CUSTOMER' }, reason: null },
    ],
    createdAt: NOW,
    updatedAt: NOW,
  };
}

/** The order with its new status if it is CONFIRMED and at the expected version; otherwise why not. */
function changed(
  store: StubStore,
  args: unknown,
  status: string,
  refusal: { readonly __typename: string; readonly code: string },
) {
  const { expectedVersion } = z.looseObject({ expectedVersion: z.int() }).parse(args);
  const current = order(store);
  if (expectedVersion !== current.version) {
    return {
      __typename: 'OrderVersionConflict',
      code: 'VERSION_CONFLICT',
      message: 'Somebody else was first.',
      currentVersion: 1,
      current,
    };
  }
  if (store.orderStatus !== 'CONFIRMED') return { ...refusal, message: 'Too late.', current };
  return { __typename: 'Order', ...current, status, version: 2 };
}

export function orderResolvers(store: StubStore): Resolvers {
  return {
    Money: MoneyScalar,
    Query: {
      order: (_: unknown, args: unknown, { viewer }: RequestContext) => {
        requireUser(viewer);
        return idOf.parse(args).id === order(store).id ? order(store) : null;
      },
      orders: (_: unknown, __: unknown, { viewer }: RequestContext) => {
        requireUser(viewer);
        const node = order(store);
        return {
          edges: [{ node, cursor: node.id }],
          pageInfo: { hasNextPage: false, hasPreviousPage: false },
        };
      },
      allOrders: (_: unknown, args: unknown, { viewer }: RequestContext) => {
        requireStaff(viewer);
        store.orderQueries.push(args);
        const node = order(store);
        return { edges: [{ node, cursor: node.id }], pageInfo: { hasNextPage: true, endCursor: 'more' } };
      },
    },
    Mutation: {
      createOrder: (_: unknown, args: unknown, { viewer }: RequestContext) => {
        requireUser(viewer);
        const { input } = z.looseObject({ input: z.looseObject({ quantity: z.int() }) }).parse(args);
        store.orderInputs.push(input);
        if (input.quantity === 503)
          throw new AppError('SERVICE_UNAVAILABLE', 'The products service is not answering.');
        if (input.quantity === 500) throw new Error('secret detail');
        if (input.quantity === 409) {
          return { __typename: 'OutOfStock', code: 'OUT_OF_STOCK', message: '3 were left.', available: 3 };
        }
        if (input.quantity === 422) {
          return {
            __typename: 'IdempotencyKeyReused',
            code: 'IDEMPOTENCY_KEY_REUSED',
            message: 'Used before.',
          };
        }
        return { __typename: 'Order', ...order(store) };
      },
      cancelOrder: (_: unknown, args: unknown, { viewer }: RequestContext) => {
        requireUser(viewer);
        return changed(store, args, 'CANCELLED', {
          __typename: 'OrderNotCancellable',
          code: 'ORDER_NOT_CANCELLABLE',
        });
      },
      advanceOrder: (_: unknown, args: unknown, { viewer }: RequestContext) => {
        requireUser(viewer);
        const { status } = z.looseObject({ status: z.string() }).parse(args);
        return changed(store, args, status, {
          __typename: 'OrderNotAdvanceable',
          code: 'ORDER_NOT_ADVANCEABLE',
        });
      },
    },
  };
}
