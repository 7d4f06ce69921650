// Operations that are small to send and large to answer. Each is refused before a subgraph is asked, and in no time.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Account, Client, eventually, uniqueName } from '../support/client.ts';
import { useSharedSystem } from '../support/use-system.ts';
import { type VitalSigns, vitalSigns } from '../support/vital-signs.ts';

/** Far more than a refusal needs, and far less than any of these would take to be planned. */
const SOON_MS = 3_000;

/** Of every request of this suite. */
const REQUEST_ID = uniqueName('abuse');

const system = useSharedSystem();
let account: Account;
let vital: VitalSigns;

beforeAll(async () => {
  const client = await Client.of(system.url);
  account = await client.account();
  await client.product(account.token);
  vital = vitalSigns(system);
}, 60_000);
afterAll(() => vital?.expectUnharmed());

async function send(body: unknown) {
  const startedAt = performance.now();
  const reply = await fetch(`${system.url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${account.token}`,
      'x-request-id': REQUEST_ID,
    },
    body: JSON.stringify(body),
  });
  const text = await reply.text();
  const { data, errors = [] } = JSON.parse(text);
  const codes: string[] = errors.map(({ extensions }: { extensions: { code: string } }) => extensions.code);
  return { data, codes, length: text.length, ms: performance.now() - startedAt };
}

const times = (count: number, part: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => part(index)).join(' ');

const deep = (levels: number): string =>
  `{ orders { edges { node { ${'user { orders { edges { node { '.repeat(levels)}id${' } } } }'.repeat(levels)} } } } }`;

/** Each fragment spreads the next one ten times: 10 to the power of `fragments` fields. */
const bomb = (fragments: number): string =>
  `{ ...f0 } ${times(fragments, (n) => `fragment f${n} on Query { ${times(10, (k) => `a${n}x${k}: __typename ...f${n + 1}`)} }`)} fragment f${fragments} on Query { me { id } }`;

const directives = (count: number): string => `{ me { id ${'@include(if: true) '.repeat(count)} } }`;

const TOO_COMPLEX: Record<string, string> = {
  'a hundred levels': deep(25),
  'levels through inline fragments': `{ orders { edges { node { ${'... on Order { user { ... on User { orders { edges { node { '.repeat(20)}id${' } } } } } }'.repeat(20)} } } } }`,
  'a page of pages of pages':
    '{ orders(first: 100) { edges { node { user { orders(first: 100) { edges { node { user { orders(first: 100) { edges { node { id } } } } } } } } } } } }',
  '31 aliases': `{ ${times(31, (n) => `a${n}: me { id }`)} }`,
  '10,000 aliases': `{ ${times(10_000, (n) => `a${n}: me { id }`)} }`,
  '1,000 aliases below the root': `{ me { ${times(1_000, (n) => `a${n}: username`)} } }`,
  '25 root fields without an alias': `{ ${times(7, () => 'me { id }')} ${times(25, (n) => `p${n}: products { edges { cursor } }`)} }`,
  'a list of 100 asked 20 times': `{ ${times(20, (n) => `p${n}: products(first: 100) { edges { node { id name price stock version } } }`)} }`,
  'a bomb of fragments': bomb(20),
  'a flood of directives': directives(10_000),
  'a document of 900 kB': `{ me { ${'id '.repeat(300_000)} } }`,
};

const REFUSED: Record<string, string> = {
  'fragments in a circle': '{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }',
  'a fragment in itself': '{ me { ...u } } fragment u on User { id ...u }',
  'a directive that may come once, twice': '{ me @include(if: true) @include(if: true) { id } }',
  'a directive that there is not': '{ me @nothing { id } }',
  'fields that cannot be merged': `{ me { ${times(200, (n) => `a: ${n % 2 ? 'id' : 'username'}`)} } }`,
  // The gateway's planner looks at each list in a list twice: at thirty of them for twenty minutes.
  'lists in lists for an amount': `{ products(filter: { minPrice: ${'['.repeat(900)}1${']'.repeat(900)} }) { edges { cursor } } }`,
  'a circle in introspection': `{ __schema { types { ${'fields { type { '.repeat(10)}name${' } }'.repeat(10)} } } }`,
};

describe('an operation that asks for too much', () => {
  it.each(Object.entries(TOO_COMPLEX))('is QUERY_TOO_COMPLEX: %s', async (_, query) => {
    const { data, codes, length, ms } = await send({ query });
    expect([data ?? null, codes]).toEqual([null, ['QUERY_TOO_COMPLEX']]);
    expect(length).toBeLessThan(2_000);
    expect(ms).toBeLessThan(SOON_MS);
  });

  it('is still that when the sizes of its lists come in variables, or as defaults of those', async () => {
    const nested = (head: string) =>
      `${head} { orders(first: $n) { edges { node { user { orders(first: $n) { edges { node { user { orders(first: $n) { edges { node { id } } } } } } } } } } } }`;
    const inVariables = await send({ query: nested('query($n: Int!)'), variables: { n: 100 } });
    expect(inVariables.codes).toEqual(['QUERY_TOO_COMPLEX']);
    expect((await send({ query: nested('query($n: Int = 100)') })).codes).toEqual(['QUERY_TOO_COMPLEX']);
    // The same document is good when it asks for little: it was not remembered as a bad one.
    expect((await send({ query: nested('query($n: Int!)'), variables: { n: 2 } })).codes).toEqual([]);
  });

  it.each(Object.entries(REFUSED))('is refused for what it is: %s', async (_, query) => {
    const { data, codes, length, ms } = await send({ query });
    expect(data ?? null).toBeNull();
    expect(['BAD_USER_INPUT', 'QUERY_TOO_COMPLEX']).toContain(codes[0]);
    expect(length).toBeLessThan(10_000);
    expect(ms).toBeLessThan(SOON_MS);
  });

  it('reaches no subgraph', async () => {
    const isAsked = (line: string) =>
      line.includes(REQUEST_ID) && /"service":"(users|orders|products)".*"request"/.test(line);
    const asked = () => system.logs().filter(isAsked).length;
    const askAll = { query: '{ me { id } orders { edges { cursor } } products { edges { cursor } } }' };
    const before = asked();
    await send(askAll);
    await eventually(
      async () => asked(),
      (count) => count >= before + 3,
    );
    for (const name of ['a page of pages of pages', '31 aliases']) await send({ query: TOO_COMPLEX[name] });
    // Once the lines of this are there, any of those before it would be as well.
    await send(askAll);
    await eventually(
      async () => asked(),
      (count) => count >= before + 6,
    );
    expect(asked()).toBe(before + 6);
  });
});

describe('a batch', () => {
  it.each([
    [[{ query: '{ __typename }' }, { query: '{ __typename }' }]],
    [[]],
    [[[]]],
    ['{ __typename }'],
    [null],
    [1],
  ])('of requests in one body is refused: %j', async (body) => {
    const { data, codes } = await send(body);
    expect([data ?? null, codes]).toEqual([null, ['BAD_USER_INPUT']]);
  });
});

describe('the federation’s own fields', () => {
  it('are out of reach', async () => {
    for (const query of ['{ _service { sdl } }', '{ _entities(representations: []) { __typename } }'])
      expect((await send({ query })).codes).toEqual(['BAD_USER_INPUT']);
  });
});
