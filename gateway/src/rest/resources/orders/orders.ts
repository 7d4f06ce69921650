// REST: orders. Every change of an order is a compare-and-swap on its version.
import { allHandled } from '@holdfast/platform/validation';
import { z } from 'zod';
import {
  AdvanceOrderDocument,
  type AdvanceOrderMutation,
  CancelOrderDocument,
  type CancelOrderMutation,
  CreateOrderDocument,
  type CreateOrderInput,
  type CreateOrderMutation,
  GetOrderDocument,
  ListAllOrdersDocument,
  ListOrdersDocument,
  type OrderPageFragment,
  OrderVersionDocument,
} from '../../../generated/operations.ts';
import { entityTag, hasCurrent } from '../../entity-tag.ts';
import { invalidInput } from '../../errors.ts';
import { type Conflict, conflict, guardedRoute } from '../../guarded-route.ts';
import { idempotencyKeyHeader, readIdempotencyKey } from '../../idempotency-key.ts';
import { PATH_ID } from '../../ids.ts';
import { nextPageLink } from '../../link.ts';
import { operation, present } from '../../operation.ts';
import { readWaitPreference } from '../../prefer.ts';
import { type Problem, problem } from '../../problem.ts';
import {
  BEARER,
  type Done,
  done,
  headerOf,
  json,
  notFound,
  type Route,
  type RouteDescription,
  readCall,
  route,
} from '../../route.ts';
import { IF_NONE_MATCH, REQUIRED_CONDITIONS } from '../../schema.ts';
import { invalidFields } from '../../validation.ts';
import {
  cancellation,
  detailedOrder,
  detailedRepresentation,
  headersOfOrder,
  listParameters,
  newOrder,
  type Order,
  order,
  orderStep,
  PREFER,
  PRIVATE_CACHE,
  toOrderBody,
} from './schemas.ts';

const own = operation(ListOrdersDocument);
const all = operation(ListAllOrdersDocument);

const listDescription = {
  method: 'GET',
  url: '/orders',
  schema: {
    operationId: 'listOrders',
    summary:
      "Lists the caller's own orders, newest first, in pages; for staff with `scope=all` the orders of all customers",
    description:
      '`status` filters the list, and with `scope=all` also `user_id`. `Link` leads to the next page.',
    tags: ['Orders'],
    security: BEARER,
    querystring: listParameters,
    response: { 200: json('The page', order.array(), ['Link']) },
  },
  problems: ['FORBIDDEN'],
} as const satisfies RouteDescription;

const pageAnswer = ({ edges, pageInfo }: OrderPageFragment, query: string): Done<200, Order[]> =>
  done(
    200,
    edges.map(({ node }) => toOrderBody(node)),
    { ...PRIVATE_CACHE, ...nextPageLink('/orders', query, pageInfo) },
  );

const list: Route = {
  description: listDescription,
  operations: [own, all],
  run: async (invocation) => {
    const { query, request } = await readCall(listDescription, invocation);
    const { limit, cursor, status, scope, user_id: userId, ...rest } = query;
    allHandled(rest);
    const variables = { first: limit, after: cursor, status };
    if (scope === 'own' && userId !== undefined)
      throw invalidFields([{ field: 'user_id', message: 'expected only together with scope=all' }]);
    const { page } =
      scope === 'own'
        ? await invocation.execute(own, variables, invocation.caller)
        : await invocation.execute(all, { ...variables, userId }, invocation.caller);
    return pageAnswer(present(page), request.query);
  },
};

const get = route(
  {
    method: 'GET',
    url: '/orders/:id',
    schema: {
      operationId: 'getOrder',
      summary: "Shows one of the caller's own orders, or for staff any order, with its history",
      description:
        'An order of another customer is 404. The `ETag` is the version that a change requires in `If-Match`.',
      tags: ['Orders'],
      security: BEARER,
      params: PATH_ID,
      headers: z.object({ 'If-None-Match': IF_NONE_MATCH }),
      response: {
        200: json('The order', detailedOrder, ['ETag']),
        304: { description: 'The client has the current version of the order', headers: ['ETag'] },
      },
    },
    problems: ['ORDER_NOT_FOUND'],
  },
  {
    operation: operation(GetOrderDocument),
    variables: ({ id }) => ({ id }),
    answer: (data, { id, request }) => {
      if (data.order === null) return notFound('ORDER_NOT_FOUND', id);
      const headers = headersOfOrder(data.order);
      if (hasCurrent(headerOf(request, 'if-none-match'), data.order.version))
        return done(304, undefined, headers);
      return done(200, detailedRepresentation(data.order), headers);
    },
  },
);

function toOrderInput(
  body: z.infer<typeof newOrder>,
  more: Pick<CreateOrderInput, 'idempotencyKey' | 'waitMs'>,
): CreateOrderInput {
  const { product_id: productId, quantity, ...rest } = body;
  allHandled(rest);
  return { productId, quantity, ...more };
}

function answerPlaced(
  data: CreateOrderMutation,
  applied: string | undefined,
): Done<201 | 202, Order> | Problem {
  const result = present(data.createOrder);
  switch (result.__typename) {
    case 'OutOfStock':
      return problem('OUT_OF_STOCK', result.message, { available: result.available });
    case 'PurchaseLimitReached':
      return problem('PURCHASE_LIMIT', result.message, { limit: result.limit, held: result.held });
    case 'ProductNotFound':
      return problem('PRODUCT_NOT_FOUND', result.message);
    case 'IdempotencyKeyReused':
      return problem('IDEMPOTENCY_KEY_REUSED', result.message);
    case 'InvalidInput':
      return invalidInput(result.errors);
    case 'Order': {
      const { __typename, ...fields } = result;
      return done(fields.status === 'PENDING' ? 202 : 201, toOrderBody(fields), {
        location: `/orders/${fields.id}`,
        ...headersOfOrder(fields),
        ...(applied !== undefined && { 'preference-applied': applied }),
      });
    }
  }
}

const IDEMPOTENCY_KEY = idempotencyKeyHeader(
  'The same key with the same body gives the same order, also when the call is repeated. Without a key, a repeated call places a second order. A shop may require the key (`IDEMPOTENCY_KEY=required`); then a call without it is 400.',
);

const create = route(
  {
    method: 'POST',
    url: '/orders',
    schema: {
      operationId: 'createOrder',
      summary: 'Orders a product at its current price, and waits until the stock is reserved',
      description:
        '201: the order is CONFIRMED. 202: the order is PENDING and will be settled; read its `Location` later. 409: the units are not available. Send an `Idempotency-Key` with every order, so that a call whose reply was lost can be repeated without a second order.',
      tags: ['Orders'],
      security: BEARER,
      headers: z.object({ 'Idempotency-Key': IDEMPOTENCY_KEY, Prefer: PREFER }),
      body: newOrder,
      response: {
        201: json(
          'The order; with an Idempotency-Key that was used before, the current state of that order',
          order,
          ['ETag', 'Location', 'Preference-Applied'],
        ),
        202: json('The order is accepted and not settled yet; read its Location later', order, [
          'ETag',
          'Location',
          'Preference-Applied',
        ]),
      },
    },
    problems: ['FORBIDDEN', 'PRODUCT_NOT_FOUND', 'OUT_OF_STOCK', 'PURCHASE_LIMIT', 'IDEMPOTENCY_KEY_REUSED'],
  },
  {
    operation: operation(CreateOrderDocument),
    variables: ({ body, request }) => {
      const waitMs = readWaitPreference(headerOf(request, 'prefer'))?.waitMs;
      const idempotencyKey = readIdempotencyKey(headerOf(request, 'idempotency-key'));
      return { input: toOrderInput(body, { idempotencyKey, waitMs }) };
    },
    answer: (data, { request }) =>
      answerPlaced(data, readWaitPreference(headerOf(request, 'prefer'))?.applied),
  },
);

const orderNotFound = (id: string) => notFound('ORDER_NOT_FOUND', id);

function answerRejected(
  code: 'ORDER_NOT_CANCELLABLE' | 'ORDER_NOT_ADVANCEABLE',
  {
    message,
    current: { version },
  }: { readonly message: string; readonly current: { readonly version: number } },
): Problem {
  return problem(code, message, { current_version: version }, { etag: entityTag(version) });
}

function answerChanged(
  data: CancelOrderMutation['cancelOrder'] | AdvanceOrderMutation['advanceOrder'],
  id: string,
): Done<200, Order> | Problem | Conflict {
  const result = present(data);
  switch (result.__typename) {
    case 'OrderVersionConflict':
      return conflict(result.currentVersion);
    case 'OrderNotCancellable':
      return answerRejected('ORDER_NOT_CANCELLABLE', result);
    case 'OrderNotAdvanceable':
      return answerRejected('ORDER_NOT_ADVANCEABLE', result);
    case 'OrderNotFound':
      return orderNotFound(id);
    case 'InvalidInput':
      return invalidInput(result.errors);
    case 'Order': {
      const { __typename, ...fields } = result;
      return done(200, toOrderBody(fields), headersOfOrder(fields));
    }
  }
}

const currentOrder = operation(OrderVersionDocument);

const CHANGE_REPLIES = {
  200: json('The order as it is now', order, ['ETag']),
};
const CHANGE_PROBLEMS = [
  'ORDER_NOT_FOUND',
  'VERSION_CONFLICT',
  'PRECONDITION_FAILED',
  'PRECONDITION_REQUIRED',
] as const;

const cancel = guardedRoute(
  {
    method: 'POST',
    url: '/orders/:id/cancel',
    schema: {
      operationId: 'cancelOrder',
      summary:
        'Cancels a CONFIRMED order, if it is still at the version in `If-Match`, and puts its units back into stock',
      description:
        'Customers cancel their own orders, and may give a reason. Staff cancel any order, and must give a reason. A shipped order cannot be cancelled (409 `ORDER_NOT_CANCELLABLE`).',
      tags: ['Orders'],
      security: BEARER,
      params: PATH_ID,
      headers: REQUIRED_CONDITIONS,
      body: cancellation,
      isBodyOptional: true,
      response: CHANGE_REPLIES,
    },
    problems: ['ORDER_NOT_CANCELLABLE', ...CHANGE_PROBLEMS],
  },
  {
    condition: 'required',
    current: currentOrder,
    operation: operation(CancelOrderDocument),
    variables: ({ id, body: { reason, ...rest } }, expectedVersion) => {
      allHandled(rest);
      return { id, expectedVersion, reason };
    },
    answer: ({ cancelOrder }, { id }) => answerChanged(cancelOrder, id),
    notFound: orderNotFound,
  },
);

const advance = guardedRoute(
  {
    method: 'POST',
    url: '/orders/:id/advance',
    schema: {
      operationId: 'advanceOrder',
      summary:
        'For staff: ships a CONFIRMED order or delivers a SHIPPED one, if it is still at the version in `If-Match`',
      description:
        'The status must be the next one, otherwise the reply is 409 `ORDER_NOT_ADVANCEABLE`. Of a concurrent cancellation and shipment, only one succeeds.',
      tags: ['Orders'],
      security: BEARER,
      params: PATH_ID,
      headers: REQUIRED_CONDITIONS,
      body: orderStep,
      response: CHANGE_REPLIES,
    },
    problems: ['FORBIDDEN', 'ORDER_NOT_ADVANCEABLE', ...CHANGE_PROBLEMS],
  },
  {
    condition: 'required',
    current: currentOrder,
    operation: operation(AdvanceOrderDocument),
    variables: ({ id, body: { status, ...rest } }, expectedVersion) => {
      allHandled(rest);
      return { id, expectedVersion, status };
    },
    answer: ({ advanceOrder }, { id }) => answerChanged(advanceOrder, id),
    notFound: orderNotFound,
  },
);

export const orderRoutes: readonly Route[] = [list, get, create, cancel, advance];
