// REST: orders, one by one.

import { allHandled } from '@holdfast/platform/validation';
import type { z } from 'zod';
import {
  CreateOrderDocument,
  type CreateOrderInput,
  type CreateOrderMutation,
  GetOrderDocument,
} from '../generated/operations.ts';
import { hasCurrent } from './entity-tag.ts';
import { invalidInput } from './faults.ts';
import { idempotencyKeyHeader, readIdempotencyKey } from './idempotency-key.ts';
import { bodyOf, NOTHING } from './intake.ts';
import { list } from './list-orders.ts';
import { operation, present } from './operation.ts';
import { advance, cancel } from './order-changes.ts';
import {
  detailedOrder,
  detailedRepresentation,
  headersOf,
  newOrder,
  type Order,
  order,
  PREFER,
  representation,
} from './order-schemas.ts';
import { readWaitPreference } from './prefer.ts';
import { type Problem, problem } from './problem.ts';
import { type Done, done, headerOf, notFound, type Route, route } from './route.ts';
import { IF_NONE_MATCH } from './schema.ts';

const get = route(
  {
    method: 'GET',
    path: '/orders/{id}',
    operationId: 'getOrder',
    summary: "One of the caller's own orders, for staff any, with its history",
    tag: 'Orders',
    secured: true,
    headers: [IF_NONE_MATCH],
    takes: NOTHING,
    replies: {
      200: { description: 'The order', content: { schema: detailedOrder }, headers: ['ETag'] },
      304: { description: 'The order is at the version that the client has', headers: ['ETag'] },
    },
    problems: ['ORDER_NOT_FOUND'],
  },
  {
    operation: operation(GetOrderDocument),
    variables: ({ id }) => ({ id }),
    answer: (data, { id, request }) => {
      if (data.order === null) return notFound('ORDER_NOT_FOUND', id);
      const headers = headersOf(data.order);
      if (hasCurrent(headerOf(request, 'if-none-match'), data.order.version))
        return done(304, undefined, headers);
      return done(200, detailedRepresentation(data.order), headers);
    },
  },
);

function graphqlInput(
  body: z.infer<typeof newOrder.schema>,
  more: Pick<CreateOrderInput, 'idempotencyKey' | 'waitMs'>,
): CreateOrderInput {
  const { product_id: productId, quantity, ...rest } = body;
  allHandled(rest);
  return { productId, quantity, ...more };
}

function placed(data: CreateOrderMutation, applied: string | undefined): Done<201 | 202, Order> | Problem {
  const result = present(data.createOrder);
  switch (result.__typename) {
    case 'OutOfStock':
      return problem('OUT_OF_STOCK', result.message, { available: result.available });
    case 'ProductNotFound':
      return problem('PRODUCT_NOT_FOUND', result.message);
    case 'IdempotencyKeyReused':
      return problem('IDEMPOTENCY_KEY_REUSED', result.message);
    case 'InvalidInput':
      return invalidInput(result.errors);
    case 'Order': {
      const { __typename, ...fields } = result;
      return done(fields.status === 'PENDING' ? 202 : 201, representation(fields), {
        location: `/orders/${fields.id}`,
        ...headersOf(fields),
        ...(applied !== undefined && { 'preference-applied': applied }),
      });
    }
  }
}

const IDEMPOTENCY_KEY = idempotencyKeyHeader(
  'The same key with the same body gives the same order, however often it is sent; without one, a call that is sent twice is two orders. A shop may require it (`IDEMPOTENCY_KEY=required`), and then a call without it is 400.',
);

const create = route(
  {
    method: 'POST',
    path: '/orders',
    operationId: 'createOrder',
    summary: 'Orders a product at its price of this moment, and waits for the stock to be reserved',
    tag: 'Orders',
    secured: true,
    headers: [IDEMPOTENCY_KEY, PREFER],
    takes: bodyOf(newOrder),
    replies: {
      201: {
        description: 'The order; with an Idempotency-Key that was used before, that order as it is now',
        content: { schema: order },
        headers: ['ETag', 'Location', 'Preference-Applied'],
      },
      202: {
        description: 'The order is accepted and not settled yet; look at its Location again',
        content: { schema: order },
        headers: ['ETag', 'Location', 'Preference-Applied'],
      },
    },
    problems: ['PRODUCT_NOT_FOUND', 'OUT_OF_STOCK', 'IDEMPOTENCY_KEY_REUSED'],
  },
  {
    operation: operation(CreateOrderDocument),
    variables: ({ input, request }) => {
      const waitMs = readWaitPreference(headerOf(request, 'prefer'))?.waitMs;
      const idempotencyKey = readIdempotencyKey(headerOf(request, 'idempotency-key'));
      return { input: graphqlInput(input, { idempotencyKey, waitMs }) };
    },
    answer: (data, { request }) => placed(data, readWaitPreference(headerOf(request, 'prefer'))?.applied),
  },
);

export const orderRoutes: readonly Route[] = [list, get, create, cancel, advance];
