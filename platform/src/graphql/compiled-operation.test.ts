// Compiled operations compared with graphql-js: the same documents, variables and resolvers have the same results.
import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  buildSchema,
  type ExecutionResult,
  execute,
  GraphQLError,
  type GraphQLSchema,
  getIntrospectionQuery,
  isObjectType,
  isUnionType,
  parse,
  validate,
} from 'graphql';
import { compileOperation } from './compiled-operation.ts';

const SDL = `
  scalar Even
  enum Colour { RED GREEN }
  input Range { from: Int! = 1  to: Int  colours: [Colour!] }
  interface Named { name: String! }
  type Thing implements Named {
    name: String!  maybe: String  refused: String  refusedLate: String!  even: Even  colour: Colour  method(n: Int = 2): Int
    self: Thing  selfLate: Thing!  things(range: Range, first: Int! = 2): [Thing!]  mixed: [Thing]  strict: [[Int!]!]
    any: Any  anyLate: [Any]  named: Named  wrong: Any  notAList: [Int]  nothing: Int!
  }
  type Other implements Named { name: String!  size: Float  checked: Checked }
  type Checked { ok: Boolean }
  union Any = Thing | Other
  type Query { thing: Thing  thingLate(id: ID!): Thing  other: Other!  named: [Named!]! }
  type Mutation { first(n: Int!): Int  second: Thing  third: Int! }
`;

interface Source {
  readonly kind: 'Thing' | 'Other';
  readonly name: string;
  readonly depth: number;
  readonly [field: string]: unknown;
}

class Refusal extends GraphQLError {}
const later = <Value>(value: Value): Promise<Value> => Promise.resolve(value);

const thing = (depth: number): Source => ({
  kind: 'Thing',
  name: `thing ${depth}`,
  depth,
  even: depth,
  colour: depth > 2 ? 'BLUE' : 'RED',
  notAList: depth,
  method: ({ n }: { n: number }) => n * depth,
  strict: [[1, 2], depth % 2 === 0 ? [3, null] : [3]],
});
const other = (depth: number): Source => ({
  kind: 'Other',
  name: `other ${depth}`,
  depth,
  size: 0.5,
  checked: { depth },
});

type Resolve = (source: Source, args: Record<string, unknown>, context: { log: unknown[] }) => unknown;
const resolvers: Record<string, Record<string, Resolve>> = {
  Query: {
    thing: () => thing(0),
    thingLate: (_, { id }) => (id === '0' ? later(null) : later(thing(1))),
    other: () => other(0),
    named: () => later([thing(1), later(other(1))]),
  },
  Mutation: {
    first: async (_, { n }, { log }) => {
      await later(undefined);
      log.push(`first ${String(n)}`);
      return n;
    },
    second: (_, __, { log }) => {
      log.push('second');
      return thing(0);
    },
    third: (_, __, { log }) => {
      log.push('third');
      throw new Error('third is refused');
    },
  },
  Thing: {
    maybe: ({ depth }) => (depth % 2 === 0 ? null : 'there'),
    refused: () => {
      throw new Refusal('refused', { extensions: { code: 'FORBIDDEN' } });
    },
    refusedLate: ({ depth }) => (depth > 1 ? Promise.reject(new Error('refused late')) : later('granted')),
    self: ({ depth }) => thing(depth + 1),
    selfLate: ({ depth }) => later(depth > 3 ? null : thing(depth + 1)),
    things: ({ depth }, { range, first }) =>
      new Set(Array.from({ length: Number(first) }, (_, index) => ({ ...thing(depth + index + 1), range }))),
    mixed: ({ depth }) => [
      thing(depth),
      null,
      new Error('an item'),
      later(thing(depth + 1)),
      Promise.reject(new Error('late')),
    ],
    any: ({ depth }) => (depth % 2 === 0 ? other(depth) : later(thing(depth))),
    anyLate: ({ depth }) => later([later(other(depth)), thing(depth + 1), null]),
    named: ({ depth }) => other(depth),
    wrong: () => ({ kind: 'Nowhere', name: 'wrong', depth: 0 }),
    nothing: () => undefined,
  },
};

function schemaOf(): GraphQLSchema {
  const schema = buildSchema(SDL);
  for (const type of Object.values(schema.getTypeMap())) {
    if (isObjectType(type))
      for (const field of Object.values(type.getFields())) {
        const resolve = resolvers[type.name]?.[field.name];
        if (resolve) field.resolve = resolve;
      }
    if (isUnionType(type)) type.resolveType = ({ kind, depth }: Source) => (depth > 1 ? later(kind) : kind);
  }
  const named = schema.getType('Named');
  if (named && 'resolveType' in named) named.resolveType = ({ kind }: Source) => kind;
  const checked = schema.getType('Checked');
  if (isObjectType(checked)) checked.isTypeOf = ({ depth }: { depth: number }) => depth < 1;
  const even = schema.getType('Even');
  if (even && 'serialize' in even)
    even.serialize = (value: unknown) => {
      if (Number(value) === 4) return undefined;
      if (Number(value) % 2 === 1) throw new Error('odd');
      return value;
    };
  return schema;
}

const schema = schemaOf();

/** graphql-js's own messages for errors of a resolver, which no caller sees. */
const message = (text: string | undefined) => text?.replace(/^Abstract type.*/, 'no such type');

const comparable = ({ data, errors }: ExecutionResult) => ({
  data: JSON.stringify(data),
  // Fields side by side may fail in any order.
  errors: errors
    ?.map((error) => ({
      ...error.toJSON(),
      message: message(error.message),
      original: message(error.originalError?.message),
      isError: error instanceof GraphQLError,
    }))
    .sort((one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1)),
});

async function expectSame(text: string, variableValues?: Record<string, unknown>, operationName?: string) {
  const document = parse(text);
  expect(validate(schema, document)).toEqual([]);
  const [log, ownLog]: [unknown[], unknown[]] = [[], []];
  const expected = await execute({
    schema,
    document,
    contextValue: { log },
    ...(variableValues && { variableValues }),
    ...(operationName && { operationName }),
  });
  const compiled = compileOperation(schema, document, operationName);
  // The second run is one with what the first has prepared.
  for (const _ of [1, 2]) {
    ownLog.length = 0;
    const result = await compiled({ contextValue: { log: ownLog }, variableValues });
    expect({ text, ...comparable(result) }).toEqual({ text, ...comparable(expected) });
    expect(ownLog).toEqual(log);
  }
  return expected;
}

const LEAVES = [
  'name',
  'maybe',
  'refused',
  'refusedLate',
  'even',
  'colour',
  'method',
  'method(n: $n)',
  'strict',
  'notAList',
  '__typename',
];
const OBJECTS = [
  'self',
  'selfLate',
  'things',
  'things(first: $n)',
  'things(range: $range)',
  'things(range: { to: $n })',
  'mixed',
];
const VARIABLES = '($n: Int! = 1, $range: Range, $yes: Boolean!, $no: Boolean! = false)';
const CONDITIONS = [
  '',
  '',
  '',
  ' @include(if: $yes)',
  ' @skip(if: $no)',
  ' @skip(if: true)',
  ' @include(if: $no) @skip(if: $yes)',
];

const condition = fc.constantFrom(...CONDITIONS);
/** Two fields of one name must have the same arguments, so each has an alias of its own. */
const { selection } = fc.letrec<{ selection: string; field: string }>((tie) => ({
  field: fc.oneof(
    { maxDepth: 4 },
    fc.tuple(fc.constantFrom(...LEAVES), condition).map((parts) => parts.join('')),
    fc
      .tuple(fc.constantFrom(...OBJECTS), condition, tie('selection'))
      .map(([object, when, inner]) => `${object}${when} ${inner}`),
    fc
      .tuple(fc.constantFrom('any', 'anyLate', 'wrong'), tie('selection'))
      .map(
        ([name, inner]) =>
          `${name} { __typename ... on Thing ${inner} ... on Other { name size checked { ok } } }`,
      ),
    fc.tuple(condition, tie('selection')).map(([when, inner]) => `... on Thing${when} ${inner}`),
    fc
      .tuple(condition, tie('selection'))
      .map(([when, inner]) => `named${when} { name ... on Thing ${inner} ... on Other { size } }`),
  ),
  selection: fc
    .array(tie('field'), { minLength: 1, maxLength: 4 })
    .map((fields) => `{ ${fields.join(' ')} }`),
}));

function aliased(text: string): string {
  let count = 0;
  return text.replace(/\b(method|things)\b/g, (name) => {
    count += 1;
    return `a${count}: ${name}`;
  });
}

it('has the result of graphql-js for any document, errors included', async () => {
  const variables = fc.record({
    n: fc.integer({ min: 0, max: 3 }),
    yes: fc.boolean(),
    no: fc.boolean(),
    range: fc.constantFrom(null, { to: 3 }, { from: 2, colours: ['RED'] }),
  });
  await fc.assert(
    fc.asyncProperty(selection, selection, variables, async (one, two, given) => {
      const text = `query A${VARIABLES} { thing ${one} thingLate(id: 1) ${two} other { name } }`;
      await expectSame(withVariables(aliased(text)), given);
    }),
    { numRuns: 150 },
  );
});

/** Declares those variables that are used, because each that is declared must be. */
function withVariables(text: string): string {
  const [head = '', ...rest] = text.split(VARIABLES);
  const body = rest.join('');
  const used = VARIABLES.slice(1, -1)
    .split(', ')
    .filter((definition) => new RegExp(`\\${definition.split(':')[0]}\\b`).test(body));
  return `${head}${used.length > 0 ? `(${used.join(', ')})` : ''}${body}`;
}

it.each([
  ['query ($n: Int!) { thing { method(n: $n) } }', { n: 'many' }],
  ['query ($n: Int!) { thing { method(n: $n) } }', {}],
  [
    'query ($r: Range) { thing { things(range: $r) { name } } }',
    { r: { from: null, to: 'x', colours: ['BLUE'], no: 1 } },
  ],
  ['query ($n: Int) { thing { things(first: $n) { name } } }', { n: null }],
  ['query ($n: Int) { thing { things(first: $n) { name } } }', {}],
  ['query ($if: Boolean!) { thing { name @include(if: $if) } }', {}],
  ['query ($id: ID!) { thingLate(id: $id) { name } }', { id: 0 }],
])('refuses variables as graphql-js does: %s with %j', async (text, variables) => {
  await expectSame(text, variables);
});

it.each([
  'mutation { first(n: 1) second { name selfLate { name } } again: first(n: 2) }',
  'mutation { first(n: 1) third after: first(n: 3) }',
  '{ thing { nothing } other { name } }',
  '{ named { name nameAgain: name ... on Thing { nothing } } }',
  '{ thing { selfLate { selfLate { selfLate { selfLate { selfLate { name } } } } } self { refusedLate } } }',
  '{ other { name size checked { ok } } }',
  '{ thing { name: __typename __proto__: name constructor: name then: name toString: maybe } }',
  '{ __typename __type(name: "Thing") { name fields(includeDeprecated: true) { name args { name defaultValue } } } }',
  getIntrospectionQuery().replace(/\s+/g, ' '),
  'fragment F on Thing { name ...G } fragment G on Thing { self { name } } { thing { ...F ...G self { even } } }',
  'query ($a: Boolean = true, $b: Boolean = false, $c: Boolean = true, $d: Boolean = true, $e: Boolean = true) { thing @skip(if: $b) { name @include(if: $a) maybe @include(if: $c) even @include(if: $d) colour @include(if: $e) } }',
])('is the same for %s', async (text) => {
  await expectSame(text);
});

it('runs the named operation, in the form that its conditions select', async () => {
  const text =
    'query A($if: Boolean!) { thing { name @include(if: $if) maybe @skip(if: $if) } } query B { other { name } } mutation C { first(n: 3) }';
  for (const value of [true, false, true]) await expectSame(text, { if: value }, 'A');
  await expectSame(text, {}, 'B');
  await expectSame(text, {}, 'C');
});

it('treats document text that looks like code as text', async () => {
  const marks = [
    '__MAGIC_DATE__33a9e76d_02e0_4128_8e92_3530ad3da74d0)+(globalThis.hit=1',
    '"+(globalThis.hit=1)+"',
  ];
  for (const mark of marks) await expectSame(`{ thingLate(id: ${JSON.stringify(mark)}) { name } }`);
  expect('hit' in globalThis).toBe(false);
});
