// The federated graph over HTTP: errors, partial data, and what is on and off by setting.
import { AppError } from '@holdfast/platform/errors';
import type { RequestContext } from '@holdfast/platform/graphql/server';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type StubSystem, type SubgraphName, startStubSystem } from './test/stub-system.ts';

const HEADER = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])';
const SCHEMAS: Record<SubgraphName, string> = {
  users: `${HEADER} type Query { me: User fails: String forbidden: String who: String } type User @key(fields: "id") { id: ID! name: String! }`,
  products: `${HEADER} type Query { pot: Pot pots: [Pot!]! } type Pot @key(fields: "id") { id: ID! name: String }`,
  orders: `${HEADER} type Query { order: Order orders: [Order!]! } type Order @key(fields: "id") { id: ID! pot: Pot }
    type Pot @key(fields: "id", resolvable: false) { id: ID! } type Mutation { place: String }`,
};

let placed = 0;
const order = { id: '1', pot: { __typename: 'Pot', id: '7' } };
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
  },
  products: {
    Query: { pot: () => ({ id: '7', name: 'Pot' }), pots: () => [] },
    Pot: { __resolveReference: ({ id }: { id: string }) => ({ id, name: 'Pot' }) },
  },
  orders: {
    Query: { order: () => order, orders: () => [order, order] },
    Mutation: {
      place: async () => {
        placed += 1;
        await new Promise((resolve) => setTimeout(resolve, 3_000));
        return 'late';
      },
    },
  },
};

let system: StubSystem;
/** Of the tests that damage nothing. */
let shared: StubSystem;
/** Starts a system for the test alone. */
const start = async (settings: Record<string, string> = {}) => {
  system = await startStubSystem({ resolvers, schemas: SCHEMAS, settings });
};
beforeAll(async () => {
  shared = await startStubSystem({ resolvers, schemas: SCHEMAS });
});
beforeEach(() => {
  system = shared;
});
afterEach(() => (system === shared ? undefined : system.close()));
afterAll(() => shared.close());

async function ask(query: string, headers: Record<string, string> = {}) {
  const reply = await fetch(`${system.url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/graphql-response+json',
      ...headers,
    },
    body: JSON.stringify({ query }),
  });
  return { status: reply.status, text: await reply.clone().text(), body: JSON.parse(await reply.text()) };
}

describe('errors of a subgraph', () => {
  it('keep their code and path, the unforeseen ones masked under one request id', async () => {
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

  it('reach the subgraph with who asks, under which id, and for how long', async () => {
    await start({ SUBGRAPH_TIMEOUT_MS: '5000' });
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
  it('is answered to each as its own', async () => {
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

describe('a subgraph that is gone', () => {
  it("leaves the others' fields, and says what is missing and why", async () => {
    await start();
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
  });

  it('is named by /status, which asks no service twice in two seconds', async () => {
    await start();
    const status = async () => JSON.parse(await (await fetch(`${system.url}/status`)).text());
    const all = { gateway: 'up', users: 'up', products: 'up', orders: 'up' };
    expect(await Promise.all([status(), status()])).toEqual([{ services: all }, { services: all }]);
    await system.stop('products');
    expect(await status()).toEqual({ services: all });
    let { services } = await status();
    while (services.products === 'up') ({ services } = await status());
    expect(services).toEqual({ ...all, products: 'down' });
  });

  it('does not make the gateway unready, nor take its keys away', async () => {
    await start();
    const keys = await (await fetch(`${system.url}/.well-known/jwks.json`)).json();
    for (const name of ['users', 'products', 'orders'] as const) await system.stop(name);
    for (const check of Object.values(system.checks)) await check();
    expect(await (await fetch(`${system.url}/.well-known/jwks.json`)).json()).toEqual(keys);
  });

  it('that answers too late is not asked twice', async () => {
    placed = 0;
    const startedAt = performance.now();
    const { body } = await ask('mutation { place }', { 'x-request-timeout-ms': '1500' });
    expect(performance.now() - startedAt).toBeLessThan(2_900);
    expect(body.errors).toEqual([
      {
        message: 'The orders service is not answering.',
        path: ['place'],
        extensions: { code: 'SERVICE_UNAVAILABLE' },
      },
    ]);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(placed).toBe(1);
  });
});

describe('GraphQL over HTTP', () => {
  const html = { accept: 'text/html' };

  it('shows the explorer to browsers when it is on, and introspection answers', async () => {
    expect(await (await fetch(`${system.url}/graphql`, { headers: html })).text()).toContain(
      '<!doctype html>',
    );
    expect((await ask('{ __schema { queryType { name } } }')).body.data.__schema.queryType.name).toBe(
      'Query',
    );
  });

  it('has neither when they are off', async () => {
    await start({ EXPLORER: 'off', INTROSPECTION: 'off' });
    expect(await (await fetch(`${system.url}/graphql`, { headers: html })).text()).not.toContain(
      '<!doctype html>',
    );
    expect((await ask('{ __schema { queryType { name } } }')).body.errors[0].extensions.code).toBe(
      'BAD_USER_INPUT',
    );
  });

  it('refuses what is no GraphQL request in the words of GraphQL', async () => {
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

  it('says to clients that send a hash in place of a text that it takes texts only', async () => {
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

  it('reads by GET, and changes nothing by it: a web page of any origin can send one without asking first', async () => {
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

  it('does not let the subgraphs be asked directly', async () => {
    for (const query of ['{ _service { sdl } }', '{ _entities(representations: []) { __typename } }']) {
      expect((await ask(query)).status).toBe(400);
    }
  });
});
