// What operations are measured at, on the real supergraph.
import { readFile } from 'node:fs/promises';
import { ApolloGateway } from '@apollo/gateway';
import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  executeSync,
  type GraphQLSchema,
  getIntrospectionQuery,
  getOperationAST,
  parse,
  validate,
} from 'graphql';
import { readGatewaySettings } from '../config.ts';
import { REST_ROUTES } from '../rest/rest.ts';
import { expandedSize } from './expanded.ts';
import { type FieldWeights, fieldWeights } from './field-weights.ts';
import { measure } from './measure.ts';

const limits = readGatewaySettings({
  SERVICE_KEY: 'x'.repeat(43),
  PORT: '0',
  OPS_PORT: '0',
  SUPERGRAPH_FILE: 'x',
  USERS_URL: 'http://x',
  PRODUCTS_URL: 'http://x',
  ORDERS_URL: 'http://x',
  JWKS_URL: 'http://x',
});

let schema: GraphQLSchema;
let weights: FieldWeights;
beforeAll(async () => {
  const supergraphSdl = await readFile(new URL('../../supergraph.graphql', import.meta.url), 'utf8');
  weights = fieldWeights(supergraphSdl);
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
  const { cost, ...facts } = measure(schema, weights, document, operation);
  return { ...facts, cost: cost(variables) };
}

describe('cost', () => {
  it('is one for each selection, times the sizes of the lists that contain it', () => {
    expect(measured('{ me { id name: username } }').cost).toBe(3);
    expect(measured('{ products { pageInfo { endCursor } } }').cost).toBe(1 + 20 * 2);
    expect(measured('{ products(first: 3) { edges { node { id name } } } }').cost).toBe(1 + 3 * 4);
    expect(measured('{ order(id: 1) { history { at } } }').cost).toBe(2 + 5);
    expect(measured('{ products(first: 3) { edges { ... { __typename } } } }').cost).toBe(1 + 3 * 3);
  });

  it('is for a large field one for each KiB that it may have', () => {
    const described = (first: number) =>
      `{ products(first: ${first}) { edges { node { id description } } } }`;
    expect(measured(described(100)).cost).toBe(1 + 100 * (3 + 40));
    const aliases = Array.from({ length: 30 }, (_, n) => `a${n}: description`).join(' ');
    const page = `{ products(first: 100) { edges { node { ${aliases} } } } }`;
    expect(measured(page).cost).toBe(1 + 100 * (2 + 30 * 40));
  });

  it('counts the length of an alias like the value of the field', () => {
    const named = (length: number) => `{ products(first: 100) { edges { ${'a'.repeat(length)}: cursor } } }`;
    expect(measured(named(1_023)).cost).toBe(201);
    expect(measured(named(10_240)).cost).toBe(1 + 100 * 12);
  });

  it('multiplies lists in lists', () => {
    const text =
      '{ orders(first: 10) { edges { node { user { orders(first: 7) { edges { cursor } } } } } } }';
    expect(measured(text).cost).toBe(1 + 10 * (4 + 7 * 2));
  });

  it('uses sizes from variables, their defaults, and the defaults of arguments', () => {
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
    expect(measured(text, { n: 2 })).toMatchObject({ rootFields: 3, depth: 3, cost: 4 + 3 * 5 });
  });

  it('of a fragment bomb is computed fast', () => {
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
    expect(cost).toBeGreaterThan(5 * 10 ** 19);
    expect(aliases).toBe(2 * 10 ** 19);
  });
});

describe('introspection', () => {
  const tools = getIntrospectionQuery({
    ...{ descriptions: true, schemaDescription: true, specifiedByUrl: true, oneOf: true },
    ...{ directiveIsRepeatable: true, inputValueDeprecation: true },
  });

  it('has aliases and a cost, but no depth', () => {
    const text = '{ __typename a: __schema { b: queryType { name } } me { __typename } }';
    expect(measured(text)).toEqual({ depth: 1, aliases: 2, rootFields: 3, parts: 0, cost: 6 });
  });

  it('costs about as much as its reply is large', () => {
    const fieldsIn = (value: unknown): number => {
      if (typeof value !== 'object' || value === null) return 0;
      const members = Object.values(value);
      const own = Array.isArray(value) ? 0 : members.length;
      return members.reduce<number>((sum, member) => sum + fieldsIn(member), own);
    };
    for (const text of [
      tools,
      '{ __schema { types { name fields { name args { name } type { name ofType { name } } } } } }',
      '{ __schema { types { kind possibleTypes { fields { name } } enumValues { name } } } }',
    ]) {
      const { data } = executeSync({ schema, document: parse(text) });
      const ratio = measured(text).cost / fieldsIn(data);
      expect([text, ratio > 0.7 && ratio < 1.4]).toEqual([text, true]);
    }
  });

  it('costs less than four fifths of the limit for the queries of tools, and more than the limit when repeated', () => {
    expect(measured(tools).cost / limits.MAX_COST).toBeLessThan(0.8);
    expect(expandedSize(parse(tools)).selections / limits.MAX_SELECTIONS).toBeLessThan(0.8);
    const lists = Array.from(
      { length: 30 },
      (_, n) => `a${n}: types { fields { ...F } possibleTypes { fields { ...F } } }`,
    );
    const often = `{ __schema { ${lists.join(' ')} } } fragment F on __Field { name args { name type { name } } type { name } }`;
    expect(measured(often).cost).toBeGreaterThan(limits.MAX_COST);
  });
});

describe('the default limits', () => {
  /** The parts of its limits that an operation uses up which are more than `part`. */
  function usedUp(text: string, part: number): number[] {
    parse(text, { maxTokens: limits.MAX_TOKENS / 2 });
    const { depth, aliases, rootFields, cost } = measured(text, { first: 100 });
    const { selections, conditions } = expandedSize(parse(text));
    return [
      depth / limits.MAX_DEPTH,
      aliases / limits.MAX_ALIASES,
      rootFields / limits.MAX_ROOT_FIELDS,
      selections / limits.MAX_SELECTIONS,
      conditions / limits.MAX_CONDITIONS,
      cost / limits.MAX_COST,
    ].filter((used) => used > part);
  }

  it('are far above every operation of the REST shim and of the documents', async () => {
    const pages = ['README.md', 'docs/graphql.md'].map(
      (path) => new URL(`../../../${path}`, import.meta.url),
    );
    const shown = (await Promise.all(pages.map((page) => readFile(page, 'utf8')))).join();
    const session = [...shown.matchAll(/^```graphql\n([\s\S]*?)^```$/gm)].map(([, text = '']) => text);
    expect(session.length).toBeGreaterThan(5);
    const texts = [
      ...session,
      ...REST_ROUTES.flatMap(({ operations }) => operations.map(({ text }) => text)),
    ];
    expect(texts.length).toBeGreaterThan(12);
    // A page of 100 products with descriptions that are as long as they may be comes to two thirds.
    for (const text of texts) expect(usedUp(text, text.includes('description') ? 0.68 : 0.5)).toEqual([]);
  });

  it('let pages pass that show everything of a hundred products, or thirty fields of each order', () => {
    const everything = `{ products(first: 100) { edges { cursor node { id name description price stock version
      createdAt updatedAt __typename } __typename } pageInfo { hasNextPage endCursor __typename } } }`;
    const orders = `{ orders(first: 100) { edges { cursor node { id quantity unitPrice totalPrice status version
      createdAt updatedAt user { id username email role version createdAt updatedAt }
      product { id name price stock version createdAt updatedAt } history { status version at } } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`;
    for (const text of [everything, orders]) expect(usedUp(text, 0.75)).toEqual([]);
  });

  it('keep the data of a reply below the largest one', () => {
    expect(limits.MAX_COST * 1_024).toBeLessThan(limits.MAX_REPLY_BYTES * 1.03);
  });
});

const size = (text: string) => expandedSize(parse(text));
const times = (count: number, part: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => part(index)).join(' ');

/** Each fragment spreads the next one twice, under another condition each time. */
const doubling = (levels: number) =>
  `query ($a: Boolean!, $b: Boolean!) { ...f0 }
   ${times(levels, (n) => `fragment f${n} on Query { ...f${n + 1} @include(if: $a) ...f${n + 1} @skip(if: $b) }`)}
   fragment f${levels} on Query { __typename }`;

describe('selections', () => {
  it('are fields, __typename, inline fragments and spreads, introspection too', () => {
    expect(size('{ me { id name: username __typename } }').selections).toBe(4);
    expect(size('{ me { ... { id } ... on User { id } } __schema { types { name } } }').selections).toBe(8);
    expect(size('{ ...f ...f } fragment f on Query { me { id } }').selections).toBe(2 * 3);
  });

  it('are counted in every operation and in fragments that none spreads', () => {
    expect(size('query a { me { id } } query b { ...f } fragment f on Query { a b }').selections).toBe(2 + 3);
    expect(size('{ me } fragment f on Query { ...g } fragment g on Query { a b }').selections).toBe(1 + 3);
    expect(size('{ ...f } fragment f on Query { a b c } fragment f on Query { a }').selections).toBe(2 + 3);
  });

  it('of doubling fragments are counted fast, up to Infinity', () => {
    expect(size(doubling(15)).selections).toBe(3 * 2 ** 15 - 1);
    const document = parse(doubling(1_100));
    const before = process.cpuUsage();
    expect(expandedSize(document).selections).toBe(Number.POSITIVE_INFINITY);
    expect(process.cpuUsage(before).user / 1_000).toBeLessThan(500);
  });

  it('are counted at any depth', () => {
    expect(size(`{ ${'a { '.repeat(990)} b ${' }'.repeat(990)} }`).selections).toBe(991);
  });

  it('of circular fragments are counted in finite time', () => {
    expect(
      size('{ ...a } fragment a on Query { ...b ...b } fragment b on Query { ...a id }').selections,
    ).toBe(7);
    expect(size('{ ...unknown ...constructor }').selections).toBe(2);
  });
});

describe('conditions', () => {
  it('are the distinct variables of @skip and @include at any place', () => {
    const text = `query ($a: Boolean!, $b: Boolean!, $c: Boolean!) {
      me @include(if: $a) @skip(if: $b) { id @skip(if: $a) } ...f @include(if: true)
    } fragment f on Query { ... @include(if: $c) { me { orders(first: $d) { edges { cursor @other(if: $e) } } } } }`;
    expect(size(text).conditions).toBe(3);
  });
});
