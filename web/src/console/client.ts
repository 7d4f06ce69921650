// How the console talks to the graph.
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

/** A service that is down takes only its own fields away: the others are shown, beside what is wrong. */
const DEFAULT_OPTIONS = { watchQuery: { errorPolicy: 'all' } } as const;

const http = new HttpLink({ uri: '/graphql' });

/** What may be sent again after no reply came: what changes nothing, and what carries a key, so that it happens once. */
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

/** A token can end before it expires, as when staff ends the account's sessions: then the operation is sent once more. */
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
