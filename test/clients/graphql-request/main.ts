// graphql-request: data, and the two ways to be told of an error.
import { ClientError, GraphQLClient, gql } from 'graphql-request';

const [server = 'http://localhost:4000'] = process.argv.slice(2);
const client = new GraphQLClient(`${server}/graphql`);

const ORDERS = gql`
  { me { orders(first: 3) { edges { node { status } } } } orders(first: 3) { edges { node { id } } } }
`;

/** The codes of the errors beside the data. */
const codesOf = (error: unknown): unknown[] =>
  error instanceof ClientError
    ? (error.response.errors ?? []).map(({ extensions }) => extensions['code'])
    : [];

let refused: unknown[] = [];
try {
  await client.request(ORDERS);
} catch (error) {
  refused = codesOf(error);
}

const { login } = await client.request<{ login: { accessToken?: string; code?: string } }>(
  gql`
    mutation ($input: LoginInput!) {
      login(input: $input) { ... on Session { accessToken } ... on Problem { code } }
    }
  `,
  { input: { username: 'demo', password: 'demo-password-2026' } },
);
client.setHeader('authorization', `Bearer ${login.accessToken}`);
const { data, headers } = await client.rawRequest<{ orders: { edges: unknown[] } }>(ORDERS);

console.log(
  JSON.stringify({
    refused,
    orders: Array.isArray(data.orders.edges),
    requestId: headers.has('x-request-id'),
  }),
);
