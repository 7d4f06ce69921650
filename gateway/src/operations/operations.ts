// The operations that the gateway has compiled, by their texts. What they take together is bounded in bytes.
import type { Logger } from '@holdfast/platform/log';
import type { GraphQLSchema } from 'graphql';
import { LRUCache } from 'lru-cache';
import type { Planner } from '../federation/planner.ts';
import { createGraph, type Graph } from './graph.ts';
import { compileOperation, type Operation, type OperationSettings } from './operation.ts';

export interface Operations {
  /** Operations for this supergraph from now on; those of the one before are forgotten. */
  use(sdl: string, apiSchema: GraphQLSchema): void;
  /**
   * The operation of a text; of that name, when the text has several.
   * @throws {InvalidOperation | AppError | GraphQLError} when it cannot be executed, whatever its variables are
   */
  find(text: string, name?: string): Operation;
}

export interface OperationsOptions {
  readonly planner: Planner;
  readonly settings: OperationSettings;
  /** Texts that are compiled as soon as there is a supergraph, and kept: those of REST. */
  readonly known: readonly string[];
  readonly log: Logger;
  readonly maxBytes?: number;
}

const MAX_BYTES = 100 * 2 ** 20;

/** The operations of one text. Nearly always there is one. */
type OfText = Map<string | undefined, Operation>;

const bytesOf = (operations: OfText): number => {
  let sum = 1;
  for (const { bytes } of operations.values()) sum += bytes;
  return sum;
};

interface Store {
  readonly graph: Graph;
  readonly known: ReadonlyMap<string, Operation>;
  readonly byText: LRUCache<string, OfText>;
}

export function createOperations({
  planner,
  settings,
  known,
  log,
  maxBytes = MAX_BYTES,
}: OperationsOptions): Operations {
  let store: Store | undefined;

  const compile = (graph: Graph, text: string, name: string | undefined, onGrown: () => void): Operation =>
    compileOperation(text, name, { graph, planner, settings, onGrown });

  function add({ graph, byText }: Store, text: string, name: string | undefined): Operation {
    const operations: OfText = byText.get(text) ?? new Map();
    // The cache asks for the size of an entry when the entry is set.
    const measure = (): void => {
      if (byText.peek(text) === operations) byText.set(text, operations);
    };
    const operation = compile(graph, text, name, measure);
    operations.set(name, operation);
    byText.set(text, operations);
    return operation;
  }

  /** An operation that this supergraph cannot run fails when it is asked for, and the others work. */
  function compileKnown(graph: Graph): Map<string, Operation> {
    const operations = new Map<string, Operation>();
    for (const text of known)
      try {
        operations.set(
          text,
          compile(graph, text, undefined, () => undefined),
        );
      } catch (error) {
        log.error({ err: error, text }, 'an operation of REST cannot be run on this supergraph');
      }
    return operations;
  }

  return {
    use: (sdl, apiSchema) => {
      const graph = createGraph(sdl, apiSchema);
      store = {
        graph,
        known: compileKnown(graph),
        byText: new LRUCache({ maxSize: maxBytes, sizeCalculation: bytesOf }),
      };
    },
    find: (text, name) => {
      if (store === undefined) throw new Error('no supergraph was loaded yet');
      return store.known.get(text) ?? store.byText.get(text)?.get(name) ?? add(store, text, name);
    },
  };
}
