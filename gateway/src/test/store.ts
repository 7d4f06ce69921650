// The store of operations: what it keeps is bounded in bytes.
import { createLogger } from '@holdfast/platform/observability/log';
import { readSettings } from '@holdfast/platform/settings';
import { expect, it } from '@jest/globals';
import type { GraphQLSchema } from 'graphql';
import type { Planner } from '../federation/planner.ts';
import { graphLimitSettings } from '../operations/bounds.ts';
import type { Operation } from '../operations/operation.ts';
import { createOperations, type Operations } from '../operations/operations.ts';

const log = createLogger('test', 'silent');
const settings = { ...readSettings(graphLimitSettings, {}), INTROSPECTION: true };
const MIB = 2 ** 20;

export interface StoreParts {
  readonly planner: () => Planner;
  readonly sdl: string;
  readonly schema: GraphQLSchema;
}

export function describeStore({ planner, sdl, schema }: StoreParts): void {
  function start(maxBytes: number, known: readonly string[] = []): Operations {
    const operations = createOperations({ planner: planner(), settings, known, log, maxBytes });
    operations.use(sdl, schema);
    return operations;
  }
  const plan = (operation: Operation) => operation.plan(Date.now() + 60_000);
  const textOf = (index: number) =>
    `query Q${index} { product(id: "${index}") { id name } me { id orders(first: 3) { edges { node { product { name } } } } } }`;

  /** How many of the operations are still kept, the last ones first. */
  function keptOf(operations: Operations, found: readonly (readonly [string, Operation])[]): number {
    const lost = found.toReversed().findIndex(([text, operation]) => operations.find(text) !== operation);
    return lost < 0 ? found.length : lost;
  }

  async function fill(operations: Operations, count: number, text = textOf) {
    const found: [string, Operation][] = [];
    for (let index = 0; index < count; index += 1) {
      const operation = operations.find(text(index));
      await plan(operation);
      found.push([text(index), operation]);
    }
    return found;
  }

  it('keeps no more than its bytes, what planning adds included', async () => {
    const operations = start(MIB);
    const found = await fill(operations, 100);
    const kept = keptOf(operations, found);
    // Without the texts, which the store counts as well.
    const bytes = found.slice(-kept).reduce((sum, [, operation]) => sum + operation.bytes(), 0);
    expect(kept).toBeGreaterThan(10);
    expect(kept).toBeLessThan(100);
    expect(bytes).toBeLessThan(MIB);
  });

  it('counts every operation of a text', () => {
    const names = Array.from({ length: 20 }, (_, index) => `Q${index}`);
    const text = names.map((name) => `query ${name} { me { id } }`).join(' ');
    const ample = start(100 * MIB);
    const all = names.map((name) => ample.find(text, name));
    expect(names.map((name) => ample.find(text, name))).toEqual(all);
    // An entry may take a fiftieth of the whole: all operations together do not fit, and a few do.
    const scarce = start(50 * 15_000);
    const first = scarce.find(text, 'Q0');
    expect(scarce.find(text, 'Q0')).toBe(first);
    for (const name of names) scarce.find(text, name);
    expect(scarce.find(text, 'Q0')).not.toBe(first);
  });

  it('counts the shapes that conditions ask for', async () => {
    const operations = start(100 * MIB);
    const operation = operations.find(
      'query ($a: Boolean!, $b: Boolean!) { me { id username @skip(if: $a) email @skip(if: $b) } }',
    );
    const run = await plan(operation);
    const before = operation.bytes();
    const call = async () => ({ data: { me: { id: '1' } } });
    for (const [a, b] of [
      [true, true],
      [true, false],
      [true, true],
    ])
      await run({ variables: { a, b }, coerced: { a, b }, call });
    const grown = operation.bytes();
    expect(grown).toBeGreaterThan(before + 2 * 200);
    await run({ variables: {}, coerced: { a: false, b: true }, call });
    expect(operation.bytes()).toBeGreaterThan(grown + 200);
  });

  it('counts the shapes of the types that objects turn out to have', async () => {
    const operations = start(100 * MIB);
    const operation = operations.find(
      'mutation { createProduct(input: { name: "A", price: "1", stock: 1 }) { __typename ... on Product { id name } } }',
    );
    const run = await plan(operation);
    const before = operation.bytes();
    const meet = async (typename: string) => {
      const call = async () => ({ data: { createProduct: { __typename: typename, id: '1', name: 'A' } } });
      return run({ variables: {}, coerced: {}, call });
    };
    expect((await meet('Product')).data).toEqual({
      createProduct: { __typename: 'Product', id: '1', name: 'A' },
    });
    const grown = operation.bytes();
    expect(grown).toBeGreaterThan(before);
    await meet('Product');
    await meet('Nonsense');
    expect(operation.bytes()).toBe(grown);
  });

  it('is not emptied by a few texts that are mostly spaces', async () => {
    const operations = start(3 * MIB);
    const found = await fill(operations, 10);
    for (let index = 0; index < 100; index += 1)
      operations.find(`#${index}${' '.repeat(90_000)}\n{ __typename }`);
    expect(keptOf(operations, found)).toBe(10);
  });

  it('has an operation of REST for its own name alone', () => {
    const text = 'query Profile { me { id } }';
    const operations = start(MIB, [text]);
    expect(operations.find(text, 'Profile')).toBe(operations.find(text));
    expect(() => operations.find(text, 'Nope')).toThrow(
      'Expected a document with a query or mutation named "Nope"',
    );
  });
}
