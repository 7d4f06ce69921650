// Calls of a subgraph: the usual form of services has the same result as every other form, and entities are loaded in batches.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ANONYMOUS } from '../auth/viewer.ts';
import { AppError } from '../errors.ts';
import { createHttpServer, type HttpServer } from '../http/server.ts';
import { createLogger } from '../observability/log.ts';
import type { EntityKey } from './entities.ts';
import { createSubgraph } from './subgraph.ts';

const SDL = `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
  type Query { hello(name: String! = "world"): String!  fails: String  refused: String  secret: String! }
  type Mutation { keep(n: Int!): Int }
  type Pot @key(fields: "id") { id: ID!  litres: Int! }
  type Lid @key(fields: "id") { id: ID! }
`;
const JSON_TYPE = 'application/json; charset=utf-8';

let server: HttpServer;
let url: string;
/** The ids of each loaded batch. */
let batches: string[][];

const loadPots = async (keys: readonly EntityKey[]) => {
  batches.push(keys.map(({ id }) => id));
  if (keys.some(({ id }) => id === 'all fail')) throw new AppError('SERVICE_UNAVAILABLE', 'no pots today');
  return keys.map(({ id }) => {
    if (id === 'fails') return new AppError('FORBIDDEN', 'not this pot');
    return id === 'none' ? null : { id, litres: 3 };
  });
};

beforeAll(async () => {
  const log = createLogger('test', 'silent');
  const subgraph = await createSubgraph({
    typeDefs: SDL,
    resolvers: {
      Query: {
        hello: (_: unknown, { name }: { name: string }) => `hello ${name}`,
        fails: () => Promise.reject(new Error('a secret of the server')),
        refused: () => {
          throw new AppError('FORBIDDEN', 'not for you');
        },
        secret: () => null,
      },
      Mutation: { keep: async (_: unknown, { n }: { n: number }) => n },
    },
    entities: { Pot: loadPots, Lid: async (keys) => keys.map(({ id }) => ({ id })) },
    verify: async () => ANONYMOUS,
    checkCaller: async () => undefined,
    context: (base) => base,
    log,
  });
  server = createHttpServer({ ...subgraph, log, timeoutMs: 5_000 });
  url = `http://127.0.0.1:${await server.listen(0, '127.0.0.1')}/graphql`;
});
afterAll(() => server.close());
beforeEach(() => {
  batches = [];
});

async function call(body: unknown, headers: Record<string, string> = {}) {
  const reply = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-request-id': 'r-1', ...headers },
    body: JSON.stringify(body),
  });
  return {
    status: reply.status,
    type: reply.headers.get('content-type'),
    kept: reply.headers.get('cache-control'),
    allow: reply.headers.get('allow'),
    text: await reply.text(),
  };
}

describe('a call', () => {
  it.each<[string, Record<string, unknown>, number]>([
    ['that succeeds', { query: '{ hello }' }, 200],
    ['with variables', { query: 'query ($n: String!) { hello(name: $n) }', variables: { n: 'you' } }, 200],
    [
      'with a variable of a wrong type',
      { query: 'query ($n: String!) { hello(name: $n) }', variables: { n: 1 } },
      400,
    ],
    ['without a variable that is needed', { query: 'query ($n: String!) { hello(name: $n) }' }, 400],
    ['of one operation of two', { query: 'query A { hello } query B { fails }', operationName: 'A' }, 200],
    ['of an operation that there is not', { query: 'query A { hello }', operationName: 'C' }, 400],
    ['that names none of two', { query: 'query A { hello } query B { hello }' }, 400],
    ['that is no GraphQL', { query: 'apq:{' }, 400],
    ['of an unknown field', { query: '{ nothing }' }, 400],
    ['that fails', { query: '{ hello fails }' }, 200],
    ['that is refused', { query: '{ hello refused }' }, 200],
    ['whose data is lost to an error', { query: '{ hello secret }' }, 200],
    ['of a mutation', { query: 'mutation { keep(n: 3) }', variables: null, operationName: null }, 200],
    ['without members', {}, 400],
    ['without text', { query: '' }, 400],
    ['with a document in the place of text', { query: { kind: 'Document' } }, 400],
    ['with variables as text', { query: '{ hello }', variables: '{}' }, 400],
    ['with a list of variables', { query: '{ hello }', variables: [] }, 400],
    ['with a number for a name', { query: '{ hello }', operationName: 7 }, 400],
    ['with extensions', { query: '{ hello }', extensions: { more: 1 } }, 200],
  ])('%s has the same reply in the usual form of services as in any other', async (_, body, status) => {
    const reply = await call(body, { accept: 'application/json' });
    // With this Accept, Apollo Server negotiates.
    expect(reply).toEqual(await call(body, { accept: 'application/json;q=0.9, text/html;q=0.1' }));
    expect(reply).toMatchObject({ status, type: JSON_TYPE, kept: 'no-store' });
    // The second call uses a cached document.
    expect(await call(body, { accept: 'application/json' })).toEqual(reply);
  });

  it('is masked where it fails, with the id of the request', async () => {
    const { text } = await call({ query: '{ fails }' });
    expect(JSON.parse(text)).toEqual({
      errors: [
        {
          message: 'Something went wrong on our side. Please quote request r-1.',
          locations: [{ line: 1, column: 3 }],
          path: ['fails'],
          extensions: { code: 'INTERNAL_SERVER_ERROR', requestId: 'r-1' },
        },
      ],
      data: { fails: null },
    });
  });
});

describe('entities', () => {
  const query =
    'query ($r: [_Any!]!) { _entities(representations: $r) { __typename ... on Pot { id litres } ... on Lid { id } } }';
  const pot = (id: string) => ({ __typename: 'Pot', id });
  const entitiesOf = async (r: readonly { __typename: string; id: string }[]) => {
    const { text } = await call({ query, variables: { r } });
    const { data, errors = [] } = JSON.parse(text);
    const places = errors.map(({ path, extensions }: { path: unknown; extensions: { code: string } }) => [
      path,
      extensions.code,
    ]);
    return { entities: data._entities, places };
  };
  const full = (id: string) => ({ __typename: 'Pot', id, litres: 3 });

  it('are loaded in one batch for each type, in the order of the request', async () => {
    const { entities, places } = await entitiesOf([
      pot('2'),
      { __typename: 'Lid', id: '1' },
      pot('1'),
      pot('2'),
      pot('none'),
    ]);
    expect(entities).toEqual([full('2'), { __typename: 'Lid', id: '1' }, full('1'), full('2'), null]);
    expect(places).toEqual([]);
    expect(batches).toEqual([['2', '1', '2', 'none']]);
  });

  it('fail one by one, and the others are returned', async () => {
    const { entities, places } = await entitiesOf([pot('1'), pot('fails'), { __typename: 'Pan', id: '1' }]);
    expect(entities).toEqual([full('1'), null, null]);
    expect(places).toEqual([
      [['_entities', 1], 'FORBIDDEN'],
      [['_entities', 2], 'INTERNAL_SERVER_ERROR'],
    ]);
  });

  it('fail together when their batch fails', async () => {
    const { entities, places } = await entitiesOf([
      pot('all fail'),
      { __typename: 'Lid', id: '1' },
      pot('1'),
    ]);
    expect(entities).toEqual([null, { __typename: 'Lid', id: '1' }, null]);
    expect(places).toEqual([
      [['_entities', 0], 'SERVICE_UNAVAILABLE'],
      [['_entities', 2], 'SERVICE_UNAVAILABLE'],
    ]);
  });

  it('are an empty list for no keys', async () => {
    expect(await entitiesOf([])).toEqual({ entities: [], places: [] });
    expect(batches).toEqual([]);
  });
});
