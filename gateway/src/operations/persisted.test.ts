// Persisted mode: what is listed runs, by its id or by its text, and nothing else is so much as parsed.
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readGatewaySettings } from '../config.ts';
import { type StubSystem, startStubSystem } from '../test/stub-system.ts';
import { manifestFile } from './manifest.ts';

const sha = (text: string) => createHash('sha256').update(text).digest('hex');
const ME = 'query Me {\n  me {\n    id\n    __typename\n  }\n}';
const SEARCH =
  'query Search($search: String!) { products(filter: { search: $search }) { edges { cursor } } }';
const OUTDATED = 'query Outdated { me { shoeSize } }';
const entry = (name: string, body: string, id = sha(body)) => ({ id, name, type: 'query', body });
const manifest = (...operations: unknown[]) => ({
  format: 'apollo-persisted-query-manifest',
  version: 1,
  operations,
});

let folder: string;
let system: StubSystem;
let searched: unknown[] = [];
const resolvers = {
  users: { Query: { me: () => ({ id: '7' }) } },
  products: {
    Query: {
      product: () => null,
      products: (_: unknown, { filter }: { filter: { search: string } }) => {
        searched.push(filter.search);
        return { edges: [], pageInfo: { hasNextPage: false, hasPreviousPage: false } };
      },
    },
  },
};

const fileWith = async (content: unknown): Promise<string> => {
  const path = join(folder, `${crypto.randomUUID()}.json`);
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'persisted-'));
  const path = await fileWith(
    manifest(entry('Me', ME), entry('Search', SEARCH), entry('Outdated', OUTDATED)),
  );
  system = await startStubSystem({
    resolvers,
    settings: { OPERATIONS: 'persisted', PERSISTED_OPERATIONS_FILE: path },
  });
});
afterAll(async () => {
  await system.close();
  await rm(folder, { recursive: true });
});

async function ask(body: unknown) {
  const reply = await fetch(`${system.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json' },
    body: JSON.stringify(body),
  });
  return { status: reply.status, body: JSON.parse(await reply.text()) };
}
const get = async (parameters: Record<string, string>) => {
  const reply = await fetch(`${system.url}/graphql?${new URLSearchParams(parameters)}`, {
    headers: { 'apollo-require-preflight': 'yes' },
  });
  return { status: reply.status, body: JSON.parse(await reply.text()) };
};
const byHash = (sha256Hash: string) => ({ persistedQuery: { version: 1, sha256Hash } });
const refused = (why: string) => ({
  status: 400,
  body: {
    errors: [
      {
        message: `An operation of the persisted list is expected; ${why}.`,
        extensions: { code: 'PERSISTED_QUERY_NOT_IN_LIST' },
      },
    ],
  },
});

describe('a listed operation', () => {
  it('runs by its id, by its text and by both, with POST and GET', async () => {
    const answered = { status: 200, body: { data: { me: { id: '7', __typename: 'User' } } } };
    expect(await ask({ extensions: byHash(sha(ME)) })).toEqual(answered);
    expect(await ask({ query: ME })).toEqual(answered);
    expect(await ask({ query: ME, operationName: 'Me', extensions: byHash(sha(ME)) })).toEqual(answered);
    expect(await get({ extensions: JSON.stringify(byHash(sha(ME))) })).toEqual(answered);
    expect(await get({ query: ME })).toEqual(answered);
  });

  it('is given its variables', async () => {
    searched = [];
    await ask({ extensions: byHash(sha(SEARCH)), variables: { search: 'one' } });
    await get({ extensions: JSON.stringify(byHash(sha(SEARCH))), variables: '{"search":"two"}' });
    expect(searched).toEqual(['one', 'two']);
  });

  it('that the graph cannot run is not listed', async () => {
    expect(await ask({ extensions: byHash(sha(OUTDATED)) })).toEqual(refused('this one is not in it'));
  });
});

describe('anything else', () => {
  it('is refused without being parsed', async () => {
    const notInIt = refused('this one is not in it');
    for (const query of [
      '{ me { id } }',
      `${ME} `,
      '{{{',
      '{ __schema { queryType { name } } }',
      '{a'.repeat(100_000),
    ])
      expect(await ask({ query })).toEqual(notInIt);
    expect(await ask({ extensions: byHash(sha('{ me { id } }')) })).toEqual(notInIt);
    expect(await ask({ query: '{ me { id } }', extensions: byHash(sha('{ me { id } }')) })).toEqual(notInIt);
    expect(await get({ query: '{ me { id } }' })).toEqual(notInIt);
    expect(await get({ extensions: JSON.stringify(byHash('x')) })).toEqual(notInIt);
  });

  it('cannot hide behind the id of one that is', async () => {
    expect(await ask({ query: '{ me { id } }', extensions: byHash(sha(ME)) })).toEqual(
      refused('the query is not the one of that hash'),
    );
  });

  it('that names no operation is told so', async () => {
    const none = refused(
      'this request names none, neither by extensions.persistedQuery.sha256Hash nor by query',
    );
    for (const body of [{}, { query: '' }, { query: 7 }, { extensions: { persistedQuery: 'x' } }])
      expect(await ask(body)).toEqual(none);
    expect((await get({ extensions: 'no json' })).body.errors[0].message).toBe(
      'A parameter extensions of well-formed JSON is expected.',
    );
    for (const body of [[], [{ query: ME }], 'x']) expect((await ask(body)).status).toBe(400);
  });
});

describe('the REST shim', () => {
  it('runs its own operations all the same', async () => {
    expect((await fetch(`${system.url}/products`)).status).toBe(200);
  });
});

describe('the manifest', () => {
  it('is needed in persisted mode, and only there: given without it, it would not be used', async () => {
    const url = 'http://localhost';
    const read = (settings: Record<string, string>) => () =>
      readGatewaySettings({
        PORT: '0',
        OPS_PORT: '0',
        USERS_URL: url,
        PRODUCTS_URL: url,
        ORDERS_URL: url,
        JWKS_URL: url,
        SUPERGRAPH_FILE: 'x',
        SERVICE_KEY: 'x'.repeat(43),
        ...settings,
      });
    const PERSISTED_OPERATIONS_FILE = await fileWith(manifest(entry('Me', ME)));
    expect(read({ OPERATIONS: 'persisted' })).toThrow(
      'PERSISTED_OPERATIONS_FILE: is required when OPERATIONS is persisted',
    );
    expect(read({ PERSISTED_OPERATIONS_FILE })).toThrow(
      'PERSISTED_OPERATIONS_FILE: is used only when OPERATIONS is persisted',
    );
    expect(read({ OPERATIONS: 'persisted', PERSISTED_OPERATIONS_FILE })).not.toThrow();
  });

  const errorsOf = async (content: unknown) =>
    manifestFile.safeParse(await fileWith(content)).error?.issues.map(({ message }) => message);

  it('is read with all its operations', async () => {
    expect(manifestFile.parse(await fileWith(manifest(entry('Me', ME))))).toEqual(
      new Map([[sha(ME), { name: 'Me', type: 'query', body: ME }]]),
    );
  });

  it('is read as docs/graphql.md shows one', async () => {
    const page = await readFile(new URL('../../../docs/graphql.md', import.meta.url), 'utf8');
    const shown = /^```json tested=.*persisted\.test\.ts\n([\s\S]*?)^```$/m.exec(page)?.[1] ?? '';
    const read = manifestFile.parse(await fileWith(shown));
    expect([...(read?.values() ?? [])]).toEqual([expect.objectContaining({ name: 'Me' })]);
  });

  it('is refused at the start with everything that is wrong with it', async () => {
    expect(manifestFile.safeParse('/nowhere').error?.issues[0]?.message).toBe('/nowhere cannot be read');
    expect(await errorsOf('{')).toEqual([expect.stringMatching(/ is no JSON$/)]);
    expect(await errorsOf({ ...manifest(), format: 'other', version: 2 })).toEqual([
      expect.stringMatching(/ format: /),
      expect.stringMatching(/ version: /),
    ]);
    expect(
      await errorsOf(manifest(entry('A', ME, 'a'), entry('B', ME), entry('C', ME, sha(SEARCH)))),
    ).toEqual([
      'A: expected the SHA-256 of the body for an id, got "a"',
      expect.stringMatching(/^C: expected the SHA-256 of the body for an id/),
    ]);
  });
});
