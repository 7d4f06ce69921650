// Common GraphQL and REST clients against the running gateway: what they generate from it, and what their programs receive.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { buildClientSchema, getIntrospectionQuery } from 'graphql';
import { serverAudits } from 'graphql-http';
import { findInstalled, runForOutput } from './installed.ts';
import { system, workshop } from './seeded-shop.ts';
import { compileRelay, downloadSchema, generateApollo, generateOpenApi } from './workshop.ts';

// The programs below use the generated code.
describe('generators, against the running gateway', () => {
  it('gql.tada downloads the schema, with its descriptions', async () => {
    const schema = await downloadSchema(workshop, system.url);
    expect(schema).toContain('union CreateOrderResult =');
    expect(schema.match(/"""[^"]+"""/g)?.length).toBeGreaterThan(100);
  });

  it("codegen's client preset types documents", () => generateApollo(workshop, system.url));

  it('relay-compiler accepts pages and refetchable fragments', async () => {
    expect(await compileRelay(workshop)).toContain('Compilation completed');
    expect(await readdir(join(workshop.folder, 'relay/generated'))).toEqual(
      expect.arrayContaining([
        'operationsCatalogPageQuery.graphql.ts',
        'operationsProductRefetchQuery.graphql.ts',
      ]),
    );
  });

  it('openapi-typescript types the calls of REST', () => generateOpenApi(workshop, system.url));

  it('the programs that use all of these are well typed', async () => {
    expect(await runForOutput(workshop.folder, findInstalled('tsc'), '--project', '.')).toBe('');
  });
});

describe('a program with', () => {
  beforeAll(() => workshop.bundle());

  it('Apollo Client pages, edits by id in the cache, and makes an edit again after a conflict', async () => {
    expect(await workshop.run('apollo')).toEqual({
      pages: [5, 10, 10],
      afterEdit: { price: '6.90', version: 2 },
      conflict: 2,
      result: 'Product',
      afterConflict: expect.objectContaining({ name: 'Slate coaster, round', price: '6.90', version: 3 }),
      byText: 3,
    });
  });

  it('urql and its defaults reads by GET, and writes by POST', async () => {
    expect(await workshop.run('urql')).toEqual({
      methods: ['GET', 'POST', 'GET'],
      products: 3,
      username: 'demo',
      errors: [],
    });
  });

  it('graphql-request receives the code of an error, and reads header fields', async () => {
    expect(await workshop.run('graphql-request')).toEqual({
      refused: ['UNAUTHENTICATED'],
      orders: true,
      requestId: true,
    });
  });

  it("Relay's store pages, reads an object again, and separates a user and a product with the same id", async () => {
    expect(await workshop.run('relay')).toEqual({
      pages: [4, 8, 8],
      results: ['Product', 'VersionConflict'],
      before: { id: '1', name: 'Gooseneck kettle 0.9 l', version: 1 },
      product: { id: '1', name: 'Gooseneck kettle', version: 2 },
      me: { id: '1', username: 'demo', version: 1 },
    });
  });

  it('openapi-fetch runs the session of the documents', async () => {
    expect(await workshop.run('openapi')).toEqual({
      statuses: [201, 200, 412, 201, 201, 409],
      late: ['PRECONDITION_FAILED', 2],
      order: 'CONFIRMED',
      sameOrder: true,
      tooMany: ['OUT_OF_STOCK', 1],
    });
  });
});

describe('GraphQL over HTTP', () => {
  it('passes every audit of graphql-http without an error, a warning or a notice', async () => {
    const results = await Promise.all(
      serverAudits({ url: `${system.url}/graphql`, fetchFn: fetch }).map((audit) => audit.fn()),
    );
    expect(results.filter(({ status }) => status !== 'ok')).toEqual([]);
    expect(results).toHaveLength(61);
  });
});

describe("Apollo's Sandbox, from its own origin", () => {
  const SANDBOX = 'https://studio.apollographql.com';
  const SENT = ['apollo-require-preflight', 'authorization', 'content-type'];

  it('is allowed by the preflight of a browser', async () => {
    const { status, headers } = await fetch(`${system.url}/graphql`, {
      method: 'OPTIONS',
      headers: {
        origin: SANDBOX,
        'access-control-request-method': 'POST',
        'access-control-request-headers': SENT.join(','),
      },
    });
    expect([status, headers.get('access-control-allow-origin')]).toEqual([204, SANDBOX]);
    const allowed = headers.get('access-control-allow-headers')?.toLowerCase().split(', ');
    expect(allowed).toEqual(expect.arrayContaining(SENT));
  });

  it('may read the schema', async () => {
    const query = getIntrospectionQuery({
      specifiedByUrl: true,
      directiveIsRepeatable: true,
      schemaDescription: true,
      inputValueDeprecation: true,
      oneOf: true,
    });
    const reply = await fetch(`${system.url}/graphql`, {
      method: 'POST',
      headers: { origin: SANDBOX, 'content-type': 'application/json', accept: '*/*' },
      body: JSON.stringify({ query, operationName: 'IntrospectionQuery', variables: {} }),
    });
    expect(reply.headers.get('access-control-allow-origin')).toBe(SANDBOX);
    const { data, errors } = JSON.parse(await reply.text());
    expect(errors).toBeUndefined();
    expect(buildClientSchema(data).getMutationType()?.getFields()).toHaveProperty('createOrder');
  });
});
