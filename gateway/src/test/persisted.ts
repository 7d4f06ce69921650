// Persisted mode: the gateway executes an operation of the list, by its id or by its text, and does not even parse any
// other. The same gateway shows how REST meets limits and an outdated subgraph.
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { registry } from '@holdfast/platform/observability/metrics';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readGatewaySettings } from '../config.ts';
import { manifestFile } from '../operations/manifest.ts';
import { type StubSystem, schemaOf, startStubSystem } from './stub-system.ts';

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

const MAX_REPLY_BYTES = 1_000_000;
const now = '2026-11-23T08:15:30.000Z';
const POT = { id: '1', name: 'Pot', price: '1', stock: 1, version: 1, createdAt: now, updatedAt: now };

export function describePersistedOperations(): void {
  let folder: string;
  let system: StubSystem;
  let searched: unknown[] = [];
  const resolvers = {
    users: { Query: { me: () => ({ id: '7' }) } },
    products: {
      Query: {
        product: () => null,
        products: (_: unknown, { filter }: { filter: { search?: string } }) => {
          searched.push(filter.search);
          const node = {
            ...POT,
            description: filter.search === 'large' ? 'x'.repeat(MAX_REPLY_BYTES) : null,
          };
          return {
            edges: [{ cursor: '1', node }],
            pageInfo: { hasNextPage: false, hasPreviousPage: false },
          };
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
      settings: {
        OPERATIONS: 'persisted',
        PERSISTED_OPERATIONS_FILE: path,
        MAX_COST: '100',
        MAX_REPLY_BYTES: String(MAX_REPLY_BYTES),
      },
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

    it('receives its variables', async () => {
      searched = [];
      await ask({ extensions: byHash(sha(SEARCH)), variables: { search: 'one' } });
      await get({ extensions: JSON.stringify(byHash(sha(SEARCH))), variables: '{"search":"two"}' });
      expect(searched).toEqual(['one', 'two']);
    });

    it('that does not fit the graph is refused like an operation that is not listed', async () => {
      expect(await ask({ extensions: byHash(sha(OUTDATED)) })).toEqual(refused('this one is not in it'));
    });
  });

  describe('an operation that is not listed', () => {
    it('is refused before it is parsed', async () => {
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
      expect(await ask({ query: '{ me { id } }', extensions: byHash(sha('{ me { id } }')) })).toEqual(
        notInIt,
      );
      expect(await get({ query: '{ me { id } }' })).toEqual(notInIt);
      expect(await get({ extensions: JSON.stringify(byHash('x')) })).toEqual(notInIt);
    });

    it('is refused when it comes with the id of a listed operation', async () => {
      expect(await ask({ query: '{ me { id } }', extensions: byHash(sha(ME)) })).toEqual(
        refused('the query is not the one of that hash'),
      );
    });

    it('is refused with another message when the request names no operation', async () => {
      const none = refused(
        'this request names none, neither by extensions.persistedQuery.sha256Hash nor by query',
      );
      for (const body of [{}, { query: '' }, { query: 7 }, { extensions: { persistedQuery: 'x' } }])
        expect(await ask(body)).toEqual(none);
      expect((await get({ extensions: 'no json' })).body.errors[0].message).toBe(
        'The parameter extensions: expected well-formed JSON.',
      );
      for (const body of [[], [{ query: ME }], 'x']) expect((await ask(body)).status).toBe(400);
    });
  });

  describe('REST', () => {
    it('runs its own operations, which are not in the list', async () => {
      expect((await fetch(`${system.url}/products?limit=1`)).status).toBe(200);
    });

    it('answers a problem to a call that costs too much', async () => {
      const reply = await fetch(`${system.url}/products?limit=100`);
      expect(reply.status).toBe(400);
      expect(await reply.json()).toMatchObject({ code: 'QUERY_TOO_COMPLEX' });
    });

    it('answers a problem in place of a reply that is too large', async () => {
      const reply = await fetch(`${system.url}/products?limit=1&search=large`);
      expect(reply.status).toBe(400);
      expect(await reply.json()).toMatchObject({
        code: 'QUERY_TOO_COMPLEX',
        detail: `A reply of at most ${MAX_REPLY_BYTES} bytes is expected, and this one is larger: ask for less at a time.`,
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
      const reply = await fetch(`${system.url}/products?limit=1`);
      expect([reply.status, reply.headers.get('retry-after')]).toEqual([503, '1']);
      expect(await reply.json()).toMatchObject({
        code: 'SERVICE_UNAVAILABLE',
        detail: 'The products service cannot do this right now.',
      });
      const after = { errors: await count('error'), refused: await count('refused') };
      expect(after).toEqual({ ...before, errors: before.errors + 1 });
      await system.upgrade('products', sdl);
    });
  });

  describe('the manifest', () => {
    it('is required in persisted mode, and refused in any other mode, which would not use it', async () => {
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

    it('may look like the example in docs/graphql.md', async () => {
      const page = await readFile(new URL('../../../docs/graphql.md', import.meta.url), 'utf8');
      const shown = /^```json tested=.*test\/persisted\.ts\n([\s\S]*?)^```$/m.exec(page)?.[1] ?? '';
      const read = manifestFile.parse(await fileWith(shown));
      expect([...(read?.values() ?? [])]).toEqual([expect.objectContaining({ name: 'Me' })]);
    });

    it('is refused at the start with all its errors', async () => {
      expect(manifestFile.safeParse('/nowhere').error?.issues[0]?.message).toBe('/nowhere cannot be read');
      expect(await errorsOf('{')).toEqual([expect.stringMatching(/ is not valid JSON$/)]);
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
}
