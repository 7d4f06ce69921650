// Replies that are too large: of one subgraph, of several together, and the gateway's own.
import { AppError } from '@holdfast/platform/errors';
import { registry } from '@holdfast/platform/observability/metrics';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type StubSystem, type SubgraphName, schemaOf, startStubSystem } from '../test/stub-system.ts';

const MAX_REPLY_BYTES = 1_000_000;
const settings = { MAX_REPLY_BYTES: String(MAX_REPLY_BYTES) };
const TOO_LARGE = `A reply of at most ${MAX_REPLY_BYTES} bytes is expected, and this one is larger`;
const extensions = { code: 'QUERY_TOO_COMPLEX', limit: MAX_REPLY_BYTES };

const HEADER = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])';
const SCHEMAS: Record<SubgraphName, string> = {
  users: `${HEADER} type Query { me: User } type User @key(fields: "id") { id: ID! name(length: Int!): String! }`,
  products: `${HEADER} type Query { pot: Pot } type Pot @key(fields: "id") { id: ID! name(length: Int!): String fails: String }`,
  orders: `${HEADER} type Query { order: Order orders: [Order!]! } type Order @key(fields: "id") { id: ID! pot: Pot }
    type Pot @key(fields: "id", resolvable: false) { id: ID! } type Mutation { place(length: Int!): String }`,
};

const name = (_: unknown, { length }: { length: number }) => 'x'.repeat(length);
const order = { id: '1', pot: { __typename: 'Pot', id: '7' } };
let placed = 0;
const resolvers = {
  users: { Query: { me: () => ({ id: '1' }) }, User: { name } },
  products: {
    Query: { pot: () => ({ id: '7' }) },
    Pot: {
      __resolveReference: ({ id }: { id: string }) => ({ id }),
      name,
      fails: () => {
        throw new AppError('FORBIDDEN', 'Not for you.');
      },
    },
  },
  orders: {
    Query: { order: () => order, orders: () => Array.from({ length: 12 }, () => order) },
    Mutation: {
      place: (_: unknown, { length }: { length: number }) => {
        placed += 1;
        return 'x'.repeat(length);
      },
    },
  },
};

async function refusals(): Promise<number> {
  const counter = await registry.getSingleMetric('graphql_limit_refusals_total')?.get();
  return counter?.values.find(({ labels }) => labels['limit'] === 'reply_bytes')?.value ?? 0;
}

describe('a reply of GraphQL that is too large', () => {
  let system: StubSystem;
  beforeAll(async () => {
    system = await startStubSystem({ resolvers, schemas: SCHEMAS, settings });
  });
  afterAll(() => system.close());
  beforeEach(() => {
    placed = 0;
  });

  async function ask(query: string) {
    const reply = await fetch(`${system.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query }),
    });
    return { status: reply.status, body: JSON.parse(await reply.text()) };
  }

  it('of one subgraph takes its field away, with the path, and leaves the others', async () => {
    const before = await refusals();
    expect(await ask(`{ me { id } pot { name(length: ${MAX_REPLY_BYTES}) } }`)).toEqual({
      status: 200,
      body: {
        data: { me: { id: '1' }, pot: null },
        errors: [{ message: `${TOO_LARGE}: ask for less at a time.`, path: ['pot'], extensions }],
      },
    });
    expect(await refusals()).toBe(before + 1);
  });

  it('of several subgraphs together takes away what comes last', async () => {
    const { status, body } = await ask(
      '{ order { id pot { name(length: 600000) } } me { name(length: 600000) } }',
    );
    expect(status).toBe(200);
    expect(body.errors).toEqual([
      { message: `${TOO_LARGE}: ask for less at a time.`, path: expect.any(Array), extensions },
    ]);
    expect(JSON.stringify(body).length).toBeLessThan(MAX_REPLY_BYTES);
  });

  it('to a mutation says that it was executed', async () => {
    expect(await ask(`mutation { a: place(length: 5) b: place(length: ${MAX_REPLY_BYTES}) }`)).toMatchObject({
      status: 200,
      body: {
        errors: [
          {
            message: `The mutation was executed, but what it gives cannot be shown. ${TOO_LARGE}.`,
            extensions,
          },
        ],
      },
    });
    expect(placed).toBe(2);
  });

  const alias = 'a'.repeat(100_000);

  it('of the gateway itself is refused whole', async () => {
    // Each error repeats its path, which no subgraph has sent.
    expect(await ask(`{ ${alias}: orders { pot { fails } } }`)).toEqual({
      status: 400,
      body: { errors: [{ message: `${TOO_LARGE}: ask for less at a time.`, extensions }] },
    });
  });
});

describe('REST', () => {
  const node = {
    id: '1',
    name: 'Pot',
    description: 'x'.repeat(MAX_REPLY_BYTES),
    price: '1',
    stock: 1,
    version: 1,
  };
  const now = '2026-11-23T08:15:30.000Z';
  const edges = [{ cursor: '1', node: { ...node, createdAt: now, updatedAt: now } }];
  const page = { edges, pageInfo: { hasNextPage: false, hasPreviousPage: false } };
  let system: StubSystem;
  beforeAll(async () => {
    system = await startStubSystem({
      resolvers: { products: { Query: { products: () => page } } },
      settings,
    });
  });
  afterAll(() => system.close());

  it('answers a problem in place of a reply that is too large', async () => {
    const reply = await fetch(`${system.url}/products`);
    expect(reply.status).toBe(400);
    expect(await reply.json()).toMatchObject({
      code: 'QUERY_TOO_COMPLEX',
      detail: `${TOO_LARGE}: ask for less at a time.`,
    });
  });

  it('answers 503, and counts an error of ours, while the subgraph does not know a field that the call needs', async () => {
    const count = async (outcome: string) => {
      const labels = `{operation="ListProducts",type="query",outcome="${outcome}"}`;
      const lines = (await registry.metrics()).split('\n');
      const found = lines.find((line) =>
        line.startsWith(`graphql_operation_duration_seconds_count${labels} `),
      );
      return Number(found?.split(' ').at(-1) ?? 0);
    };
    const sdl = await schemaOf('products');
    await system.upgrade('products', sdl.replace('updatedAt: DateTime!', 'changedAt: DateTime!'));
    const before = { errors: await count('error'), refused: await count('refused') };
    const reply = await fetch(`${system.url}/products`);
    expect([reply.status, reply.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await reply.json()).toMatchObject({
      code: 'SERVICE_UNAVAILABLE',
      detail: 'The products service cannot do this right now.',
    });
    const after = { errors: await count('error'), refused: await count('refused') };
    expect(after).toEqual({ ...before, errors: before.errors + 1 });
  });
});
