// urql with its defaults, typed by gql.tada: queries go by GET, mutations by POST.
import { Client, fetchExchange } from '@urql/core';
import { initGraphQLTada } from 'gql.tada';
import type { introspection } from './introspection';

const graphql = initGraphQLTada<{
  introspection: typeof introspection;
  scalars: { DateTime: string; Money: string };
}>();

const [server = 'http://localhost:4000'] = process.argv.slice(2);
let token: string | undefined;
const methods: string[] = [];

const client = new Client({
  url: `${server}/graphql`,
  exchanges: [fetchExchange],
  fetchOptions: () => (token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } }),
  fetch: (url, options) => {
    methods.push(options?.method ?? 'GET');
    return fetch(url, options);
  },
});

const Browse = graphql(`
  query Browse($first: Int!, $filter: ProductFilter) {
    products(first: $first, filter: $filter) {
      edges { node { id name price } }
    }
  }
`);
const SignIn = graphql(`
  mutation SignIn($input: LoginInput!) {
    login(input: $input) {
      __typename
      ... on Session { accessToken }
    }
  }
`);
const Me = graphql(`{ me { username } }`);

const browsed = await client.query(Browse, { first: 3, filter: { inStock: true } });
const { data } = await client.mutation(SignIn, {
  input: { username: 'demo', password: 'demo-password-2026' },
});
if (data?.login?.__typename !== 'Session') throw new Error('the demo account cannot sign in');
token = data.login.accessToken;
const me = await client.query(Me, {});

console.log(
  JSON.stringify({
    methods,
    products: browsed.data?.products?.edges.length,
    username: me.data?.me?.username,
    errors: [browsed.error, me.error].flatMap((error) => error?.message ?? []),
  }),
);
