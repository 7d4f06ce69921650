// What operations are measured at, on the real supergraph.
import { readFile } from 'node:fs/promises';
import { ApolloGateway } from '@apollo/gateway';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { type GraphQLSchema, getIntrospectionQuery, getOperationAST, parse, validate } from 'graphql';
import { readGatewaySettings } from '../config.js';
import { REST_ROUTES } from '../rest/rest.js';
import { measure } from './measure.js';

const limits = readGatewaySettings({
  SERVICE_SECRET: 'x'.repeat(32),
  PORT: '0',
  OPS_PORT: '0',
  SUPERGRAPH_FILE: 'x',
  USERS_URL: 'http://x',
  PRODUCTS_URL: 'http://x',
  ORDERS_URL: 'http://x',
  JWKS_URL: 'http://x',
});

let schema: GraphQLSchema;
beforeAll(async () => {
  const supergraphSdl = await readFile(new URL('../../supergraph.graphql', import.meta.url), 'utf8');
  const gateway = new ApolloGateway({ supergraphSdl });
  gateway.onSchemaLoadOrUpdate(({ apiSchema }) => {
    schema = apiSchema;
  });
  await gateway.load();
  await gateway.stop();
});

function measured(text: string, variables: Record<string, unknown> = {}) {
  const document = parse(text);
  expect(validate(schema, document)).toEqual([]);
  const operation = getOperationAST(document);
  if (!operation) throw new Error('one operation is expected');
  const { cost, ...facts } = measure(schema, document, operation);
  return { ...facts, cost: cost(variables) };
}

describe('cost', () => {
  it('is one for each field, times the lists that it is in', () => {
    expect(measured('{ me { id name: username } }').cost).toBe(3);
    expect(measured('{ products { pageInfo { endCursor } } }').cost).toBe(1 + 20 * 2);
    expect(measured('{ products(first: 3) { edges { node { id name } } } }').cost).toBe(1 + 3 * 4);
    expect(measured('{ order(id: 1) { history { at } } }').cost).toBe(2 + 5);
  });

  it('multiplies lists in lists', () => {
    const text =
      '{ orders(first: 10) { edges { node { user { orders(first: 7) { edges { cursor } } } } } } }';
    expect(measured(text).cost).toBe(1 + 10 * (4 + 7 * 2));
  });

  it('takes sizes from variables, their defaults, and the defaults of arguments', () => {
    const text = 'query ($n: Int = 4) { products(first: $n) { edges { cursor } } }';
    expect(measured(text, { n: 50 }).cost).toBe(101);
    expect(measured(text).cost).toBe(9);
    expect(measured(text, { n: null }).cost).toBe(41);
    expect(measured('query ($n: Int) { products(first: $n) { edges { cursor } } }').cost).toBe(41);
    for (const n of [0, -100]) expect(measured(text, { n }).cost).toBe(3);
  });

  it('counts a fragment as often as it is spread, with its variables', () => {
    const page = 'fragment Page on Query { products(first: $n) { edges { cursor } } }';
    const text = `query ($n: Int!) { ...Page ...Page ... on Query { ...Page } } ${page}`;
    expect(measured(text, { n: 2 })).toMatchObject({ rootFields: 3, depth: 3, cost: 3 * 5 });
  });

  it('of a fragment bomb is found at once', () => {
    const names = Array.from({ length: 20 }, (_, index) => `F${index}`);
    const fragments = names.map((name, index) => {
      const next = names[index + 1];
      const inside = next
        ? `...${next} `.repeat(10)
        : 'a: orders(first: $n) { edges { node { id b: version } } }';
      return `fragment ${name} on User { ${inside} }`;
    });
    const startedAt = performance.now();
    const { cost, aliases } = measured(`query ($n: Int) { me { ...F0 } } ${fragments.join(' ')}`, { n: 1 });
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    expect(cost).toBe(5 * 10 ** 19);
    expect(aliases).toBe(2 * 10 ** 19);
  });
});

describe('introspection', () => {
  it('has aliases and a cost, but no depth, and __typename is free', () => {
    const text = '{ __typename a: __schema { types { b: name fields { name } } } me { __typename } }';
    expect(measured(text)).toEqual({ depth: 1, aliases: 2, rootFields: 3, cost: 1 + 1 + 1 + 3 * (2 + 3) });
  });

  it('costs half of the limit when a tool asks for everything, and more than it when that is asked for again and again', () => {
    const all = { descriptions: true, schemaDescription: true, specifiedByUrl: true, oneOf: true };
    const { depth, cost } = measured(
      getIntrospectionQuery({ ...all, directiveIsRepeatable: true, inputValueDeprecation: true }),
    );
    expect([depth, cost < limits.MAX_COST * 0.6]).toEqual([0, true]);
    const lists = Array.from(
      { length: 30 },
      (_, n) => `a${n}: types { fields { ...F } possibleTypes { fields { ...F } } }`,
    );
    const often = `{ __schema { ${lists.join(' ')} } } fragment F on __Field { name args { name type { name } } type { name } }`;
    expect(measured(often).cost).toBeGreaterThan(limits.MAX_COST);
  });
});

describe('the default limits', () => {
  it('are far above every operation of the REST shim and of the README', async () => {
    const readme = await readFile(new URL('../../../README.md', import.meta.url), 'utf8');
    const session = [...readme.matchAll(/\{"query":\s*"([^"]+)"/g)].map(([, text = '']) => text);
    expect(session).toHaveLength(2);
    const texts = [
      ...session,
      ...REST_ROUTES.flatMap(({ operations }) => operations.map(({ text }) => text)),
    ];
    expect(texts.length).toBeGreaterThan(12);
    for (const text of texts) {
      parse(text, { maxTokens: limits.MAX_TOKENS / 2 });
      const { depth, aliases, rootFields, cost } = measured(text, { first: 100 });
      expect(
        [
          depth / limits.MAX_DEPTH,
          aliases / limits.MAX_ALIASES,
          rootFields / limits.MAX_ROOT_FIELDS,
          cost / limits.MAX_COST,
        ].filter((part) => part > 0.5),
      ).toEqual([]);
    }
  });
});
