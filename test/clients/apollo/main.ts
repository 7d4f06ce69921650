// Apollo Client: pages that grow, products in the cache by id, and an edit that meets a conflict and is made again.
import { createHash } from 'node:crypto';
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from '@apollo/client';
import { SetContextLink } from '@apollo/client/link/context';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { relayStylePagination } from '@apollo/client/utilities';
import {
  CreateProductDocument,
  EditProductDocument,
  ProductDocument,
  ProductsDocument,
  SignInDocument,
} from './generated/graphql';
import possibleTypes from './generated/possible-types.json';

const [server = 'http://localhost:4000'] = process.argv.slice(2);
let token: string | undefined;

const signIn = new SetContextLink(({ headers }) => ({
  headers: token === undefined ? headers : { ...headers, authorization: `Bearer ${token}` },
}));
const http = new HttpLink({ uri: `${server}/graphql` });
const client = new ApolloClient({
  link: ApolloLink.from([signIn, http]),
  cache: new InMemoryCache({
    // So that `... on Problem` is known to be each of the problems.
    possibleTypes,
    typePolicies: { Query: { fields: { products: relayStylePagination(['filter', 'sort']) } } },
  }),
});

const login = await client.mutate({
  mutation: SignInDocument,
  variables: { input: { username: 'demo', password: 'demo-password-2026' } },
});
if (login.data?.login?.__typename !== 'Session') throw new Error('the demo account cannot sign in');
token = login.data.login.accessToken;

// Pages: each is put behind the ones before.
const page = { query: ProductsDocument, variables: { first: 5 } };
const first = await client.query(page);
const list = client.watchQuery(page);
const watching = list.subscribe(() => {});
await list.fetchMore({ variables: { after: first.data?.products?.pageInfo.endCursor } });
const ids = client.readQuery(page)?.products?.edges.map(({ node }) => node.id) ?? [];
watching.unsubscribe();

// A product. Every page that shows it reads one object of the cache, by its id.
const created = await client.mutate({
  mutation: CreateProductDocument,
  variables: {
    input: { name: 'Slate coaster', price: '7.50', stock: 40, idempotencyKey: crypto.randomUUID() },
  },
});
if (created.data?.createProduct?.__typename !== 'Product') throw new Error('the product was not created');
const { id, version } = created.data.createProduct;

const cached = () => client.readQuery({ query: ProductDocument, variables: { id } })?.product;
await client.query({ query: ProductDocument, variables: { id } });

/** Makes a change of what was seen. After a conflict it is made once more, of what there is now. */
async function edit(expectedVersion: number, input: { name?: string; price?: string }) {
  const { data } = await client.mutate({
    mutation: EditProductDocument,
    variables: { id, expectedVersion, input },
  });
  const result = data?.updateProduct;
  if (result?.__typename !== 'VersionConflict') return { result, conflict: undefined };
  const again = await client.mutate({
    mutation: EditProductDocument,
    variables: { id, expectedVersion: result.currentVersion, input },
  });
  return { result: again.data?.updateProduct, conflict: result.currentVersion };
}

await edit(version, { price: '6.90' });
const afterEdit = cached();
const { result, conflict } = await edit(version, { name: 'Slate coaster, round' });

// A client that would rather send hashes is told that this server has none, and sends texts.
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const hashing = new ApolloClient({
  link: ApolloLink.from([new PersistedQueryLink({ sha256 }), http]),
  cache: new InMemoryCache({ possibleTypes }),
});
const byText = await hashing.query({ query: ProductDocument, variables: { id } });

console.log(
  JSON.stringify({
    pages: [first.data?.products?.edges.length, ids.length, new Set(ids).size],
    afterEdit: { price: afterEdit?.price, version: afterEdit?.version },
    conflict,
    result: result?.__typename,
    afterConflict: cached(),
    byText: byText.data?.product?.version,
  }),
);
client.stop();
hashing.stop();
