// Requests of all kinds that cannot be executed: each is the client's error, says so, and is no 500.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { type Account, Client } from '../support/client.ts';
import { useSharedSystem } from '../support/use-system.ts';

const system = useSharedSystem();
let account: Account;

beforeAll(async () => {
  account = await (await Client.of(system.url)).account();
});

const authorized = () => ({ authorization: `Bearer ${account.token}`, 'apollo-require-preflight': 'yes' });

async function answerTo(response: Response) {
  const { data, errors = [] } = JSON.parse(await response.text());
  const codes = errors.map(({ extensions }: { extensions: { code: string } }) => extensions.code);
  return { status: response.status, data, codes: [...new Set(codes)], message: errors[0]?.message };
}

/** Its status says whether an operation can be executed. */
const ACCEPT = { accept: 'application/graphql-response+json' };
const post = async (body: unknown) =>
  answerTo(
    await fetch(`${system.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...ACCEPT, ...authorized() },
      body: JSON.stringify(body),
    }),
  );
const get = async (search: Record<string, string>) =>
  answerTo(
    await fetch(`${system.url}/graphql?${new URLSearchParams(search)}`, {
      headers: { ...ACCEPT, ...authorized() },
    }),
  );

const REFUSED: Record<string, Record<string, unknown>> = {
  'null for an argument': { query: 'query($i: ID = "x") { product(id: $i) { id } }', variables: { i: null } },
  'null for a member of an input': {
    query: 'mutation($q: Int = 1) { createOrder(input: { productId: "x", quantity: $q }) { __typename } }',
    variables: { q: null },
  },
  'null for @include': {
    query: 'query($b: Boolean = true) { me @include(if: $b) { id } }',
    variables: { b: null },
  },
  'null for a nested @skip': {
    query: 'query($b: Boolean = true) { me { id @skip(if: $b) } }',
    variables: { b: null },
  },
  'null for a type of introspection': {
    query: 'query($n: String = "User") { __type(name: $n) { name } }',
    variables: { n: null },
  },
  'null as a literal': { query: '{ product(id: null) { id } }' },
  'no value': { query: 'query($i: ID!) { product(id: $i) { id } }' },
  'an unknown enum value': {
    query: 'query($s: ProductSort) { products(sort: $s) { edges { cursor } } }',
    variables: { s: 'CHEAPEST' },
  },
  'an enum value as a string': { query: '{ products(sort: "NEWEST") { edges { cursor } } }' },
  'an integer of more than 32 bits': { query: '{ products(first: 99999999999) { edges { cursor } } }' },
  'the same in a variable': {
    query: 'mutation($d: Int!) { adjustStock(id: "x", delta: $d) { __typename } }',
    variables: { d: 99_999_999_999 },
  },
  'a price beyond all numbers': {
    query: 'mutation { createProduct(input: { name: "x", stock: 1, price: 1e400 }) { __typename } }',
  },
  'an id that is an object': { query: 'query($i: ID!) { product(id: $i) { id } }', variables: { i: {} } },
  'an unknown member': {
    query: 'query($f: ProductFilter) { products(filter: $f) { edges { cursor } } }',
    variables: { f: { constructor: 1 } },
  },
  'a variable of the gateway’s own': {
    query: 'query($representations: Int) { me { orders(first: $representations) { edges { cursor } } } }',
    variables: { representations: 1 },
  },
  'a variable of an output type': { query: 'query($u: User) { me { id } }' },
  'a variable of an unknown type': { query: 'query($u: Nothing) { me { id } }' },
  'the same variable twice': {
    query: 'query($a: Int, $a: Int) { products(first: $a) { edges { cursor } } }',
  },
  'the same name twice': { query: 'query A { __typename } query A { __typename }', operationName: 'A' },
  'a name that is empty': { query: '{ __typename }', operationName: '' },
  'a name that is a number': { query: '{ __typename }', operationName: 5 },
  'a subscription': { query: 'subscription { __typename }' },
  'fragments only': { query: 'fragment F on User { id }' },
  'a fragment in itself': { query: '{ me { ...F } } fragment F on User { ...F }' },
  'a fragment that is not there': { query: '{ me { ...F } }' },
  'a type definition': { query: '{ me { id } } type X { a: Int }' },
  'a directive that is not for queries': { query: '{ me @oneOf { id } }' },
  'a part that comes later': { query: '{ me { ... @defer { id } } }' },
  'introspection in a mutation': { query: 'mutation { __schema { types { name } } }' },
  'variables that are a list': { query: '{ me { id } }', variables: [] },
  'extensions that are a number': { query: '{ me { id } }', extensions: 5 },
  'a query that is a number': { query: 5 },
  'a query of white space': { query: ' \n' },
  'no query': { variables: {} },
  '900 lists in lists': { query: `{ product(id: ${'['.repeat(900)}1${']'.repeat(900)}) { id } }` },
  '400 objects in objects': {
    query: `{ products(filter: ${'{ search: '.repeat(400)}1${' }'.repeat(400)}) { edges { cursor } } }`,
  },
};

const EXECUTED: Record<string, [body: Record<string, unknown>, data: unknown]> = {
  'a mutation of __typename': [{ query: 'mutation { __typename }' }, { __typename: 'Mutation' }],
  'a mutation that is skipped': [{ query: 'mutation { logoutEverywhere @skip(if: true) }' }, {}],
  'a default for what was left out': [
    { query: 'query($i: ID = "x") { product(id: $i) { id } }', variables: {} },
    { product: null },
  ],
  'names of every object': [
    {
      query:
        'query constructor($__proto__: ID!) { toString: product(id: $__proto__) { id } ...valueOf } fragment valueOf on Query { hasOwnProperty: __typename }',
      variables: JSON.parse('{ "__proto__": "x" }'),
    },
    { toString: null, hasOwnProperty: 'Query' },
  ],
  'null where it is a value': [
    {
      query:
        'query($i: Int = 5) { products(first: $i, after: null, filter: null, sort: null) { __typename } }',
      variables: { i: null },
    },
    { products: { __typename: 'ProductConnection' } },
  ],
};

describe('a request that cannot be executed', () => {
  it.each(Object.entries(REFUSED))('is BAD_USER_INPUT by POST: %s', async (_, body) => {
    const { status, data, codes, message } = await post(body);
    expect({ status, data, codes }).toEqual({ status: 400, data: undefined, codes: ['BAD_USER_INPUT'] });
    expect(message.length).toBeLessThanOrEqual(1_000);
  });

  it.each(Object.entries(REFUSED))('is the same by GET: %s', async (_, body) => {
    const search = Object.entries(body).map(([name, value]) => [
      name,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]);
    const { status, data, codes } = await get(Object.fromEntries(search));
    expect([400, 405]).toContain(status);
    expect({ data, codes }).toEqual({ data: undefined, codes: ['BAD_USER_INPUT'] });
  });
});

describe('a request that looks strange and is right', () => {
  it.each(Object.entries(EXECUTED))('is executed: %s', async (_, [body, data]) => {
    expect(await post(body)).toEqual({ status: 200, data, codes: [], message: undefined });
  });
});
