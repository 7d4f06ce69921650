// REST: cancelling an order, a compare-and-swap on its version.
import { entityTag } from './entity-tag.js';
import { conflict, guardedRoute } from './guarded-route.js';
import { operation } from './operation.js';
import { headersOf, ORDER_FIELDS, type OrderResult, order, representation } from './order-schemas.js';
import { problem } from './problem.js';
import { done, notFound, type Refusal } from './route.js';
import { IF_MATCH } from './schema.js';

const orderNotFound = (id: string) => notFound('ORDER_NOT_FOUND', id);

type CancelOrderResult =
  | OrderResult
  | (Refusal<'OrderVersionConflict'> & { readonly currentVersion: number })
  | (Refusal<'OrderNotCancellable'> & { readonly current: { readonly version: number } })
  | Refusal<'OrderNotFound'>;

export const cancel = guardedRoute({
  method: 'POST',
  path: '/orders/{id}/cancel',
  operationId: 'cancelOrder',
  summary: 'Cancels a CONFIRMED order, if it is still at the version in `If-Match`, and puts its units back',
  tag: 'Orders',
  secured: true,
  headers: [{ ...IF_MATCH, required: true }],
  replies: {
    200: { description: 'The order as it is now', content: { schema: order }, headers: ['ETag'] },
  },
  problems: [
    'ORDER_NOT_FOUND',
    'ORDER_NOT_CANCELLABLE',
    'VERSION_CONFLICT',
    'PRECONDITION_FAILED',
    'PRECONDITION_REQUIRED',
  ],
  condition: 'required',
  current: operation<{ readonly current: { readonly version: number } | null }, { readonly id: string }>(
    'query OrderVersion($id: ID!) { current: order(id: $id) { version } }',
  ),
  operation: operation<
    { readonly cancelOrder: CancelOrderResult },
    { readonly id: string; readonly expectedVersion: number }
  >(
    `mutation CancelOrder($id: ID!, $expectedVersion: Int!) {
      cancelOrder(id: $id, expectedVersion: $expectedVersion) {
        __typename
        ... on Order { ${ORDER_FIELDS} }
        ... on OrderVersionConflict { message currentVersion }
        ... on OrderNotCancellable { message current { version } }
        ... on OrderNotFound { message }
      }
    }`,
  ),
  variables: ({ id }, expectedVersion) => ({ id, expectedVersion }),
  answer: ({ cancelOrder: result }, { id }) => {
    switch (result.__typename) {
      case 'OrderVersionConflict':
        return conflict(result.currentVersion);
      case 'OrderNotCancellable': {
        const { version } = result.current;
        return problem(
          'ORDER_NOT_CANCELLABLE',
          result.message,
          { current_version: version },
          { etag: entityTag(version) },
        );
      }
      case 'OrderNotFound':
        return orderNotFound(id);
      case 'Order': {
        const { __typename, ...fields } = result;
        return done(200, representation(fields), headersOf(fields));
      }
    }
  },
  notFound: orderNotFound,
});
