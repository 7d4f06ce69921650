// Relay's store without React: a list by pages, a thing that is read again, and a change with a version.
import {
  type ConcreteRequest,
  commitMutation,
  createOperationDescriptor,
  Environment,
  fetchQuery,
  type GraphQLTaggedNode,
  getSingularSelector,
  type MutationParameters,
  Network,
  type OperationType,
  type ReaderFragment,
  RecordSource,
  Store,
  type Variables,
} from 'relay-runtime';
import catalog, { type operationsCatalog_query$data } from './generated/operationsCatalog_query.graphql';
import pageQuery, { type operationsCatalogPageQuery } from './generated/operationsCatalogPageQuery.graphql';
import catalogQuery, { type operationsCatalogQuery } from './generated/operationsCatalogQuery.graphql';
import product, { type operationsProduct_query$data } from './generated/operationsProduct_query.graphql';
import productQuery, { type operationsProductQuery } from './generated/operationsProductQuery.graphql';
import refetchQuery, {
  type operationsProductRefetchQuery,
} from './generated/operationsProductRefetchQuery.graphql';
import rename, { type operationsRenameMutation } from './generated/operationsRenameMutation.graphql';
import signIn, { type operationsSignInMutation } from './generated/operationsSignInMutation.graphql';

const [server = 'http://localhost:4000'] = process.argv.slice(2);
let token: string | undefined;

const environment = new Environment({
  network: Network.create(async ({ text }, variables) => {
    const reply = await fetch(`${server}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify({ query: text, variables }),
    });
    return reply.json();
  }),
  store: new Store(new RecordSource()),
  // Ids count for each type: without its name, user 1 and product 1 would be one record.
  getDataID: ({ id }, typename) => (id === undefined ? id : `${typename}:${id}`),
});

const run = <Query extends OperationType>(query: GraphQLTaggedNode, variables: Query['variables']) =>
  fetchQuery<Query>(environment, query, variables).toPromise();

const mutate = <Mutation extends MutationParameters>(
  mutation: GraphQLTaggedNode,
  variables: Mutation['variables'],
) =>
  new Promise<Mutation['response']>((resolve, reject) => {
    commitMutation<Mutation>(environment, {
      mutation,
      variables,
      onCompleted: (response, errors) => (errors?.length ? reject(errors[0]) : resolve(response)),
      onError: reject,
    });
  });

/** What the store has for a query that was answered. */
const stored = (query: ConcreteRequest, variables: Variables) =>
  environment.lookup(createOperationDescriptor(query, variables).fragment).data;

/** What it has for the fragment of such a query. */
const read = <Data>(query: ConcreteRequest, fragment: ReaderFragment, variables: Variables) =>
  environment.lookup(getSingularSelector(fragment, stored(query, variables))).data as Data;

const { login } = await mutate<operationsSignInMutation>(signIn, {
  input: { username: 'demo', password: 'demo-password-2026' },
});
token = login?.accessToken;

// Pages: the store puts each behind those that it has.
await run<operationsCatalogQuery>(catalogQuery, {});
const list = () => read<operationsCatalog_query$data>(catalogQuery, catalog, {}).products;
const first = list()?.edges.length;
await run<operationsCatalogPageQuery>(pageQuery, { cursor: list()?.pageInfo.endCursor });
const ids = list()?.edges.map(({ node }) => node.id) ?? [];

// One thing: changed, changed again from the version that is old by then, and read once more.
const variables = { id: '1' };
await run<operationsProductQuery>(productQuery, variables);
const shown = () => read<operationsProduct_query$data>(productQuery, product, variables).product;
const before = shown();
const renamed = (expectedVersion: number) =>
  mutate<operationsRenameMutation>(rename, {
    ...variables,
    expectedVersion,
    input: { name: 'Gooseneck kettle' },
  });
const done = await renamed(before?.version ?? 0);
const late = await renamed(before?.version ?? 0);
await run<operationsProductRefetchQuery>(refetchQuery, variables);

console.log(
  JSON.stringify({
    pages: [first, ids.length, new Set(ids).size],
    results: [done.updateProduct?.__typename, late.updateProduct?.__typename],
    before,
    product: shown(),
    // The user whose id is 1, as the product's.
    me: stored(productQuery, variables)?.['me'],
  }),
);
