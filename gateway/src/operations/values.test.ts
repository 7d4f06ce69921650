// Values that cannot be, as literals and in variables: each is refused by the gateway, by name, and nothing is executed.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type StubSystem, type SubgraphName, startStubSystem } from '../test/stub-system.ts';

const HEADER = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])';
const SCHEMAS: Record<SubgraphName, string> = {
  users: `${HEADER} scalar DateTime type Query { me: User since(at: DateTime, id: ID! = 1): String }
    type Mutation { pay(n: Int): String }
    type User @key(fields: "id") { id: ID! }`,
  products: `${HEADER} scalar Money
    input Filter { price: Money prices: [Money!] count: Int! = 1 name: String not: Filter }
    type Query { pot(id: ID!): String find(filter: Filter): String list(ids: [ID!]): String }
    type Mutation { sell(price: Money!): String }`,
  orders: `${HEADER} type Query { order: String } type User @key(fields: "id") { id: ID! orders(first: Int! = 1): String }`,
};

let asked: string[] = [];
const answer = (name: string) => () => {
  asked.push(name);
  return name;
};
const resolvers = {
  users: {
    Query: { me: () => ({ id: '1' }), since: answer('since') },
    Mutation: { pay: answer('pay') },
  },
  products: {
    Query: { pot: answer('pot'), find: answer('find'), list: answer('list') },
    Mutation: { sell: answer('sell') },
  },
  orders: { User: { __resolveReference: () => ({ id: '1' }), orders: answer('orders') } },
};

let system: StubSystem;
let closed: StubSystem;
beforeAll(async () => {
  system = await startStubSystem({ resolvers, schemas: SCHEMAS });
  closed = await startStubSystem({ resolvers, schemas: SCHEMAS, settings: { INTROSPECTION: 'off' } });
});
afterAll(() => Promise.all([system.close(), closed.close()]));
beforeEach(() => {
  asked = [];
});

type Variables = Record<string, unknown>;

async function ask(query: string, variables: Variables = {}, url = system.url) {
  const reply = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json' },
    body: JSON.stringify({ query, variables }),
  });
  return { status: reply.status, ...JSON.parse(await reply.text()) };
}

/** The message of the one error. */
async function refusalOf(query: string, variables: Variables = {}): Promise<string> {
  const { status, data, errors } = await ask(query, variables);
  expect({ status, data, asked, code: errors?.[0].extensions.code }).toEqual({
    status: 400,
    data: undefined,
    asked: [],
    code: 'BAD_USER_INPUT',
  });
  expect(errors).toHaveLength(1);
  return errors[0].message;
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
    expect(await refusalOf(text)).toBe(message);
  });

  it('with a variable in it is refused where its type has no room for one', async () => {
    const { status, errors } = await ask('query ($p: Int) { find(filter: { price: [$p] }) }', { p: 1 });
    expect([status, errors[0].message, asked]).toEqual([400, `filter.price: ${AMOUNT} [$p]`, []]);
  });

  it('of lists in lists costs nothing', async () => {
    const startedAt = performance.now();
    const deep = `${'['.repeat(900)}1${']'.repeat(900)}`;
    expect(await refusalOf(`{ find(filter: { price: ${deep} }) }`)).toContain(`${AMOUNT} [[[`);
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
    expect(await refusalOf(text, variables)).toContain(message);
  });

  it('that is long leaves room for what was expected', async () => {
    const message = await refusalOf('query ($f: Filter) { find(filter: $f) }', {
      f: { price: 'x'.repeat(100_000) },
    });
    expect(message).toMatch(/^Variable "\$f" got invalid value "xxx/);
    expect(message).toContain(AMOUNT);
    expect(message.length).toBeLessThanOrEqual(1_000);
  });

  it('is not answered with names of a schema that is not shown', async () => {
    const query = 'query ($f: Filter) { find(filter: $f) }';
    const message = async (url: string) => (await ask(query, { f: { prize: 1 } }, url)).errors[0].message;
    expect(await message(system.url)).toContain('Did you mean "price"');
    expect(await message(closed.url)).toMatch(/Field "prize" is not defined by type "Filter"\.$/);
  });

  it('reaches the subgraph when it fits', async () => {
    const text = `mutation ($p: Money!) { a: sell(price: $p) b: sell(price: 7) c: sell(price: "7.1") }`;
    for (const p of ['19.9', 19.9]) expect((await ask(text, { p })).errors).toBeUndefined();
    expect((await ask('query ($t: DateTime) { since(at: $t) }', { t: '2026-11-23T12:00:00Z' })).data).toEqual(
      {
        since: 'since',
      },
    );
    expect(asked).toHaveLength(7);
  });

  it.each([true, false])('of a variable named $__proto__ decides what is executed: %s', async (yes) => {
    const text = 'query ($__proto__: Boolean!) { order me @include(if: $__proto__) { id } }';
    const { status, data } = await ask(text, Object.fromEntries([['__proto__', yes]]));
    expect({ status, data }).toEqual({ status: 200, data: { order: null, ...(yes && { me: { id: '1' } }) } });
  });

  it('is refused under the name $__proto__ when graphql-js would have to coerce it, and lose it', async () => {
    const text = 'mutation ($__proto__: Money!) { sell(price: $__proto__) }';
    const error = await refusalOf(text, Object.fromEntries([['__proto__', '1.50']]));
    expect(error).toBe('Variable "$__proto__" is expected to have another name.');
  });

  it('is that of a variable whose name the gateway needs for itself', async () => {
    expect(
      await refusalOf('query ($representations: Int! = 1) { me { orders(first: $representations) } }'),
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
      expect(await refusalOf(text, variables)).toBe(
        `Variable "$x" must not be null: a value of type "${type}" is expected.`,
      );
  });

  it('does not matter where it is not executed', async () => {
    const text = `query ($x: ID = "1", $no: Boolean!) {
      pot(id: $x) @skip(if: $no) ... @skip(if: $no) { b: pot(id: $x) } ...F @skip(if: $no) order }
      fragment F on Query { c: pot(id: $x) }`;
    expect(await ask(text, { x: null, no: true })).toEqual({ status: 200, data: { order: null } });
    expect((await ask(text, { x: null, no: false })).status).toBe(400);
    expect((await ask(text, { no: false })).data).toEqual({ pot: 'pot', b: 'pot', c: 'pot', order: null });
  });

  it('is a value where null is one', async () => {
    const text = 'query ($f: Filter = { count: 2 }, $n: [ID!] = []) { find(filter: $f) list(ids: $n) }';
    expect((await ask(text, { f: null, n: null })).data).toEqual({ find: 'find', list: 'list' });
  });
});
