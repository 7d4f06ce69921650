// The console's client of the graph.
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from '@apollo/client';
import { SetContextLink } from '@apollo/client/link/context';
import { ErrorLink } from '@apollo/client/link/error';
import { RetryLink } from '@apollo/client/link/retry';
import { relayStylePagination } from '@apollo/client/utilities';
import { OperationTypeNode } from 'graphql';
import { POSSIBLE_TYPES } from '../generated/operations.ts';
import { Session } from './session/session.ts';
import { errorOf } from './ui/error.ts';

declare module '@apollo/client' {
  namespace ApolloClient {
    namespace DeclareDefaultOptions {
      interface WatchQuery {
        errorPolicy: 'all';
      }
    }
  }
}

/** When a service is down, only its own fields are missing: the page shows the others together with the error. */
const DEFAULT_OPTIONS = { watchQuery: { errorPolicy: 'all' } } as const;

const http = new HttpLink({ uri: '/graphql' });

/** Operations that are safe to retry without a reply: queries, and mutations with an idempotency key. */
const retry = new RetryLink({
  attempts: {
    max: 3,
    retryIf: (_, { operationType, variables }) =>
      operationType === OperationTypeNode.QUERY ||
      'idempotencyKey' in variables ||
      typeof variables['input']?.idempotencyKey === 'string',
  },
});

export const session = new Session(
  new ApolloClient({
    link: ApolloLink.from([retry, http]),
    cache: new InMemoryCache({ possibleTypes: POSSIBLE_TYPES }),
    defaultOptions: DEFAULT_OPTIONS,
  }),
);

/** A token can be revoked before it expires, for example when staff ends the account's sessions. Then the operation is sent once more. */
const refusedToken = new ErrorLink(({ error, operation, forward }) => {
  const { token, sentAgain } = operation.getContext();
  if (errorOf(error)?.code !== 'UNAUTHENTICATED' || sentAgain || typeof token !== 'string') return;
  session.refused(token);
  operation.setContext({ sentAgain: true });
  return forward(operation);
});

const authorize = new SetContextLink(async ({ headers }) => {
  const token = await session.accessToken();
  return { token, headers: { ...headers, authorization: `Bearer ${token}` } };
});

export const client = new ApolloClient({
  link: ApolloLink.from([refusedToken, authorize, retry, http]),
  defaultOptions: DEFAULT_OPTIONS,
  cache: new InMemoryCache({
    possibleTypes: POSSIBLE_TYPES,
    typePolicies: {
      Query: {
        fields: {
          products: relayStylePagination(['filter', 'sort']),
          orders: relayStylePagination(['status']),
          allOrders: relayStylePagination(['status', 'userId']),
          users: relayStylePagination(['filter']),
        },
      },
    },
  }),
});
