// Operations that the gateway refuses before it calls a subgraph: those that ask for too much, and those with invalid
// values, as literals and in variables. Each reply says what was expected.
import { registry } from '@holdfast/platform/observability/metrics';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { executed, resolvers, shop } from './shop.ts';
import { type StubSystem, type SubgraphName, startStubSystem } from './stub-system.ts';

const HEADER = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])';
const VALUE_SCHEMAS: Record<SubgraphName, string> = {
  users: `${HEADER} scalar DateTime type Query { me: User since(at: DateTime, id: ID! = 1): String }
    type Mutation { pay(n: Int): String }
    type User @key(fields: "id") { id: ID! }`,
  products: `${HEADER} scalar Money
    input Filter { price: Money prices: [Money!] count: Int! = 1 name: String not: Filter }
    type Query { pot(id: ID!): String find(filter: Filter): String list(ids: [ID!]): String }
    type Mutation { sell(price: Money!): String }`,
  orders: `${HEADER} type Query { order: String } type User @key(fields: "id") { id: ID! orders(first: Int! = 1): String }`,
};

export function describeRefusedOperations(): void {
  const answerValue = (name: string) => () => {
    executed.push(name);
    return name;
  };
  const valueResolvers = {
    users: {
      Query: { me: () => ({ id: '1' }), since: answerValue('since') },
      Mutation: { pay: answerValue('pay') },
    },
    products: {
      Query: { pot: answerValue('pot'), find: answerValue('find'), list: answerValue('list') },
      Mutation: { sell: answerValue('sell') },
    },
    orders: { User: { __resolveReference: () => ({ id: '1' }), orders: answerValue('orders') } },
  };

  /** Smaller than all defaults. */
  const TINY_LIMITS = {
    ...{ MAX_DEPTH: '2', MAX_ALIASES: '1', MAX_ROOT_FIELDS: '2', MAX_TOKENS: '20', MAX_COST: '4' },
    ...{ MAX_SELECTIONS: '8', MAX_CONDITIONS: '1' },
  };

  /** The graph of the shop with tiny limits, without introspection and without the explorer. */
  let closed: StubSystem;
  /** The graph that takes values of all kinds. */
  let values: StubSystem;
  beforeAll(async () => {
    const settings = { ...TINY_LIMITS, INTROSPECTION: 'off', EXPLORER: 'off' };
    closed = await startStubSystem({ resolvers, settings });
    values = await startStubSystem({ resolvers: valueResolvers, schemas: VALUE_SCHEMAS });
  });
  afterAll(() => Promise.all([closed, values].map((system) => system.close())));
  beforeEach(() => {
    executed.length = 0;
  });

  type Variables = Record<string, unknown>;

  async function ask({ url }: StubSystem, query: string, variables: Variables = {}) {
    const reply = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json' },
      body: JSON.stringify({ query, variables }),
    });
    return { status: reply.status, body: JSON.parse(await reply.text()) };
  }

  async function countRefused(limit: string): Promise<number> {
    const counter = await registry.getSingleMetric('graphql_limit_refusals_total')?.get();
    return counter?.values.find(({ labels }) => labels['limit'] === limit)?.value ?? 0;
  }

  const nested = (depth: number): string =>
    depth <= 2
      ? depth === 2
        ? 'orders { __typename pageInfo { __typename } }'
        : 'id'
      : `orders { edges { node { user { ${nested(depth - 4)} } } } }`;
  const times = (count: number, text: (index: number) => string) =>
    Array.from({ length: count }, (_, index) => text(index)).join(' ');

  /** Each fragment spreads the next one twice, under another condition each time. */
  const doubling = (levels: number, leaf: string) =>
    `query ($a: Boolean!, $b: Boolean!) { me { ...f0 } } ${times(
      levels,
      (n) => `fragment f${n} on User { ...f${n + 1} @include(if: $a) ...f${n + 1} @skip(if: $b) }`,
    )} fragment f${levels} on User { ${leaf} }`;

  const TOO_LARGE: [limit: string, what: string, query: string, allowed: number, actual: number][] = [
    ['depth', 'A depth', `{ me { ${nested(13)} } }`, 12, 14],
    ['aliases', 'A number of aliases', `{ me { ${times(31, (index) => `a${index}: id`)} } }`, 30, 31],
    ['root_fields', 'A number of root fields', `{ ${times(21, () => 'me { id }')} }`, 20, 21],
    [
      'cost',
      'A cost',
      '{ orders(first: 100) { edges { node { user { orders(first: 40) { edges { cursor } } } } } } }',
      8000,
      8401,
    ],
    [
      'cost',
      'A cost',
      `{ products(first: 100) { edges { node { ${times(30, (n) => `a${n}: description`)} } } } }`,
      8000,
      120_201,
    ],
    ['selections', 'A number of selections, fragments expanded,', doubling(15, '__typename'), 400, 98_304],
    ['selections', 'A number of selections, fragments expanded,', doubling(8, 'unknown'), 400, 768],
    [
      'conditions',
      'A number of variables in @skip and @include',
      `query (${times(11, (n) => `$c${n}: Boolean!`)}) { me { ${times(11, (n) => `id @skip(if: $c${n})`)} } }`,
      10,
      11,
    ],
  ];

  describe('an operation that requests too much', () => {
    it.each(TOO_LARGE)('in %s is refused', async (limit, what, query, allowed, actual) => {
      const before = await countRefused(limit);
      for (const round of [1, 2]) {
        expect(await ask(shop, query)).toEqual({
          status: 400,
          body: {
            errors: [
              {
                message: `${what} of at most ${allowed} is expected of an operation, got ${actual}.`,
                extensions: { code: 'QUERY_TOO_COMPLEX', limit: allowed, actual },
              },
            ],
          },
        });
        expect(await countRefused(limit)).toBe(before + round);
      }
      expect(executed).toEqual([]);
    });

    it('in tokens is refused', async () => {
      const before = await countRefused('tokens');
      const { status, body } = await ask(shop, `{ me { ${'id '.repeat(2_000)} } }`);
      expect(status).toBe(400);
      expect(body.errors).toEqual([
        {
          message: 'A number of tokens of at most 2000 is expected of an operation, got more.',
          extensions: { code: 'QUERY_TOO_COMPLEX', limit: 2000, actual: 2001 },
        },
      ]);
      expect(await countRefused('tokens')).toBe(before + 1);
    });

    // The parser recurses: whether the stack ends first or the tokens are too many depends on how warm its code is.
    it.each([
      ['fields', '{a'.repeat(100_000)],
      ['values', '{ a(b: '.padEnd(300_000, '[')],
      ['fragments', '{ ...'.repeat(100_000)],
    ])('in depth is refused before the parser has read it all: %s', async (_, query) => {
      const { status, body } = await ask(shop, query);
      expect(status).toBe(400);
      expect(body.errors).toEqual([
        {
          message: expect.stringMatching(
            /^A (number of tokens|depth) of at most \d+ is expected of an operation, got more\.$/,
          ),
          extensions: { code: 'QUERY_TOO_COMPLEX', limit: expect.any(Number), actual: expect.any(Number) },
        },
      ]);
    });

    it('is judged by its variables each time', async () => {
      const query =
        'query ($n: Int!) { orders { edges { node { user { orders(first: $n) { edges { cursor } } } } } } }';
      expect((await ask(shop, query, { n: 100 })).status).toBe(200);
      const refused = await ask(shop, query, { n: 1_000 });
      expect(refused.body.errors[0]).toMatchObject({ extensions: { limit: 8000, actual: 40_081 } });
      expect((await ask(shop, query, { n: 100 })).status).toBe(200);
      expect(executed).toHaveLength(2);
    });

    it.each(['__proto__', 'constructor', 'toString'])(
      'is judged by a variable named $%s like any other',
      async (name) => {
        const query = (first: string) =>
          `query ($${name}: Int${first}) { orders { edges { node { user { orders(first: $${name}) { edges { cursor } } } } } } }`;
        const variables = Object.fromEntries([[name, 1_000]]);
        const given = await ask(shop, query('!'), variables);
        expect(given.body.errors[0]).toMatchObject({ extensions: { limit: 8000, actual: 40_081 } });
        expect((await ask(shop, query('!'), Object.fromEntries([[name, 100]]))).status).toBe(200);
        const byDefault = await ask(shop, query(' = 1000'));
        expect(byDefault.status).toBe(400);
        expect(executed).toHaveLength(1);
      },
    );

    it('is a fragment bomb, and answered at once', async () => {
      const fragments = times(20, (index) => {
        const inside = index < 19 ? times(10, () => `...F${index + 1}`) : 'id';
        return `fragment F${index} on User { ${inside} }`;
      });
      const startedAt = performance.now();
      const { body } = await ask(shop, `{ me { ...F0 } } ${fragments}`);
      expect(performance.now() - startedAt).toBeLessThan(2_000);
      expect(body.errors[0].extensions).toEqual({
        code: 'QUERY_TOO_COMPLEX',
        limit: 400,
        actual: Number.MAX_SAFE_INTEGER,
      });
    });

    it('is in a circle of fragments refused as what it is', async () => {
      const { status, body } = await ask(
        shop,
        '{ me { ...A } } fragment A on User { ...B } fragment B on User { ...A }',
      );
      expect(status).toBe(400);
      expect(body.errors[0].message).toMatch(/^Cannot spread fragment "A" within itself/);
    });
  });

  describe('the limits', () => {
    it('are settings', async () => {
      const aliases = await ask(closed, '{ me { a: id } b: product(id: 1) { id } }');
      expect(aliases.body.errors[0].message).toMatch(/^A number of aliases/);
      expect((await ask(closed, '{ me { id } product(id: 1) { id } }')).status).toBe(200);
      for (const query of [
        '{ me { orders { __typename pageInfo { endCursor } } } }',
        '{ me { id username email role } }',
        '{ me { id } me { id } me { id } }',
        `{ me { ${'id '.repeat(16)}} }`,
        `{ me { ${'id '.repeat(8)}} }`,
        'query ($a: Boolean, $b: Boolean) { me @skip(if: $a) @include(if: $b) { id } }',
      ])
        expect((await ask(closed, query)).body.errors[0].extensions.code).toBe('QUERY_TOO_COMPLEX');
    });
  });

  describe('an operation with many errors', () => {
    it('is answered with the first five of them', async () => {
      const { body } = await ask(shop, `{ ${times(100, (index) => `unknown${index}`)} }`);
      expect(body.errors).toHaveLength(6);
      expect(body.errors[5].message).toMatch(/^Too many validation errors/);
    });
  });

  describe('the explorer that is off', () => {
    it('is not shown to browsers, and no page lists it', async () => {
      const page = await fetch(`${closed.url}/graphql`, { headers: { accept: 'text/html' } });
      expect(await page.text()).not.toContain('<!doctype html>');
      const home = await fetch(closed.url, { headers: { accept: 'text/html' } });
      expect(await home.text()).toContain('data-offers=""');
    });
  });

  describe('introspection that is off', () => {
    it('answers no introspection, and no error names a part of the schema', async () => {
      for (const query of [
        '{ __schema { types { name } } }',
        '{ __type(name: "User") { fields { name } } }',
        '{ me { id } __schema { types { name } } }',
      ]) {
        expect((await ask(shop, query)).body.errors).toBeUndefined();
        const { data, errors } = (await ask(closed, query)).body;
        expect([query, data, errors[0].extensions.code]).toEqual([query, undefined, 'BAD_USER_INPUT']);
      }
      const search = 'query ($f: ProductFilter) { products(filter: $f) { __typename } }';
      for (const [query, variables, message] of [
        ['{ mee { id } }', {}, 'Cannot query field'],
        [search, { f: { serach: 'pot' } }, 'Field "serach" is not defined by type "ProductFilter".'],
      ] as const) {
        const [open, hidden] = [await ask(shop, query, variables), await ask(closed, query, variables)];
        expect(open.body.errors[0].message).toContain('Did you mean');
        expect(hidden.body.errors[0].message).toContain(message);
        expect(hidden.body.errors[0].message).not.toContain('Did you mean');
      }
    });
  });

  /** The message of the one error. */
  async function errorMessageOf(query: string, variables: Variables = {}): Promise<string> {
    const { status, body } = await ask(values, query, variables);
    expect({ status, data: body.data, executed, code: body.errors?.[0].extensions.code }).toEqual({
      status: 400,
      data: undefined,
      executed: [],
      code: 'BAD_USER_INPUT',
    });
    expect(body.errors).toHaveLength(1);
    return body.errors[0].message;
  }

  const AMOUNT = 'expected an amount with at most two decimals ("19.99"), got';
  const INSTANT = 'expected an instant, RFC 3339 in UTC ("2026-11-23T08:15:30.000Z"), got';

  const LITERALS: [text: string, message: string][] = [
    ['mutation { pay(n: 1) sell(price: 1e400) }', `price: ${AMOUNT} 1e400`],
    ['mutation { pay(n: 1) sell(price: "1,99") }', `price: ${AMOUNT} "1,99"`],
    ['{ order find(filter: { price: 1.999 }) }', `filter.price: ${AMOUNT} 1.999`],
    ['{ order find(filter: { not: { not: { price: true } } }) }', `filter.not.not.price: ${AMOUNT} true`],
    ['{ order find(filter: { prices: ["1", "x"] }) }', `filter.prices: ${AMOUNT} "x"`],
    ['{ order find(filter: { price: MUCH }) }', `filter.price: ${AMOUNT} MUCH`],
    ['{ order find(filter: { price: { a: 1 } }) }', `filter.price: ${AMOUNT} {a: 1}`],
    ['{ order find(filter: { price: [1] }) }', `filter.price: ${AMOUNT} [1]`],
    ['query ($p: Money = "x") { order find(filter: { price: $p }) }', `$p: ${AMOUNT} "x"`],
    ['query ($f: Filter = { price: "x" }) { order find(filter: $f) }', `$f.price: ${AMOUNT} "x"`],
    ['{ order since(at: "tomorrow") }', `at: ${INSTANT} "tomorrow"`],
    ['{ order since(at: 1764000000) }', `at: ${INSTANT} 1764000000`],
    ['{ order ...F } fragment F on Query { find(filter: { price: "x" }) }', `filter.price: ${AMOUNT} "x"`],
    ['{ order find(filter: { count: 1.5 }) }', 'filter.count: Int cannot represent non-integer value: 1.5'],
    ['{ order pot(id: null) }', 'id: Expected value of type "ID!", found null.'],
    ['{ order me @include(if: 1) { id } }', 'if: Boolean cannot represent a non boolean value: 1'],
  ];

  describe('a literal', () => {
    it.each(LITERALS)('%s is refused, and its argument named', async (text, message) => {
      expect(await errorMessageOf(text)).toBe(message);
    });

    it('with a variable in it is refused where its type has no room for one', async () => {
      const query = 'query ($p: Int) { find(filter: { price: [$p] }) }';
      const { status, body } = await ask(values, query, { p: 1 });
      expect([status, body.errors[0].message, executed]).toEqual([400, `filter.price: ${AMOUNT} [$p]`, []]);
    });

    it('of lists in lists is checked fast', async () => {
      const startedAt = performance.now();
      const deep = `${'['.repeat(900)}1${']'.repeat(900)}`;
      expect(await errorMessageOf(`{ find(filter: { price: ${deep} }) }`)).toContain(`${AMOUNT} [[[`);
      expect(performance.now() - startedAt).toBeLessThan(2_000);
    });
  });

  const VARIABLES: [text: string, variables: Variables, message: string][] = [
    [
      'mutation ($p: Money!) { pay sell(price: $p) }',
      { p: '1,99' },
      `"$p" got invalid value "1,99"; ${AMOUNT} "1,99"`,
    ],
    [
      'mutation ($p: Money!) { pay sell(price: $p) }',
      { p: ['1'] },
      `"$p" got invalid value ["1"]; ${AMOUNT} a list`,
    ],
    [
      'query ($f: Filter) { order find(filter: $f) }',
      { f: { not: { price: 'x' } } },
      `"x" at "f.not.price"; ${AMOUNT} "x"`,
    ],
    [
      'query ($f: Filter) { order find(filter: $f) }',
      { f: { prices: [1, 'x'] } },
      `"x" at "f.prices[1]"; ${AMOUNT} "x"`,
    ],
    [
      'query ($p: [Money!]) { order find(filter: { prices: $p }) }',
      { p: [{}] },
      `{} at "p[0]"; ${AMOUNT} an object`,
    ],
    [
      'query ($t: DateTime) { order since(at: $t) }',
      { t: 'now' },
      `"$t" got invalid value "now"; ${INSTANT} "now"`,
    ],
  ];

  describe("a variable's value", () => {
    it.each(VARIABLES)('%s %j is refused, and named', async (text, variables, message) => {
      expect(await errorMessageOf(text, variables)).toContain(message);
    });

    it('that is long leaves room for what was expected', async () => {
      const message = await errorMessageOf('query ($f: Filter) { find(filter: $f) }', {
        f: { price: 'x'.repeat(100_000) },
      });
      expect(message).toMatch(/^Variable "\$f" got invalid value "xxx/);
      expect(message).toContain(AMOUNT);
      expect(message.length).toBeLessThanOrEqual(1_000);
    });

    it('reaches the subgraph when it fits', async () => {
      const text = `mutation ($p: Money!) { a: sell(price: $p) b: sell(price: 7) c: sell(price: "7.1") }`;
      for (const p of ['19.9', 19.9]) expect((await ask(values, text, { p })).body.errors).toBeUndefined();
      const since = await ask(values, 'query ($t: DateTime) { since(at: $t) }', {
        t: '2026-11-23T12:00:00Z',
      });
      expect(since.body.data).toEqual({ since: 'since' });
      expect(executed).toHaveLength(7);
    });

    it.each([true, false])('of a variable named $__proto__ decides what is executed: %s', async (yes) => {
      const text = 'query ($__proto__: Boolean!) { order me @include(if: $__proto__) { id } }';
      const { status, body } = await ask(values, text, Object.fromEntries([['__proto__', yes]]));
      expect([status, body.data]).toEqual([200, { order: null, ...(yes && { me: { id: '1' } }) }]);
    });

    it('is refused under the name $__proto__ when graphql-js would have to coerce it, and lose it', async () => {
      const text = 'mutation ($__proto__: Money!) { sell(price: $__proto__) }';
      const error = await errorMessageOf(text, Object.fromEntries([['__proto__', '1.50']]));
      expect(error).toBe('Variable "$__proto__" is expected to have another name.');
    });

    it('is refused under a name that the gateway needs for itself', async () => {
      expect(
        await errorMessageOf('query ($representations: Int! = 1) { me { orders(first: $representations) } }'),
      ).toBe('Variable "$representations" is expected to have another name.');
    });
  });

  const NULLS: [text: string, variables: Variables, type: string][] = [
    ['query ($x: ID = "1") { order pot(id: $x) }', { x: null }, 'ID!'],
    ['query ($x: ID = "1") { order ...F } fragment F on Query { pot(id: $x) }', { x: null }, 'ID!'],
    ['query ($x: ID = "1") { order ... { ... on Query { pot(id: $x) } } }', { x: null }, 'ID!'],
    ['query ($x: ID) { order since(id: $x) }', { x: null }, 'ID!'],
    ['query ($x: Int = 1) { order find(filter: { count: $x }) }', { x: null }, 'Int!'],
    ['query ($x: Int = 1) { order find(filter: { not: { count: $x } }) }', { x: null }, 'Int!'],
    ['query ($x: ID = "1") { order list(ids: ["1", $x]) }', { x: null }, 'ID!'],
    ['query ($x: Int = 1) { order me { orders(first: $x) } }', { x: null }, 'Int!'],
    ['query ($x: Boolean = true) { order me @include(if: $x) { id } }', { x: null }, 'Boolean!'],
    ['query ($x: Boolean = true) { order me { id @skip(if: $x) } }', { x: null }, 'Boolean!'],
    [
      'query ($x: Boolean = true) { order ...F @skip(if: $x) } fragment F on Query { me { id } }',
      { x: null },
      'Boolean!',
    ],
    ['query ($x: String = "Query") { order __type(name: $x) { name } }', { x: null }, 'String!'],
    ['mutation ($x: Money = 1) { pay sell(price: $x) }', { x: null }, 'Money!'],
  ];

  describe('null for a variable with a default, where null is no value', () => {
    it.each(NULLS)('%s is refused, and the variable named', async (text, variables, type) => {
      for (const _ of ['before', 'after the document is known'])
        expect(await errorMessageOf(text, variables)).toBe(
          `Variable "$x" must not be null: a value of type "${type}" is expected.`,
        );
    });

    it('does not matter where it is not executed', async () => {
      const text = `query ($x: ID = "1", $no: Boolean!) {
      pot(id: $x) @skip(if: $no) ... @skip(if: $no) { b: pot(id: $x) } ...F @skip(if: $no) order }
      fragment F on Query { c: pot(id: $x) }`;
      const skipped = await ask(values, text, { x: null, no: true });
      expect(skipped).toEqual({ status: 200, body: { data: { order: null } } });
      expect((await ask(values, text, { x: null, no: false })).status).toBe(400);
      expect((await ask(values, text, { no: false })).body.data).toEqual({
        pot: 'pot',
        b: 'pot',
        c: 'pot',
        order: null,
      });
    });

    it('is a value where null is one', async () => {
      const text = 'query ($f: Filter = { count: 2 }, $n: [ID!] = []) { find(filter: $f) list(ids: $n) }';
      expect((await ask(values, text, { f: null, n: null })).body.data).toEqual({
        find: 'find',
        list: 'list',
      });
    });
  });
}
