// The federated graph over HTTP: errors, partial data and large replies; then, in modules of test/, browsers, refused and persisted
// operations, limits, and new supergraphs. One suite, because loading the modules of the gateway costs more than most tests.
import { QueryPlanner } from '@apollo/query-planner';
import { AppError } from '@holdfast/platform/errors';
import type { RequestContext } from '@holdfast/platform/graphql/server';
import { registry } from '@holdfast/platform/observability/metrics';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { describeBrowsers } from './test/browsers.ts';
import { describeLimitedRequests } from './test/limited-requests.ts';
import { describeNewSupergraphs } from './test/new-supergraphs.ts';
import { describePersistedOperations } from './test/persisted.ts';
import { describeRefusedOperations } from './test/refused-operations.ts';
import { type StubSystem, type SubgraphName, startStubSystem } from './test/stub-system.ts';

const HEADER = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])';
const SCHEMAS: Record<SubgraphName, string> = {
  users: `${HEADER} type Query { me: User fails: String forbidden: String who: String }
    type User @key(fields: "id") { id: ID! name: String! text(length: Int!): String! }`,
  products: `${HEADER} type Query { pot(id: ID): Pot pots: [Pot!]! }
    type Pot @key(fields: "id") { id: ID! name: String text(length: Int!): String fails: String }`,
  orders: `${HEADER} type Query { order: Order orders(first: Int! = 2): [Order!]! }
    type Order @key(fields: "id") { id: ID! pot: Pot } type Pot @key(fields: "id", resolvable: false) { id: ID! }
    type Mutation { place(length: Int! = 5): String placeSlowly: String }`,
};
const MAX_REPLY_BYTES = 1_000_000;
const SETTINGS = { SUBGRAPH_TIMEOUT_MS: '5000', MAX_REPLY_BYTES: String(MAX_REPLY_BYTES) };

let placed = 0;
const order = { id: '1', pot: { __typename: 'Pot', id: '7' } };
const text = (_: unknown, { length }: { length: number }) => 'x'.repeat(length);
const resolvers = {
  users: {
    Query: {
      me: () => ({ id: '1', name: 'ada' }),
      who: (_: unknown, __: unknown, { requestId, authorization, deadlineAt }: RequestContext) =>
        JSON.stringify({ requestId, authorization, remainingMs: deadlineAt - Date.now() }),
      fails: () => {
        throw new Error('secret');
      },
      forbidden: () => {
        throw new AppError('FORBIDDEN', 'Not for you.');
      },
    },
    User: { text },
  },
  products: {
    Query: {
      pot: (_: unknown, { id = '7' }: { id?: string }) => ({ id, name: `Pot ${id}` }),
      pots: () => [],
    },
    Pot: {
      __resolveReference: ({ id }: { id: string }) => ({ id, name: 'Pot' }),
      text,
      fails: () => {
        throw new AppError('FORBIDDEN', 'Not for you.');
      },
    },
  },
  orders: {
    Query: {
      order: () => order,
      orders: (_: unknown, { first }: { first: number }) => Array.from({ length: first }, () => order),
    },
    Mutation: {
      place: (_: unknown, { length }: { length: number }) => {
        placed += 1;
        return 'x'.repeat(length);
      },
      placeSlowly: async () => {
        placed += 1;
        await new Promise((resolve) => setTimeout(resolve, 3_000));
        return 'late';
      },
    },
  },
};

let system: StubSystem;
beforeAll(async () => {
  system = await startStubSystem({ resolvers, schemas: SCHEMAS, settings: SETTINGS });
});
afterAll(() => system.close());

async function ask(query: string, headers: Record<string, string> = {}, rest: object = {}) {
  const reply = await fetch(`${system.url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/graphql-response+json',
      ...headers,
    },
    body: JSON.stringify({ query, ...rest }),
  });
  const body = await reply.text();
  return { status: reply.status, headers: reply.headers, text: body, body: JSON.parse(body) };
}

describe('errors of a subgraph', () => {
  it('keep their code and path; the gateway masks an unexpected error and gives the request id', async () => {
    const { body, text } = await ask('{ fails forbidden me { name } }', { 'x-request-id': 'abc' });
    expect(body.data).toEqual({ fails: null, forbidden: null, me: { name: 'ada' } });
    expect(body.errors).toEqual([
      {
        message: 'Something went wrong on our side. Please quote request abc.',
        path: ['fails'],
        extensions: { code: 'INTERNAL_SERVER_ERROR', requestId: 'abc' },
      },
      { message: 'Not for you.', path: ['forbidden'], extensions: { code: 'FORBIDDEN' } },
    ]);
    expect(text).not.toMatch(/secret|users|127\.0\.0\.1/);
  });

  it('come with the token, the request id and the deadline of the caller', async () => {
    const authorization = `Bearer ${await system.token('1')}`;
    const { body } = await ask('{ who }', { 'x-request-id': 'abc', authorization });
    expect(JSON.parse(body.data.who)).toEqual({
      requestId: 'abc',
      authorization,
      remainingMs: expect.any(Number),
    });
    expect(JSON.parse(body.data.who).remainingMs).toBeLessThanOrEqual(5_000);
  });
});

describe('the same query of several callers at once', () => {
  it('gives each caller the answer for its own token', async () => {
    const tokens = await Promise.all(['1', '2', '3'].map((id) => system.token(id)));
    const callers = [undefined, ...tokens.map((token) => `Bearer ${token}`)];
    const asked = Array.from({ length: 60 }, (_, index) => callers[index % callers.length]);
    const seen = await Promise.all(
      asked.map(async (authorization) => {
        const { body } = await ask('{ who }', authorization === undefined ? {} : { authorization });
        return JSON.parse(body.data.who).authorization;
      }),
    );
    expect(seen).toEqual(asked);
  });
});

describe('a subgraph', () => {
  it('that answers too late does not receive the mutation twice', async () => {
    placed = 0;
    const startedAt = performance.now();
    const { body } = await ask('mutation { placeSlowly }', { 'x-request-timeout-ms': '1500' });
    expect(performance.now() - startedAt).toBeLessThan(2_900);
    expect(body.errors).toEqual([
      {
        message: 'The orders service is not answering.',
        path: ['placeSlowly'],
        extensions: { code: 'SERVICE_UNAVAILABLE' },
      },
    ]);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(placed).toBe(1);
  });
});

describe('GraphQL over HTTP', () => {
  it('shows the explorer to browsers, answers introspection, and sends no RateLimit fields while limits are off', async () => {
    const page = await fetch(`${system.url}/graphql`, { headers: { accept: 'text/html' } });
    expect(await page.text()).toContain('<!doctype html>');
    const { headers } = await ask('{ me { name } }');
    expect([headers.has('ratelimit'), headers.has('ratelimit-policy')]).toEqual([false, false]);
    expect((await ask('{ __schema { queryType { name } } }')).body.data.__schema.queryType.name).toBe(
      'Query',
    );
  });

  it('refuses a request that is not GraphQL with a GraphQL error', async () => {
    const reply = await fetch(`${system.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'text/plain' },
      body: '{}',
    });
    expect(reply.status).toBe(415);
    expect(await reply.json()).toEqual({
      errors: [{ message: expect.any(String), extensions: { code: 'BAD_USER_INPUT' } }],
    });
    expect(
      (
        await fetch(`${system.url}/graphql`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: '{',
        })
      ).status,
    ).toBe(400);
  });

  it('runs one request at a time', async () => {
    const reply = await fetch(`${system.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify([{ query: '{ me { name } }' }]),
    });
    expect(reply.status).toBe(400);
    expect(await reply.json()).toEqual({
      errors: [
        {
          message:
            'the body: expected an object with the member query, got a list: one request is one operation',
          extensions: { code: 'BAD_USER_INPUT', errors: [expect.objectContaining({ field: 'the body' })] },
        },
      ],
    });
  });

  it('tells a client that sends a hash in place of a query that hashes are not supported', async () => {
    const extensions = { persistedQuery: { version: 1, sha256Hash: 'f'.repeat(64) } };
    const reply = await fetch(
      `${system.url}/graphql?${new URLSearchParams({ extensions: JSON.stringify(extensions) })}`,
    );
    expect([reply.status, await reply.json()]).toEqual([
      400,
      {
        errors: [
          { message: 'PersistedQueryNotSupported', extensions: { code: 'PERSISTED_QUERY_NOT_SUPPORTED' } },
        ],
      },
    ]);
  });

  it('executes queries by GET and no mutations, because a page of any origin can send a GET without a preflight', async () => {
    const query = '{ me { name } }';
    const read = await fetch(`${system.url}/graphql?${new URLSearchParams({ query })}`);
    expect([read.status, await read.json()]).toEqual([200, { data: { me: { name: 'ada' } } }]);
    const authorization = `Bearer ${await system.token('1')}`;
    const who = await fetch(`${system.url}/graphql?${new URLSearchParams({ query: '{ who }' })}`, {
      headers: { cookie: `authorization=${authorization}; token=${authorization}` },
    });
    expect(who.headers.has('set-cookie')).toBe(false);
    expect(JSON.parse(JSON.parse(await who.text()).data.who)).not.toHaveProperty('authorization');
    const before = placed;
    const write = await fetch(
      `${system.url}/graphql?${new URLSearchParams({ query: 'mutation { place }' })}`,
    );
    expect([write.status, write.headers.get('allow'), placed]).toEqual([405, 'POST', before]);
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      '',
    ]) {
      const body = new TextEncoder().encode(JSON.stringify({ query }));
      const reply = await fetch(`${system.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': type },
        body,
      });
      expect([type, reply.status]).toEqual([type, 415]);
    }
  });

  it('executes no field of the federation protocol', async () => {
    for (const query of ['{ _service { sdl } }', '{ _entities(representations: []) { __typename } }']) {
      expect((await ask(query)).status).toBe(400);
    }
  });
});

describe('the plans of operations', () => {
  it('come from the thread of the planner, also for the same operations at once', async () => {
    const plans = jest.spyOn(QueryPlanner.prototype, 'buildQueryPlan');
    const crossing = 'query ($name: Boolean!) { me { name } order { pot { id name @include(if: $name) } } }';
    const three =
      'query A { me { ...u } } query B { p: pot(id: 2) { name } } mutation C { place } fragment u on User { name }';
    const asked: [query: string, rest: object, data: object][] = [
      [
        crossing,
        { variables: { name: true } },
        { me: { name: 'ada' }, order: { pot: { id: '7', name: 'Pot' } } },
      ],
      [crossing, { variables: { name: false } }, { me: { name: 'ada' }, order: { pot: { id: '7' } } }],
      [three, { operationName: 'A' }, { me: { name: 'ada' } }],
      [three, { operationName: 'B' }, { p: { name: 'Pot 2' } }],
      [three, { operationName: 'C' }, { place: 'xxxxx' }],
      [
        '{ __typename __schema { queryType { name } } }',
        {},
        { __typename: 'Query', __schema: { queryType: { name: 'Query' } } },
      ],
    ];
    for (const round of [1, 2]) {
      const replies = await Promise.all([...asked, ...asked].map(([query, rest]) => ask(query, {}, rest)));
      expect([round, replies.map(({ body }) => body)]).toEqual([
        round,
        [...asked, ...asked].map(([, , data]) => ({ data })),
      ]);
    }
    expect(plans).not.toHaveBeenCalled();
    plans.mockRestore();
  });
});

describe('a reply that is too large', () => {
  const TOO_LARGE = `A reply of at most ${MAX_REPLY_BYTES} bytes is expected, and this one is larger`;
  const extensions = { code: 'QUERY_TOO_COMPLEX', limit: MAX_REPLY_BYTES };
  const json = { accept: 'application/json' };

  async function countRefused(): Promise<number> {
    const counter = await registry.getSingleMetric('graphql_limit_refusals_total')?.get();
    return counter?.values.find(({ labels }) => labels['limit'] === 'reply_bytes')?.value ?? 0;
  }

  it('of one subgraph makes its field null, with the path, and leaves the others', async () => {
    const before = await countRefused();
    expect(await ask(`{ me { id } pot { text(length: ${MAX_REPLY_BYTES}) } }`, json)).toMatchObject({
      status: 200,
      body: {
        data: { me: { id: '1' }, pot: null },
        errors: [{ message: `${TOO_LARGE}: ask for less at a time.`, path: ['pot'], extensions }],
      },
    });
    expect(await countRefused()).toBe(before + 1);
  });

  it('of several subgraphs together loses the part that comes last', async () => {
    const { status, body, text } = await ask(
      '{ order { id pot { text(length: 600000) } } me { text(length: 600000) } }',
      json,
    );
    expect(status).toBe(200);
    expect(body.errors).toEqual([
      { message: `${TOO_LARGE}: ask for less at a time.`, path: expect.any(Array), extensions },
    ]);
    expect(text.length).toBeLessThan(MAX_REPLY_BYTES);
  });

  it('to a mutation says that the mutation was executed', async () => {
    placed = 0;
    const query = `mutation { a: place(length: 5) b: place(length: ${MAX_REPLY_BYTES}) }`;
    expect(await ask(query, json)).toMatchObject({
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

  it('because of the errors of the gateway is refused as a whole', async () => {
    // Each error repeats its path, which no subgraph has sent.
    const { status, body } = await ask(
      `{ ${'a'.repeat(100_000)}: orders(first: 12) { pot { fails } } }`,
      json,
    );
    expect([status, body]).toEqual([
      400,
      { errors: [{ message: `${TOO_LARGE}: ask for less at a time.`, extensions }] },
    ]);
  });
});

describe('browsers', () => describeBrowsers(() => system));

// The last test of this system, because it stops its subgraphs.
describe('a subgraph that is gone', () => {
  it('makes its fields null with an error each, is named by /status, and leaves the gateway ready', async () => {
    const status = async () => JSON.parse(await (await fetch(`${system.url}/status`)).text());
    const keys = async () => (await fetch(`${system.url}/.well-known/jwks.json`)).json();
    const knownKeys = await keys();
    const all = { gateway: 'up', users: 'up', products: 'up', orders: 'up' };
    expect(await Promise.all([status(), status()])).toEqual([{ services: all }, { services: all }]);

    await system.stop('products');
    const { body, text } = await ask(
      '{ me { name } pot { name } order { id pot { id name } } orders { pot { name } } }',
    );
    expect(body.data).toEqual({
      me: { name: 'ada' },
      pot: null,
      order: { id: '1', pot: { id: '7', name: null } },
      orders: [{ pot: { name: null } }, { pot: { name: null } }],
    });
    const message = 'The products service is not answering.';
    const extensions = { code: 'SERVICE_UNAVAILABLE' };
    expect(body.errors).toHaveLength(3);
    for (const path of [['pot'], ['order', 'pot'], ['orders']]) {
      expect(body.errors).toContainEqual({ message, extensions, path });
    }
    expect(text).not.toContain('127.0.0.1');

    let { services } = await status();
    while (services.products === 'up') {
      await new Promise((resolve) => setTimeout(resolve, 100));
      ({ services } = await status());
    }
    expect(services).toEqual({ ...all, products: 'down' });

    for (const name of ['users', 'orders'] as const) await system.stop(name);
    for (const check of Object.values(system.checks)) await check();
    expect(await keys()).toEqual(knownKeys);
  });
});

describe('operations that are refused', describeRefusedOperations);
describe('persisted mode', describePersistedOperations);
describe('limits over HTTP', describeLimitedRequests);
describe('new supergraphs', describeNewSupergraphs);
