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
  type Other implements Named { name: String!  size: Float  checked: Checked  absent: Int! }
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

const describeError = (error: GraphQLError) => ({
  ...error.toJSON(),
  message: message(error.message),
  original: message(error.originalError?.message),
  isError: error instanceof GraphQLError,
});
type Described = ReturnType<typeof describeError>;

/** The path of the first null above the field of the error; undefined when there is none. */
function nullAbove(data: unknown, { path = [] }: Described): string | undefined {
  let value: unknown = data;
  for (const [depth, key] of path.entries()) {
    if (value === null) return JSON.stringify(path.slice(0, depth));
    value = typeof value === 'object' ? Reflect.get(value, key) : undefined;
  }
  return undefined;
}

/**
 * The data, the errors of fields that the data show, and the errors below a null. Of the latter a result needs only one for each null
 * (GraphQL, 6.4.4). It has those that came before the null, and that order of fields side by side is not defined.
 */
function describeResult({ data, errors = [] }: ExecutionResult) {
  const described = errors
    .map(describeError)
    // Fields side by side may fail in any order.
    .sort((one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1));
  const below = described.filter((error) => nullAbove(data, error) !== undefined);
  return {
    shown: {
      data: JSON.stringify(data),
      errors: described.filter((error) => nullAbove(data, error) === undefined),
      nulls: [...new Set(below.map((error) => nullAbove(data, error)))].sort(),
    },
    below,
  };
}

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
  const { shown, below } = describeResult(expected);
  const compiled = compileOperation(schema, document, operationName);
  // The second run is one with what the first has prepared.
  for (const _ of [1, 2]) {
    ownLog.length = 0;
    const result = await compiled({ contextValue: { log: ownLog }, variableValues });
    const ours = describeResult(result);
    expect({ text, ...ours.shown }).toEqual({ text, ...shown });
    for (const error of ours.below) {
      const [theirs = error] = below.filter(({ path }) => String(path) === String(error.path));
      expect({ text, error }).toEqual({ text, error: theirs });
    }
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

/** `refusedLate` ends the object before or after `checked` has failed. */
const TWO_FAILURES_BELOW_A_NULL = `{ self { refusedLate anyLate { __typename ... on Thing { anyLate { __typename
  ... on Thing { name } ... on Other { name size checked { ok } } } } ... on Other { name size checked { ok } } } } }`;

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
    {
      numRuns: 80,
      examples: [[`{ name }`, TWO_FAILURES_BELOW_A_NULL, { n: 0, yes: false, no: false, range: null }]],
    },
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
  '{ thing { name } other { name absent } }',
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
