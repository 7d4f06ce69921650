// Operations run with the plans of the planner's thread, and the main thread makes none.
import { QueryPlanner } from '@apollo/query-planner';
import { afterAll, afterEach, beforeAll, expect, it, jest } from '@jest/globals';
import { type StubSystem, type SubgraphName, startStubSystem } from '../test/stub-system.ts';

const HEADER = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])';
const SCHEMAS: Record<SubgraphName, string> = {
  users: `${HEADER} type Query { me: User } type User @key(fields: "id") { id: ID! name: String! }`,
  products: `${HEADER} type Query { pot(id: ID!): Pot } type Pot @key(fields: "id") { id: ID! name: String }`,
  orders: `${HEADER} type Query { order: Order } type Order @key(fields: "id") { id: ID! pot: Pot }
    type Pot @key(fields: "id", resolvable: false) { id: ID! } type Mutation { place: String }`,
};
const resolvers = {
  users: { Query: { me: () => ({ id: '1', name: 'ada' }) } },
  products: {
    Query: { pot: (_: unknown, { id }: { id: string }) => ({ id, name: `Pot ${id}` }) },
    Pot: { __resolveReference: ({ id }: { id: string }) => ({ id, name: 'Pot' }) },
  },
  orders: {
    Query: { order: () => ({ id: '1', pot: { __typename: 'Pot', id: '7' } }) },
    Mutation: { place: () => 'placed' },
  },
};

let system: StubSystem;
beforeAll(async () => {
  system = await startStubSystem({ resolvers, schemas: SCHEMAS, settings: { PLAN_TIMEOUT_MS: '10000' } });
});
afterEach(() => {
  jest.restoreAllMocks();
});
afterAll(() => system.close());

async function ask(body: Record<string, unknown>) {
  const reply = await fetch(`${system.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: reply.status, body: JSON.parse(await reply.text()) };
}

const CROSSING = 'query ($name: Boolean!) { me { name } order { pot { id name @include(if: $name) } } }';
const TWO =
  'query A { me { ...u } } query B { p: pot(id: 2) { name } } mutation C { place } fragment u on User { name }';

it('runs every kind of operation, the same ones at once too, with plans made elsewhere', async () => {
  const plans = jest.spyOn(QueryPlanner.prototype, 'buildQueryPlan');
  const asked = [
    [
      { query: CROSSING, variables: { name: true } },
      { me: { name: 'ada' }, order: { pot: { id: '7', name: 'Pot' } } },
    ],
    [
      { query: CROSSING, variables: { name: false } },
      { me: { name: 'ada' }, order: { pot: { id: '7' } } },
    ],
    [{ query: TWO, operationName: 'A' }, { me: { name: 'ada' } }],
    [{ query: TWO, operationName: 'B' }, { p: { name: 'Pot 2' } }],
    [{ query: TWO, operationName: 'C' }, { place: 'placed' }],
    [
      { query: '{ __typename __schema { queryType { name } } }' },
      { __typename: 'Query', __schema: { queryType: { name: 'Query' } } },
    ],
  ] as const;
  for (const round of [1, 2]) {
    const replies = await Promise.all([...asked, ...asked].map(([body]) => ask(body)));
    expect([round, replies]).toEqual([
      round,
      [...asked, ...asked].map(([, data]) => ({ status: 200, body: { data } })),
    ]);
  }
  expect(plans).not.toHaveBeenCalled();
});
