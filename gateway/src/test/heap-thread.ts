// The thread of heap.test.ts. It measures in a heap of its own: a collection of the garbage of Jest's heap would walk all that earlier
// suites have left there.
import { readFile } from 'node:fs/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parentPort } from 'node:worker_threads';
import { Supergraph } from '@apollo/federation-internals';
import { createLogger } from '@holdfast/platform/observability/log';
import { readSettings } from '@holdfast/platform/settings';
import { createProcessCounters } from '../admission/process-counters.ts';
import { createPlanner } from '../federation/planner.ts';
import { graphLimitSettings } from '../operations/bounds.ts';
import { bytesOfText } from '../operations/memory.ts';
import { createOperations, type Operations } from '../operations/operations.ts';

/** What the thread posts, in bytes. */
export interface Measured {
  /** For each kind of operation, what one takes of the heap and what the store counts for it. */
  readonly operations: readonly {
    readonly what: string;
    readonly real: number;
    readonly counted: number;
    /** Whether the store counts at least the bytes of the heap, and not ten times as many. */
    readonly isCounted: boolean;
  }[];
  /** What an operation takes whose text was cut out of a URL of 100,000 characters. */
  readonly cut: number;
  /** How much the counters grow by twice as many addresses as they count at a time. */
  readonly counters: number;
}

setFlagsFromString('--expose-gc');
// V8 deletes compiled code that has not run for some collections, which would make an operation seem smaller than it is.
setFlagsFromString('--no-flush-bytecode');
const collect: () => void = runInNewContext('gc');
function heap(): number {
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}

const log = createLogger('test', 'silent');
const sdl = await readFile(new URL('../../supergraph.graphql', import.meta.url), 'utf8');
const schema = Supergraph.build(sdl).apiSchema().toGraphQLJSSchema();
const planner = createPlanner({ timeoutMs: 30_000, log });
planner.use(sdl);
function createStore(): Operations {
  const operations = createOperations({
    planner,
    settings: { ...readSettings(graphLimitSettings, {}), INTROSPECTION: true },
    known: [],
    log,
    maxBytes: 4 * 2 ** 30,
  });
  operations.use(sdl, schema);
  return operations;
}

const COUNT = 20;
/** How many operations of each kind are kept before those that are measured, so that the code that runs is compiled. */
const WARM_UP = 5;
const times = (count: number, text: (n: number) => string) =>
  Array.from({ length: count }, (_, n) => text(n)).join(' ');
const TEXTS: readonly (readonly [what: string, text: Text])[] = [
  ['a look-up', (n) => `query Q($id: ID!) { a${n}: product(id: $id) { id name price stock version } }`],
  [
    'an operation of three services',
    (n) =>
      `query Q${n} { product(id: "${n}") { id name } me { id orders(first: 3) { edges { node { product { name } } } } } }`,
  ],
  ['many fields', (n) => `query Q${n} { me { ${'id '.repeat(380)} } }`],
  ['many names', (n) => `query Q${n} { me { ${times(29, (field) => `a${field}: id`)} } }`],
  [
    'a mutation with a union and a variable',
    (n) => `mutation Q${n}($input: CreateProductInput!) {
      createProduct(input: $input) { __typename ... on Product { id name } ... on Problem { code message } } }`,
  ],
  [
    'sizes of lists that variables decide',
    (n) =>
      `query Q${n}($n: Int) { ${times(19, (list) => `a${list}: products(first: $n) { edges { cursor } }`)} }`,
  ],
  [
    'conditions at the root',
    (n) =>
      `query Q${n}($a: Boolean!, $b: Boolean = true) { me @skip(if: $a) { id } b: me @include(if: $b) { id } }`,
  ],
  ['spaces', (n) => `#${n}${' '.repeat(50_000)}\n{ __typename }`],
];

type Text = (index: number) => string;

const operations = createStore();
let kept = 0;
/** Keeps operations of one kind; tells what the store counts for one of them. */
async function keep(text: Text, count: number): Promise<number> {
  let counted = 0;
  for (const end = kept + count; kept < end; kept += 1) {
    const operation = operations.find(text(kept));
    await operation.plan(Date.now() + 60_000);
    counted += bytesOfText(text(kept)) + operation.bytes();
  }
  return counted / count;
}

async function measureOnce([what, text]: readonly [string, Text]): Promise<Measured['operations'][number]> {
  const before = heapNow;
  const counted = await keep(text, COUNT);
  heapNow = heap();
  const real = (heapNow - before) / COUNT;
  return { what, real, counted, isCounted: real < counted * 1.2 && real > counted / 10 };
}

/**
 * Measures again when the first figure is out of its bounds, and gives the middle of three: meanwhile a table that all operations share
 * may have doubled its size, or memory that no operation uses may have become free.
 */
async function measure(kind: readonly [string, Text]): Promise<Measured['operations'][number]> {
  const first = await measureOnce(kind);
  if (first.isCounted) return first;
  const all = [first, await measureOnce(kind), await measureOnce(kind)];
  return all.sort((a, b) => a.real - b.real)[1] ?? first;
}

function measureCut(): number {
  const operations = createStore();
  const find = (index: number) => {
    const url = `query=query+Named${index}{me{id}}&rest=${'x'.repeat(100_000)}`;
    if (operations.find(new URLSearchParams(url).get('query') ?? '').name !== `Named${index}`)
      throw new Error('another operation was found');
  };
  find(COUNT);
  const before = heap();
  for (let index = 0; index < COUNT; index += 1) find(index);
  const grown = heap() - before;
  // The store must be in use until here; otherwise V8 may have collected it.
  find(0);
  return grown / COUNT;
}

async function measureCounters(): Promise<number> {
  const counters = createProcessCounters();
  const visit = async (round: number) => {
    for (let index = 0; index < 25_000; index += 1)
      await counters.take(`address:${'x'.repeat(22)}${round}-${index}`, 1, { max: 3, windowMs: 1_000 });
  };
  await visit(0);
  const before = heap();
  for (let round = 1; round < 3; round += 1) await visit(round);
  const grown = heap() - before;
  if (counters.size !== 20_000) throw new Error(`expected 20,000 counters, got ${counters.size}`);
  return grown;
}

for (const [, text] of TEXTS) await keep(text, WARM_UP);
let heapNow = heap();
const measured: Measured['operations'][number][] = [];
for (const each of TEXTS) measured.push(await measure(each));
const all: Measured = { operations: measured, cut: measureCut(), counters: await measureCounters() };
await planner.close();
parentPort?.postMessage(all);
