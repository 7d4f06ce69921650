// The compiled executor against @apollo/gateway's, over operations that are made from seeds: the data are the same byte
// for byte, and the errors say the same. corpus/differences.ts lists, and checks, where an error may be more exact.
// Then with replies that no working subgraph sends.
//
// Three errors of @apollo/gateway's executor lose data, and the corpus goes around them, because the compiled executor has
// not got them: fields of a fragment in a fragment (execution.test.ts; the generator asks for the type there), 0, false and
// "" of a field that had to be asked under another name (rewrites.ts; there are none in made-up-data.ts), and the type of an
// entity after a fetch from a subgraph with an interface object (fetch.ts; subgraphs.ts leaves that type out).
import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { differencesOf, isOnOneWay } from './corpus/differences.ts';
import { type Answer, type Call, createEngines, type Engines } from './corpus/engines.ts';
import { mangle } from './corpus/mangled.ts';
import { type Operation, type OperationStyle, operationFor } from './corpus/operations.ts';
import { createRandom, hashOf } from './corpus/random.ts';
import { CORPUS_SCHEMAS } from './corpus/schemas.ts';
import { createSubgraphs, type SubgraphRequest, type Subgraphs } from './corpus/subgraphs.ts';
import { createValidity } from './corpus/validity.ts';
import { memberOf } from './members.ts';

type Path = readonly (string | number)[];

interface Graph {
  readonly subgraphs: Subgraphs;
  readonly engines: Engines;
}

const schemaFile = (name: string) => new URL(`../../../../subgraphs/${name}/schema.graphql`, import.meta.url);

const TIMEOUT_MS = 180_000;

/** How many operations of a kind: a third of it in `npm test`, all of it in `npm run test:long`. */
const countOf = (all: number): number => (process.env['LONG_MINUTES'] === undefined ? all / 3 : all);

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
