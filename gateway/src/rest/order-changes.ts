// REST: what changes an order. Every change is a compare-and-swap on its version.

import { allHandled } from '@holdfast/platform/validation';
import {
  AdvanceOrderDocument,
  type AdvanceOrderMutation,
  CancelOrderDocument,
  type CancelOrderMutation,
  OrderVersionDocument,
} from '../generated/operations.ts';
import { entityTag } from './entity-tag.ts';
import { type Conflict, conflict, guardedRoute } from './guarded-route.ts';
import { bodyOf, NOTHING } from './intake.ts';
import { operation, present } from './operation.ts';
import { headersOf, type Order, order, orderStep, representation } from './order-schemas.ts';
import { type Problem, problem } from './problem.ts';
import { type Done, done, notFound } from './route.ts';
import { IF_MATCH, UNLESS_MATCH } from './schema.ts';

const orderNotFound = (id: string) => notFound('ORDER_NOT_FOUND', id);

function refused(
  code: 'ORDER_NOT_CANCELLABLE' | 'ORDER_NOT_ADVANCEABLE',
  {
    message,
    current: { version },
  }: { readonly message: string; readonly current: { readonly version: number } },
): Problem {
  return problem(code, message, { current_version: version }, { etag: entityTag(version) });
}

function changed(
  data: CancelOrderMutation['cancelOrder'] | AdvanceOrderMutation['advanceOrder'],
  id: string,
): Done<200, Order> | Problem | Conflict {
  const result = present(data);
  switch (result.__typename) {
    case 'OrderVersionConflict':
      return conflict(result.currentVersion);
    case 'OrderNotCancellable':
      return refused('ORDER_NOT_CANCELLABLE', result);
    case 'OrderNotAdvanceable':
      return refused('ORDER_NOT_ADVANCEABLE', result);
    case 'OrderNotFound':
      return orderNotFound(id);
    case 'Order': {
      const { __typename, ...fields } = result;
      return done(200, representation(fields), headersOf(fields));
    }
  }
}

const current = operation(OrderVersionDocument);

const CHANGE_REPLIES = {
  200: { description: 'The order as it is now', content: { schema: order }, headers: ['ETag'] },
};
const CHANGE_PROBLEMS = [
  'ORDER_NOT_FOUND',
  'VERSION_CONFLICT',
  'PRECONDITION_FAILED',
  'PRECONDITION_REQUIRED',
] as const;

export const cancel = guardedRoute(
  {
    method: 'POST',
    path: '/orders/{id}/cancel',
    operationId: 'cancelOrder',
    summary:
      'Cancels a CONFIRMED order, if it is still at the version in `If-Match`, and puts its units back',
    tag: 'Orders',
    secured: true,
    headers: [{ ...IF_MATCH, required: true }, UNLESS_MATCH],
    takes: NOTHING,
    replies: CHANGE_REPLIES,
    problems: ['ORDER_NOT_CANCELLABLE', ...CHANGE_PROBLEMS],
  },
  {
    condition: 'required',
    current,
    operation: operation(CancelOrderDocument),
    variables: ({ id }, expectedVersion) => ({ id, expectedVersion }),
    answer: ({ cancelOrder }, { id }) => changed(cancelOrder, id),
    notFound: orderNotFound,
  },
);

export const advance = guardedRoute(
  {
    method: 'POST',
    path: '/orders/{id}/advance',
    operationId: 'advanceOrder',
    summary:
      'For staff: ships a CONFIRMED order or delivers a SHIPPED one, if it is still at the version in `If-Match`',
    tag: 'Orders',
    secured: true,
    headers: [{ ...IF_MATCH, required: true }, UNLESS_MATCH],
    takes: bodyOf(orderStep),
    replies: CHANGE_REPLIES,
    problems: ['FORBIDDEN', 'ORDER_NOT_ADVANCEABLE', ...CHANGE_PROBLEMS],
  },
  {
    condition: 'required',
    current,
    operation: operation(AdvanceOrderDocument),
    variables: ({ id, input: { status, ...rest } }, expectedVersion) => {
      allHandled(rest);
      return { id, expectedVersion, status };
    },
    answer: ({ advanceOrder }, { id }) => changed(advanceOrder, id),
    notFound: orderNotFound,
  },
);
