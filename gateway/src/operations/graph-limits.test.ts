// What asks for too much is refused with what is allowed, and no subgraph hears of it.
import { registry } from '@holdfast/platform/observability/metrics';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type StubSystem, startStubSystem } from '../test/stub-system.ts';

let asked = 0;
const answer = () => {
  asked += 1;
  return null;
};
const resolvers = {
  users: { Query: { me: answer } },
  products: { Query: { product: answer, products: answer } },
  orders: { Query: { orders: answer } },
};

let system: StubSystem;
/** Whether the system that runs has settings of its test. */
let isOwn = false;
const start = async (settings: Record<string, string> = {}) => {
  await system?.close();
  system = await startStubSystem({ resolvers, settings });
  isOwn = Object.keys(settings).length > 0;
};
beforeAll(() => start());
beforeEach(() => {
  asked = 0;
});
afterEach(() => (isOwn ? start() : undefined));
afterAll(() => system.close());

async function ask(query: string, variables: Record<string, unknown> = {}) {
  const reply = await fetch(`${system.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json' },
    body: JSON.stringify({ query, variables }),
  });
  return { status: reply.status, body: JSON.parse(await reply.text()) };
}

async function refusalsOf(limit: string): Promise<number> {
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

const REFUSED: [limit: string, what: string, query: string, allowed: number, actual: number][] = [
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
  ['selections', 'A number of selections, fragments expanded,', doubling(8, 'nothing'), 400, 768],
  [
    'conditions',
    'A number of variables in @skip and @include',
    `query (${times(11, (n) => `$c${n}: Boolean!`)}) { me { ${times(11, (n) => `id @skip(if: $c${n})`)} } }`,
    10,
    11,
  ],
];

describe('an operation that asks for too much', () => {
  it.each(REFUSED)('in %s is refused', async (limit, what, query, allowed, actual) => {
    const before = await refusalsOf(limit);
    for (const round of [1, 2]) {
      expect(await ask(query)).toEqual({
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
      expect(await refusalsOf(limit)).toBe(before + round);
    }
    expect(asked).toBe(0);
  });

  it('in tokens is refused', async () => {
    const before = await refusalsOf('tokens');
    const { status, body } = await ask(`{ me { ${'id '.repeat(2_000)} } }`);
    expect(status).toBe(400);
    expect(body.errors).toEqual([
      {
        message: 'A number of tokens of at most 2000 is expected of an operation, got more.',
        extensions: { code: 'QUERY_TOO_COMPLEX', limit: 2000, actual: 2001 },
      },
    ]);
    expect(await refusalsOf('tokens')).toBe(before + 1);
  });

  // The parser recurses: whether the stack ends first or the tokens are too many depends on how warm its code is.
  it.each([
    ['fields', '{a'.repeat(100_000)],
    ['values', '{ a(b: '.padEnd(300_000, '[')],
    ['fragments', '{ ...'.repeat(100_000)],
  ])('in depth is refused before the parser has read it all: %s', async (_, query) => {
    const { status, body } = await ask(query);
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
    expect((await ask(query, { n: 100 })).status).toBe(200);
    const refused = await ask(query, { n: 1_000 });
    expect(refused.body.errors[0]).toMatchObject({ extensions: { limit: 8000, actual: 40_081 } });
    expect((await ask(query, { n: 100 })).status).toBe(200);
    expect(asked).toBe(2);
  });

  it.each(['__proto__', 'constructor', 'toString'])(
    'is judged by a variable named $%s like any other',
    async (name) => {
      const query = (first: string) =>
        `query ($${name}: Int${first}) { orders { edges { node { user { orders(first: $${name}) { edges { cursor } } } } } } }`;
      const variables = Object.fromEntries([[name, 1_000]]);
      const given = await ask(query('!'), variables);
      expect(given.body.errors[0]).toMatchObject({ extensions: { limit: 8000, actual: 40_081 } });
      expect((await ask(query('!'), Object.fromEntries([[name, 100]]))).status).toBe(200);
      const byDefault = await ask(query(' = 1000'));
      expect(byDefault.status).toBe(400);
      expect(asked).toBe(1);
    },
  );

  it('is a fragment bomb, and answered at once', async () => {
    const fragments = times(20, (index) => {
      const inside = index < 19 ? times(10, () => `...F${index + 1}`) : 'id';
      return `fragment F${index} on User { ${inside} }`;
    });
    const startedAt = performance.now();
    const { body } = await ask(`{ me { ...F0 } } ${fragments}`);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    expect(body.errors[0].extensions).toEqual({
      code: 'QUERY_TOO_COMPLEX',
      limit: 400,
      actual: Number.MAX_SAFE_INTEGER,
    });
  });

  it('is in a circle of fragments refused as what it is', async () => {
    const { status, body } = await ask(
      '{ me { ...A } } fragment A on User { ...B } fragment B on User { ...A }',
    );
    expect(status).toBe(400);
    expect(body.errors[0].message).toMatch(/^Cannot spread fragment "A" within itself/);
  });
});

describe('the limits', () => {
  it('are settings', async () => {
    await start({
      ...{ MAX_DEPTH: '2', MAX_ALIASES: '1', MAX_ROOT_FIELDS: '2', MAX_TOKENS: '20', MAX_COST: '4' },
      ...{ MAX_SELECTIONS: '8', MAX_CONDITIONS: '1' },
    });
    expect((await ask('{ me { a: id } b: product(id: 1) { id } }')).body.errors[0].message).toMatch(
      /^A number of aliases/,
    );
    expect((await ask('{ me { id } product(id: 1) { id } }')).status).toBe(200);
    for (const query of [
      '{ me { orders { __typename pageInfo { endCursor } } } }',
      '{ me { id username email role } }',
      '{ me { id } me { id } me { id } }',
      `{ me { ${'id '.repeat(16)}} }`,
      `{ me { ${'id '.repeat(8)}} }`,
      'query ($a: Boolean, $b: Boolean) { me @skip(if: $a) @include(if: $b) { id } }',
    ])
      expect((await ask(query)).body.errors[0].extensions.code).toBe('QUERY_TOO_COMPLEX');
  });

  it('hold for the documents of REST as well', async () => {
    await start({ MAX_COST: '100' });
    expect((await fetch(`${system.url}/products?limit=1`)).status).not.toBe(400);
    const refused = await fetch(`${system.url}/products?limit=100`);
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({ code: 'QUERY_TOO_COMPLEX' });
  });
});

describe('an operation with many errors', () => {
  it('is told of a few of them', async () => {
    const { body } = await ask(`{ ${times(100, (index) => `nothing${index}`)} }`);
    expect(body.errors).toHaveLength(6);
    expect(body.errors[5].message).toMatch(/^Too many validation errors/);
  });
});

describe('introspection that is off', () => {
  const INTROSPECTING = [
    '{ __schema { types { name } } }',
    '{ __type(name: "User") { fields { name } } }',
    '{ me { id } s: __schema { queryType { name } } }',
  ];

  it('answers nothing, and gives no names away in suggestions', async () => {
    for (const query of INTROSPECTING) expect((await ask(query)).body.errors).toBeUndefined();
    expect((await ask('{ mee { id } }')).body.errors[0].message).toContain('Did you mean');
    await start({ INTROSPECTION: 'off' });
    for (const query of INTROSPECTING) {
      const { data, errors } = (await ask(query)).body;
      expect([query, data, errors[0].extensions.code]).toEqual([query, undefined, 'BAD_USER_INPUT']);
    }
    const { message } = (await ask('{ mee { id } }')).body.errors[0];
    expect(message).toContain('Cannot query field');
    expect(message).not.toContain('Did you mean');
  });
});
