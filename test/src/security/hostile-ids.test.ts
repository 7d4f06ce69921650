// Ids are numbers, so a client can send any text or number for one: what can be the id of nothing is not found, and no
// other spelling of an id finds what the id does.
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Account, Client } from '../support/client.ts';
import { NO_IDS, NO_SMALL_IDS, UNKNOWN_ID } from '../support/ids.ts';
import { askEntity } from '../support/subgraph.ts';
import { useSharedSystem } from '../support/use-system.ts';
import { type VitalSigns, vitalSigns } from '../support/vital-signs.ts';

const system = useSharedSystem();
let client: Client;
let account: Account;
let productId: string;
let vital: VitalSigns;

beforeAll(async () => {
  client = await Client.of(system.url);
  account = await client.account();
  productId = (await client.product(account.token)).id;
}, 60_000);
beforeEach(() => {
  vital = vitalSigns(system);
});
afterEach(() => vital.expectUnharmed());

/** Other spellings of the id of what there is. */
const spellings = (id: string): string[] => [`0${id}`, `+${id}`, `${id}.0`, ` ${id}`, `${id}\n`, `${id}e0`];

const ask = async (query: string, id: unknown) => {
  const { data, errors } = await client.graphql(query, { id }, account.token);
  expect(errors).toEqual([]);
  return data;
};

const PRODUCT_CALLS = {
  updateProduct: 'updateProduct(id: $id, expectedVersion: 1, input: { name: "x" })',
  deleteProduct: 'deleteProduct(id: $id, expectedVersion: 1)',
  adjustStock: 'adjustStock(id: $id, delta: 1)',
};

describe('an id that can be none', () => {
  it('finds no product, and changes none', async () => {
    for (const id of [...NO_SMALL_IDS, ...spellings(productId), UNKNOWN_ID]) {
      expect([id, await ask('query($id: ID!) { product(id: $id) { id } }', id)]).toEqual([
        id,
        { product: null },
      ]);
      for (const [field, call] of Object.entries(PRODUCT_CALLS)) {
        const data = await ask(
          `mutation($id: ID!) { ${call} { __typename ... on Problem { message } } }`,
          id,
        );
        expect(data[field]).toEqual({
          __typename: 'ProductNotFound',
          message: `There is no product ${JSON.stringify(id.slice(0, 64))}.`,
        });
      }
    }
    const data = await ask('query($id: ID!) { product(id: $id) { stock version } }', productId);
    expect(data.product).toEqual({ stock: 10, version: 1 });
  });

  it('finds no order', async () => {
    for (const id of NO_IDS)
      expect([id, await ask('query($id: ID!) { order(id: $id) { id } }', id)]).toEqual([id, { order: null }]);
  });

  it('is an entity of no subgraph', async () => {
    for (const id of [...NO_SMALL_IDS, ...spellings(account.id)]) {
      const user = await askEntity(system, 'users', { __typename: 'User', id }, 'username', account.token);
      const product = await askEntity(system, 'products', { __typename: 'Product', id }, 'name');
      expect([id, user, product]).toEqual([id, { entity: null, codes: [] }, { entity: null, codes: [] }]);
    }
  });

  it.each(['0', '-1', '2147483648', '9223372036854775808', '9'.repeat(400)])(
    'may be a number in the text of a query: %s',
    async (id) => {
      expect(await ask(`{ product(id: ${id}) { id } order(id: ${id}) { id } }`, undefined)).toEqual({
        product: null,
        order: null,
      });
    },
  );

  it.each([0, -1, 2 ** 31, 2 ** 53, 1e300])('may be a number in the variables: %d', async (id) => {
    expect(await ask('query($id: ID!) { product(id: $id) { id } order(id: $id) { id } }', id)).toEqual({
      product: null,
      order: null,
    });
  });

  it.each<[string, unknown]>([
    ['a fraction', 1.5],
    ['a truth', true],
    ['a list', [[1]]],
    ['an object', { id: 1 }],
  ])('is refused when it is %s', async (_, id) => {
    const { errors } = await client.graphql('query($id: ID!) { product(id: $id) { id } }', { id });
    expect(errors.map(({ extensions }) => extensions.code)).toEqual(['BAD_USER_INPUT']);
  });
});

describe('an id', () => {
  it('may be sent as a number, and is shown as a text', async () => {
    const query = 'query($id: ID!) { product(id: $id) { id } }';
    expect((await ask(query, Number(productId))).product).toEqual({ id: productId });
    expect((await ask(`{ product(id: ${productId}) { id } }`, undefined)).product).toEqual({ id: productId });
  });
});

describe('a cursor', () => {
  it.each([...NO_SMALL_IDS])('that ends with %j is refused', async (id) => {
    const lists = [
      ['NEWEST', ['products:NEWEST', id]],
      ['PRICE_ASC', ['products:PRICE_ASC', '1.00', id]],
      ['NAME_ASC', ['products:NAME_ASC:natural', 'Kettle', id]],
    ] as const;
    for (const [sort, key] of lists) {
      const after = Buffer.from(JSON.stringify(key)).toString('base64url');
      const query =
        'query($after: String, $sort: ProductSort) { products(after: $after, sort: $sort) { edges { cursor } } }';
      const { errors } = await client.graphql(query, { after, sort });
      expect(errors.map(({ extensions }) => extensions.code)).toEqual(['BAD_USER_INPUT']);
    }
  });
});
