// The limits of what clients write stand in the rules of the subgraphs and in the schemas of REST: both take the greatest
// value, and both refuse the next one, at the same field.
import { beforeAll, expect, it } from '@jest/globals';
import { type Account, Client } from '../support/client.ts';
import { fieldsOf } from '../support/problems.ts';
import { useSharedSystem } from '../support/use-system.ts';

const system = useSharedSystem();
let client: Client;
let account: Account;
let productId: string;

beforeAll(async () => {
  client = await Client.of(system.url);
  account = await client.account();
  productId = (await client.product(account.token, { price: 0.01, stock: 100_000 })).id;
});

type Fields = Record<string, string | number>;

const CREATE_PRODUCT = `mutation ($input: CreateProductInput!) {
  created: createProduct(input: $input) { ... on InvalidInput { errors { field } } }
}`;
const CREATE_ORDER = `mutation ($input: CreateOrderInput!) {
  created: createOrder(input: $input) { ... on InvalidInput { errors { field } } }
}`;

/** The fields that REST and the graph refuse. What a shop refuses besides, such as many units in one order, is none of them. */
async function refused(path: string, mutation: string, body: Fields, input: Fields) {
  const { token } = account;
  const rest = await client.rest('POST', path, { token, body });
  const { data, errors } = await client.graphql(mutation, { input }, token);
  expect(errors).toEqual([]);
  const inGraph: { field: string }[] = data?.created.errors ?? [];
  return {
    rest: rest.status === 400 ? fieldsOf(rest.body) : [],
    graph: inGraph.map(({ field }) => field),
  };
}

it.each([
  ['name', 'x'.repeat(255), 'x'.repeat(256)],
  ['name', 'x', ''],
  ['description', 'x'.repeat(10_000), 'x'.repeat(10_001)],
  ['price', '99999999.99', '100000000.00'],
  ['price', '0', '-0.01'],
  ['stock', 1_000_000_000, 1_000_000_001],
  ['stock', 0, -1],
])('of the %s of a product', async (field, greatest, tooMuch) => {
  const create = (value: string | number) => {
    const fields = { name: 'Pot', description: 'For tea.', price: '1.00', stock: 1, [field]: value };
    return refused('/products', CREATE_PRODUCT, fields, fields);
  };
  expect(await create(greatest)).toEqual({ rest: [], graph: [] });
  expect(await create(tooMuch)).toEqual({ rest: [field], graph: [field] });
});

it.each([
  [10_000, 10_001],
  [1, 0],
])('of the quantity of an order (%i)', async (greatest, tooMuch) => {
  const order = (quantity: number) =>
    refused('/orders', CREATE_ORDER, { product_id: productId, quantity }, { productId, quantity });
  expect(await order(greatest)).toEqual({ rest: [], graph: [] });
  expect(await order(tooMuch)).toEqual({ rest: ['quantity'], graph: ['quantity'] });
});
