// Searches of the catalog, its order by name, and the limits of product fields in REST and in GraphQL.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { expectProblem, fieldsOf } from '../support/problems.ts';
import { useShop } from '../support/shop.ts';

const { system, client, account } = useShop();

beforeAll(async () => {
  for (const [name, description] of Object.entries(CATALOG))
    await client.product(account.token, { name, description, price: PRICE });
});

/** A price that no product of another suite has. */
const PRICE = 7_002_003.04;
const CATALOG: Record<string, string> = {
  Kettle: 'Boils 1.7 litres. Brushed steel.',
  'Red enamel kettle': 'For the stove; not for induction.',
  'Café au lait bowl': 'Stoneware, dishwasher-proof.',
  'Cafe\u0301tière': 'Glass (borosilicate) & steel.',
  'T-Shirt ÅNGSTRÖM': 'Cotton/linen, size XL.',
  Wasserkocher: 'Für 水壶 und чайник: ﬁne Qualität.',
};

const namesBy = async (query: Record<string, string>): Promise<string[]> => {
  const { status, body } = await client.rest(
    'GET',
    `/products?${new URLSearchParams({
      limit: '100',
      sort: 'oldest',
      min_price: String(PRICE),
      max_price: String(PRICE),
      ...query,
    })}`,
  );
  expect({ query, status }).toEqual({ query, status: 200 });
  return body.map(({ name }: { name: string }) => name);
};

describe('a search finds', () => {
  const [kettle = '', red = '', bowl = '', press = '', shirt = '', kocher = ''] = Object.keys(CATALOG);

  it.each([
    ['words in any order', 'kettle red', [red]],
    ['the beginning of a word', 'kett', [kettle, red]],
    ['the beginnings of several words', 'kett boil', [kettle]],
    ['no word by its middle', 'ettle', []],
    ['words of the description', 'stoneware', [bowl]],
    ['words in upper case', 'KETTLE RED', [red]],
    ['accents without accents', 'cafe', [bowl, press]],
    ['accents in one Unicode form', 'Café', [bowl, press]],
    ['accents in the other', 'Cafe\u0301', [bowl, press]],
    ['accents by other accents', 'cäfetiere', [press]],
    ['ligatures', 'fine qualitat', [kocher]],
    ['other scripts', 'ЧАЙ', [kocher]],
    ['the beginning of what is written without spaces', '水', [kocher]],
    ['words on both sides of punctuation', 'linen', [shirt]],
    ['words with punctuation', 't-shirt', [shirt]],
    ['the beginning of such a word', 't-shi', [shirt]],
    ['a letter or two as a whole word only', 'xl', [shirt]],
    ['no word by its first two letters', 'ke', []],
    ['numbers', '1.7', [kettle]],
    ['a phrase', '"enamel kettle"', [red]],
    ['no phrase by its words in another order', '"kettle enamel"', []],
    ['only whole words of a phrase', '"enamel kett"', []],
    ['a phrase in other quotes', '“enamel kettle”', [red]],
    ['a phrase without its last quote', '"enamel kettle', [red]],
    ['no product with an excluded word', 'kettle -red', [kettle]],
    ['no product with an excluded phrase', 'kettle -"brushed steel"', [red]],
    ['products with a word that an excluded one only begins', 'kettle -indu', [kettle, red]],
    ['words beside punctuation', 'glass & steel', [press]],
    ['words beside operators of PostgreSQL', "red | kettle:* ! ( ' \\", [red]],
  ])('%s: %s', async (_, search, names) => {
    expect(await namesBy({ search })).toEqual(names);
  });

  it('a renamed product by its new name only', async () => {
    const { id } = await client.product(account.token, { name: 'Saucepan', price: PRICE });
    await client.rest('PATCH', `/products/${id}`, {
      token: account.token,
      headers: { 'if-match': '"1"' },
      body: { name: 'Frying pan' },
    });
    expect(await namesBy({ search: 'saucepan' })).toEqual([]);
    expect(await namesBy({ search: 'frying' })).toEqual(['Frying pan']);
  });
});

describe('a search is refused by name', () => {
  const asked = (search: string) =>
    client.graphql('query($search: String) { products(filter: { search: $search }) { edges { cursor } } }', {
      search,
    });

  it.each([
    ['of exclusions only', '-the -x1', 'at least one word or phrase to look for, got "-the -x1"'],
    ['of an excluded phrase', '-"red kettle"', 'at least one word or phrase'],
    ['of an empty phrase', '""', 'at least one word or phrase'],
    ['of signs', '!!! & *', 'at least one word or phrase'],
    ['of too many words', 'a b c d e f g h i', 'at most 8 words and phrases, got 9'],
    [
      'of too many words, exclusions included',
      'a -b -c -d -e -f -g -h -i',
      'at most 8 words and phrases, got 9',
    ],
    ['of a word that is too long', 'x'.repeat(65), 'words and phrases of at most 64 characters, got "xxx'],
    ['that is too long', 'word '.repeat(41), '1 to 200 characters, no control characters'],
    ['of a control character', 'a\u0007b', '1 to 200 characters, no control characters'],
    ['of spaces', '   ', '1 to 200 characters'],
  ])('%s', async (_, search, message) => {
    const rest = await client.rest('GET', `/products?${new URLSearchParams({ search })}`);
    expectProblem(rest, 400, 'INVALID_INPUT');
    expect(fieldsOf(rest.body)).toEqual(['search']);
    const { data, errors } = await asked(search);
    expect(data).toEqual({ products: null });
    expect(errors[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', errors: [{ field: 'search' }] });
    expect(errors[0]?.message).toContain(message);
  });
});

describe('the catalog by name', () => {
  /** A price that no product of another suite has. */
  const PRICE = 7_001_002.03;
  const ALL = `/products?sort=name_asc&min_price=${PRICE}&max_price=${PRICE}`;

  const ORDERED = [
    'Order 9',
    'Order 10',
    'Order 100 b',
    'order Äpfel',
    'Order Äpfel',
    'Order apple',
    'Order banana',
    'Order Éclair',
    'Order eclairs',
    'Order Zebra',
  ];

  it('sorts numbers by value, then ignores accents and case; pages continue after any name', async () => {
    // Created in the reverse order, with one name twice.
    for (const name of [...ORDERED].reverse().concat('Order 10'))
      await client.product(account.token, { name, price: PRICE });
    const expected = ORDERED.flatMap((name) => (name === 'Order 10' ? [name, name] : [name]));
    const whole = await client.rest('GET', `${ALL}&limit=100`);
    expect(whole.body.map(({ name }: { name: string }) => name)).toEqual(expected);
    const seen: string[] = [];
    let next: string | undefined = `${ALL}&limit=2`;
    while (next !== undefined) {
      const page = await client.rest('GET', next);
      seen.push(...page.body.map(({ name }: { name: string }) => name));
      next = /^<([^>]+)>; rel="next"$/.exec(page.headers.get('link') ?? '')?.[1]?.replace(system.url, '');
    }
    expect(seen).toEqual(expected);
  });

  it('refuses a cursor of the former order, in which the name had another place', async () => {
    const key = ['products:NAME_ASC', 'Kettle', '1'];
    const cursor = Buffer.from(JSON.stringify(key)).toString('base64url');
    const reply = await client.rest('GET', `/products?sort=name_asc&cursor=${cursor}`);
    expectProblem(reply, 400, 'INVALID_INPUT');
    expect(fieldsOf(reply.body)).toEqual(['cursor']);
  });
});

describe('the rules of the subgraphs and the schemas of REST have the same limits', () => {
  let productId: string;
  beforeAll(async () => {
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
});
