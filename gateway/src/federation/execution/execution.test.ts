// The compiled executor: first small cases, which show what one reply does to the data and errors of an answer. Then the
// executor beside that of @apollo/gateway, over operations that are made from seeds: the data are equal byte for byte, and
// the errors say the same. corpus/differences.ts lists, and checks, where an error may be more exact. At last replies that
// no working subgraph sends.
//
// The executor of @apollo/gateway has three errors that lose data. The compiled executor does not have them, so the corpus
// avoids them: fields of a fragment in a fragment (the generator requests the type there); 0, false and "" of a field that
// had to be requested under another name (rewrites.ts; made-up-data.ts contains none); and the type of an entity after a
// fetch from a subgraph with an interface object (fetch.ts; subgraphs.ts leaves that type out).

import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { getOperationAST, type OperationDefinitionNode, parse, print } from 'graphql';
import { differencesOf, isOnOneWay } from './corpus/differences.ts';
import { type Answer, type Call, createEngines, type Engines } from './corpus/engines.ts';
import { mangle } from './corpus/mangled.ts';
import { type Operation, type OperationStyle, operationFor } from './corpus/operations.ts';
import { createRandom, hashOf } from './corpus/random.ts';
import { CORPUS_SCHEMAS } from './corpus/schemas.ts';
import { createSubgraphs, type SubgraphRequest, type Subgraphs } from './corpus/subgraphs.ts';
import { createValidity } from './corpus/validity.ts';
import { plannable, type SubgraphReply } from './execution.ts';
import { memberOf, mergeInto } from './members.ts';
import { compileRewrites } from './rewrites.ts';

const SHOP = `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@shareable"])
  scalar Money
  type Query { product(id: ID): Product  must: Product!  products: [Product]  found: Found  node: Node  toString: String }
  type Mutation { first: Product  second: Int }
  union Found = Product | Nothing
  interface Node { id: ID!  mark: Int }
  enum Colour { RED GREEN }
  type Nothing { reason: String! }
  type Product implements Node @key(fields: "id") {
    id: ID!  mark: Int!  name: String  need: String!  stock: Int  weight: Float  isNew: Boolean
    colour: Colour  price: Money  tags: [String!]  parts: [[Product]]  node: Node
  }`;
const STOCK = `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
  type Mutation { third: Int }
  type Product @key(fields: "id") { id: ID!  left: Int  maker: String! }`;

const { supergraphSdl } = createSubgraphs({ shop: SHOP, stock: STOCK });
const engines = createEngines(supergraphSdl);

/** What a subgraph replies, or throws. */
type Replies = Readonly<Record<string, SubgraphReply | Error>>;

const operationOf = (source: string, variables = {}) => ({
  seed: 0,
  source,
  document: parse(source, { noLocation: true }),
  variables,
});

const callOf = (replies: Replies) => async (subgraph: string) => {
  const reply = replies[subgraph];
  if (reply === undefined || reply instanceof Error)
    throw reply ?? new Error(`no call of ${subgraph} is expected`);
  const copy: SubgraphReply = JSON.parse(JSON.stringify(reply));
  return copy;
};

async function answerTo(source: string, replies: Replies) {
  const { data, errors } = await engines.compiled(operationOf(source), callOf(replies));
  return { data, errors: errors.map(({ message, path }) => `${path?.join('.')}: ${message}`) };
}

const answerToProduct = (fields: string, product: unknown) =>
  answerTo(`{ product { ${fields} } }`, { shop: { data: { product } } });

describe('A value that does not fit its type is null, with an error', () => {
  const invalid = (field: string) => `product.${field}: Invalid value found for field Product.${field}.`;

  it.each([
    ['name', 1],
    ['name', ['a']],
    ['stock', '1'],
    ['stock', 1.5],
    ['stock', 2 ** 31],
    ['weight', '1.5'],
    ['isNew', 0],
    ['colour', 'BLUE'],
    ['colour', 'constructor'],
    ['colour', 0],
    ['price', 19.99],
    ['price', { amount: 1 }],
  ])('%s: %j', async (field, value) => {
    const answer = await answerToProduct(field, { [field]: value });
    expect(answer).toEqual({ data: `{"product":{"${field}":null}}`, errors: [invalid(field)] });
  });

  it('a list where an object is expected, and an object where a list is', async () => {
    expect(await answerToProduct('id', [{ id: '1' }])).toEqual({
      data: '{"product":null}',
      errors: ['product: Invalid non-object value (a list) returned by subgraph for composite type Product'],
    });
    expect(await answerToProduct('tags', { tags: { length: 1 } })).toEqual({
      data: '{"product":{"tags":null}}',
      errors: [
        'product.tags: Invalid non-list value (an object) returned by subgraph for list type [String!]',
      ],
    });
  });

  it('an element of a list without nulls makes the list null, and the error names its index', async () => {
    expect(await answerToProduct('tags', { tags: ['a', 7, 'c'] })).toEqual({
      data: '{"product":{"tags":null}}',
      errors: ['product.tags.1: Invalid value found for array element of type String at index 1.'],
    });
  });

  it.each(['Missing', 'Order', 'Colour', '__proto__', 7, null])(
    'the type %j in a union',
    async (__typename) => {
      const answer = await answerTo('{ found { ... on Nothing { reason } } }', {
        shop: { data: { found: { __typename, reason: 'none' } } },
      });
      expect(answer).toEqual({
        data: '{"found":null}',
        errors: ['found: Invalid __typename found for object at field Query.found.'],
      });
    },
  );

  it('another type than the one that an object has', async () => {
    expect((await answerToProduct('id', { __typename: 'Nothing', id: '1' })).data).toBe('{"product":null}');
  });
});

describe('A null', () => {
  it('that the type does not allow makes its parent null, up to the whole data', async () => {
    expect(await answerTo('{ must { need } }', { shop: { data: { must: { need: null } } } })).toEqual({
      data: 'null',
      errors: ['must.need: Cannot return null for non-nullable field Product.need.'],
    });
  });

  it('is reported once when the subgraph has sent an error for it', async () => {
    const errors = [{ message: 'broken', path: ['must', 'need'] }];
    const answer = await answerTo('{ must { need } }', { shop: { data: null, errors } });
    expect(answer).toEqual({ data: 'null', errors: ['must.need: broken'] });
  });

  it('of a member that the subgraph left out is reported', async () => {
    expect(await answerToProduct('name stock', { stock: 1 })).toEqual({
      data: '{"product":{"name":null,"stock":1}}',
      errors: ['product.name: No subgraph has answered this field.'],
    });
  });

  it('is no error for a field of an entity that the subgraph does not know', async () => {
    const answer = await answerTo('{ product { name left } }', {
      shop: { data: { product: { __typename: 'Product', id: '1', name: 'a' } } },
      stock: { data: { _entities: [null] } },
    });
    expect(answer).toEqual({ data: '{"product":{"name":"a","left":null}}', errors: [] });
  });
});

describe('An error of a subgraph', () => {
  const products = (ids: readonly (string | null)[]) => ({
    data: { products: ids.map((id) => id && { __typename: 'Product', id }) },
  });

  it('names the path of its entity, with the index in the whole list', async () => {
    const answer = await answerTo('{ products { left } }', {
      shop: products(['1', null, '3']),
      stock: {
        data: { _entities: [{ left: 1 }, null] },
        errors: [{ message: 'lost', path: ['_entities', 1] }],
      },
    });
    expect(answer).toEqual({
      data: '{"products":[{"left":1},null,{"left":null}]}',
      errors: ['products.2: lost'],
    });
  });

  it.each([[['_entities', 9]], [['_entities']], [['_entities', {}]], ['text'], [undefined]])(
    'with the path %j does no harm',
    async (path) => {
      const errors = [{ message: 'lost', ...(path && { path }), extensions: 'none' }];
      const answer = await answerTo('{ products { left } }', {
        shop: products(['1']),
        stock: { data: null, errors },
      });
      expect(answer.data).toBe('{"products":[{"left":null}]}');
      expect(answer.errors).toEqual([expect.stringMatching(/^(products|undefined): lost$/)]);
    },
  );

  it('leaves the data of other subgraphs', async () => {
    const answer = await answerTo('{ products { id left } }', {
      shop: products(['1']),
      stock: new Error('no reply'),
    });
    expect(answer.data).toBe('{"products":[{"id":"1","left":null}]}');
    expect(answer.errors).toContain('undefined: no reply');
  });

  it.each([{ _entities: {} }, { _entities: [] }, {}, { _entities: [7] }, [], 'text'])(
    'is made of entities like %j',
    async (data) => {
      const reply: SubgraphReply = JSON.parse(JSON.stringify({ data }));
      const answer = await answerTo('{ products { left } }', { shop: products(['1']), stock: reply });
      expect(answer.data).toBe('{"products":[{"left":null}]}');
      expect(answer.errors[0]).toMatch(/^products/);
    },
  );
});

describe('Names that every object inherits', () => {
  it('are members only where a subgraph sends them', async () => {
    const answer = await answerTo('{ toString constructor: toString __proto__: product { valueOf: name } }', {
      shop: { data: { toString: 'a', ...JSON.parse('{"__proto__": {"valueOf": "b"}}') } },
    });
    expect(answer.data).toBe('{"toString":"a","constructor":null,"__proto__":{"valueOf":"b"}}');
  });

  it('are merged as members, too', () => {
    const target = JSON.parse('{"a": {"x": 1}}');
    mergeInto(target, JSON.parse('{"a": {"__proto__": {"polluted": 1}, "constructor": {"y": 2}}}'));
    mergeInto(target, JSON.parse('{"a": {"__proto__": {"more": 3}}}'));
    expect(JSON.stringify(target)).toBe(
      '{"a":{"x":1,"__proto__":{"polluted":1,"more":3},"constructor":{"y":2}}}',
    );
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  });
});

describe('The fields of a mutation', () => {
  it('run in their order, each once, also after one that failed', async () => {
    const sent: string[] = [];
    const answer = await engines.compiled(
      operationOf('mutation { second third first { id } }'),
      async (subgraph, { query }) => {
        sent.push(`${subgraph} ${query}`);
        if (sent.length === 1) throw new Error('no reply');
        return { data: subgraph === 'stock' ? { third: 3 } : { first: { id: '1' } } };
      },
    );
    expect(sent.map((text) => text.replace(/Corpus\S*|\s/g, ''))).toEqual([
      'shopmutation{second}',
      'stockmutation{third}',
      'shopmutation{first{id}}',
    ]);
    expect(answer.data).toBe('{"second":null,"third":3,"first":{"id":"1"}}');
  });
});

describe('Beside the executor of @apollo/gateway', () => {
  const both = async (source: string, replies: Replies) => {
    const operation = operationOf(source);
    const apollo = await engines.apollo(operation, callOf(replies));
    const compiled = await engines.compiled(operation, callOf(replies));
    return { apollo: apollo.data, compiled: compiled.data };
  };

  it('a fragment in a fragment keeps its fields when the reply has no __typename', async () => {
    const source = '{ product { ... on Node { ... on Product { name } } } }';
    expect(await both(source, { shop: { data: { product: { name: 'a' } } } })).toEqual({
      apollo: '{"product":{}}',
      compiled: '{"product":{"name":"a"}}',
    });
  });
});

describe('A field that the planner has renamed', () => {
  it.each([0, '', false, null, 'x'])('gets its own name back, also with the value %j', (value) => {
    const rewrites = [
      { kind: 'KeyRenamer' as const, path: ['nodes', '... on Node', 'mark__alias_0'], renameKeyTo: 'mark' },
    ];
    const data = { nodes: [{ __typename: 'Product', mark__alias_0: value }, { __typename: 'Other' }, null] };
    compileRewrites(rewrites, engines.schema)?.(data);
    expect(data.nodes[0]).toEqual({ __typename: 'Product', mark: value });
  });
});

describe('The document for the planner', () => {
  const planned = (source: string) => {
    const document = parse(source);
    const operation: OperationDefinitionNode | null | undefined = getOperationAST(document, 'A');
    const kept = operation && plannable({ document, operation });
    return kept && print(kept).replace(/\s+/g, ' ');
  };

  it('is the operation without introspection, and without the fragments that become unused', () => {
    const source = `
      query A { a: __type(name: "X") { ...T } ...Q ... on Query { __schema { types { ...T } } } id }
      fragment Q on Query { __schema { types { name } } name ...R }
      fragment R on Query { __type(name: "Y") { isOneOf } }
      fragment T on __Type { isOneOf }
      query B { other }`;
    expect(planned(source)).toBe('query A { ...Q id } fragment Q on Query { name }');
  });

  it('is undefined when the operation requests introspection only', () => {
    expect(planned('query A { ... on Query { __schema { types { name } } } }')).toBeUndefined();
  });
});

type Path = readonly (string | number)[];

interface Graph {
  readonly subgraphs: Subgraphs;
  readonly engines: Engines;
}

const schemaFile = (name: string) => new URL(`../../../../subgraphs/${name}/schema.graphql`, import.meta.url);

const TIMEOUT_MS = 180_000;

/** How many operations of a kind: a fifteenth of them in `npm test`, all of them in `npm run test:long`. */
const countOf = (all: number): number => (process.env['LONG_MINUTES'] === undefined ? all / 15 : all);

let corpus: Graph;
let shop: Graph;
beforeAll(async () => {
  corpus = graphOf(CORPUS_SCHEMAS);
  const names = ['users', 'products', 'orders'];
  const sources = names.map(async (name) => [name, await readFile(schemaFile(name), 'utf8')] as const);
  shop = graphOf(Object.fromEntries(await Promise.all(sources)));
});

function graphOf(sources: Readonly<Record<string, string>>): Graph {
  const subgraphs = createSubgraphs(sources);
  return { subgraphs, engines: createEngines(subgraphs.supergraphSdl) };
}

/** So many operations that are valid and that the planner can plan, from the first seed on. */
function* operations({ engines }: Graph, first: number, count: number, style?: OperationStyle) {
  for (let seed = first, made = 0; made < count; seed += 1) {
    const operation = operationFor(engines.schema, seed, style);
    if (operation === undefined || !engines.isPlannable(operation)) continue;
    made += 1;
    yield operation;
  }
}

const textOf = (subgraph: string, { query, variables }: SubgraphRequest): string =>
  `${subgraph} ${query} ${JSON.stringify(variables)}`;

/** In a third of the operations something fails: fields, entities, or all of a subgraph. */
const troubleOf = ({ seed }: Operation): number => (seed % 3 === 0 ? seed : 0);

/** A failing test says which seed failed, and how. */
const report = ({ seed, source, variables }: Operation, errors: readonly string[]): string[] =>
  errors.map((error) => `seed ${seed}: ${error}\n${source}\n${JSON.stringify(variables)}`);

describe('beside the executor of @apollo/gateway', () => {
  async function compare({ subgraphs, engines }: Graph, operation: Operation): Promise<string[]> {
    const recorded = () => {
      const sent: string[] = [];
      const call: Call = (subgraph, request) => {
        sent.push(textOf(subgraph, request));
        return subgraphs.call(subgraph, request, troubleOf(operation));
      };
      return { sent, call };
    };
    const [reference, own] = [recorded(), recorded()];
    const apollo = await engines.apollo(operation, reference.call);
    const compiled = await engines.compiled(operation, own.call);
    const differences = differencesOf(apollo, compiled, own.sent);
    // The same calls in the same order: a mutation is sent exactly once.
    if (reference.sent.join('\n') !== own.sent.join('\n'))
      differences.push(`calls: expected\n${reference.sent.join('\n')}\ngot\n${own.sent.join('\n')}`);
    return report(operation, differences);
  }

  async function compareAll(graph: Graph, first: number, count: number): Promise<string[]> {
    const differences: string[] = [];
    for (const operation of operations(graph, first, count))
      differences.push(...(await compare(graph, operation)));
    return differences;
  }

  it(
    'the compiled executor gives the same data and errors for operations of a graph made to be difficult',
    async () => expect(await compareAll(corpus, 1, countOf(1_500))).toEqual([]),
    TIMEOUT_MS,
  );

  it(
    'the compiled executor gives the same data and errors for operations of the shop',
    async () => expect(await compareAll(shop, 100_000, countOf(510))).toEqual([]),
    TIMEOUT_MS,
  );
});

describe('with a reply of which one member is of another type, or is missing', () => {
  const MARK = 'this member is going to be mangled';

  it(
    'the compiled executor passes on no wrong value, and puts an error at the place',
    async () => {
      const findInvalid = createValidity(corpus.engines.schema);
      const errors: string[] = [];
      for (const operation of operations(corpus, 200_000, countOf(390), { typenames: true })) {
        const { answer, before, place, change } = await runMangled(operation);
        const data: unknown = JSON.parse(answer.data ?? 'null');
        const clean: unknown = JSON.parse(before.data ?? 'null');
        const wrong = data === null ? [] : findInvalid(operation, data);
        if (place && !isExplained(data, clean, place, answer))
          wrong.push(`a null without an error at ${place.join('.')}`);
        errors.push(
          ...report(
            operation,
            wrong.map((error) => `${error} (${change})`),
          ),
        );
      }
      expect(errors).toEqual([]);
    },
    TIMEOUT_MS,
  );

  /** Executes the operation three times: to see its calls, to see where a member belongs, and with the member mangled. */
  async function runMangled(operation: Operation) {
    const { engines, subgraphs } = corpus;
    const random = createRandom(hashOf(`mangle ${operation.seed}`));
    const sent: [text: string, subgraph: string, request: SubgraphRequest][] = [];
    const clean: Call = (subgraph, request) => subgraphs.call(subgraph, request, 0);
    const before = await engines.compiled(operation, (subgraph, request) => {
      sent.push([textOf(subgraph, request), subgraph, request]);
      return clean(subgraph, request);
    });
    if (sent.length === 0) return { answer: before, before, place: undefined, change: 'none' };
    const [text, subgraph, request] = random.pick(sent);
    const mangled = mangle(await clean(subgraph, request), random);
    if (mangled === undefined) return { answer: before, before, place: undefined, change: 'none' };
    const marked = await engines.compiled(operation, async (name, other) => {
      const reply = await clean(name, other);
      if (textOf(name, other) !== text) return reply;
      return { ...reply, errors: [{ message: MARK, path: mangled.path }] };
    });
    const answer = await engines.compiled(operation, async (name, other) =>
      textOf(name, other) === text ? structuredClone(mangled.reply) : clean(name, other),
    );
    const place = marked.errors.find(({ message }) => message === MARK)?.path;
    // The planner leaves out what conditions exclude, so with conditions a missing member need not be an error.
    const isExpected = mangled.isMissing && /\(if: \$/.test(operation.source);
    if (isExpected) return { answer, before, place: undefined, change: mangled.change };
    return { answer, before, place, change: `${text.slice(0, 40)} ${mangled.change}` };
  }

  /** Whether there is a value at the place, as there was without mangling, or else an error tells of the null. */
  function isExplained(data: unknown, clean: unknown, place: Path, { errors }: Answer): boolean {
    const isNullAt = (path: Path, within: unknown) =>
      path.reduce((value, step) => memberOf(Object(value), String(step)), within) === null;
    const firstNull = place.map((_, index) => place.slice(0, index)).find((path) => isNullAt(path, data));
    const at = firstNull ?? (isNullAt(place, data) ? place : undefined);
    if (at === undefined || isNullAt(at, clean)) return true;
    return errors.some(({ path }) => path === undefined || isOnOneWay(path, at));
  }
});
