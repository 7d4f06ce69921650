// The store of compiled operations, by text. Its size is bounded in bytes.
import type { Logger } from '@holdfast/platform/observability/log';
import type { GraphQLSchema } from 'graphql';
import { LRUCache } from 'lru-cache';
import type { Planner } from '../federation/planner.ts';
import { readDocument } from './document.ts';
import { createGraph, type Graph } from './graph.ts';
import { bytesOfText } from './memory.ts';
import { compileOperation, type Operation, type OperationSettings } from './operation.ts';

export interface Operations {
  /** Compiles operations for this supergraph from now on, and drops those of the previous one. */
  use(sdl: string, apiSchema: GraphQLSchema): void;
  /**
   * Finds the operation of a text, by name when the text has several.
   * @throws {InvalidOperation | AppError | GraphQLError} when it cannot be executed with any variables
   */
  find(text: string, name?: string): Operation;
}

export interface OperationsOptions {
  readonly planner: Planner;
  readonly settings: OperationSettings;
  /** The texts of REST, which are compiled for each supergraph and always kept. */
  readonly known: readonly string[];
  readonly log: Logger;
  readonly maxBytes?: number;
}

const MAX_BYTES = 100 * 2 ** 20;

/** A larger entry is compiled each time, so that a few large texts do not displace all others. */
const MAX_ENTRY_SHARE = 1 / 50;

/** A valid text, and its operations that were requested; nearly always there is one. */
interface Entry {
  readonly text: string;
  readonly operations: Map<string | undefined, Operation>;
}

function bytesOf({ text, operations }: Entry): number {
  let sum = bytesOfText(text);
  for (const operation of operations.values()) sum += operation.bytes();
  return sum;
}

/** Copies the text, because a substring of a URL keeps the whole URL in memory. */
const ownText = <Text extends string | undefined>(text: Text): Text => structuredClone(text);

interface Store {
  readonly graph: Graph;
  readonly known: ReadonlyMap<string, Operation>;
  readonly byText: LRUCache<string, Entry>;
}

export function createOperations({
  planner,
  settings,
  known,
  log,
  maxBytes = MAX_BYTES,
}: OperationsOptions): Operations {
  let store: Store | undefined;

  function add({ graph, byText }: Store, asked: string, askedName: string | undefined): Operation {
    const entry: Entry = byText.get(asked) ?? { text: ownText(asked), operations: new Map() };
    const { text } = entry;
    // The cache computes the size of new objects only, so it receives a new object when the size has changed.
    const keep = (): void => void byText.set(text, { ...entry });
    const onGrown = (): void => {
      if (byText.peek(text)?.operations === entry.operations) keep();
    };
    const valid = readDocument(text, graph.schema, settings);
    const name = ownText(askedName);
    const operation = compileOperation(text, valid, name, { graph, planner, settings, onGrown });
    entry.operations.set(name, operation);
    keep();
    return operation;
  }

  /** Compiles the texts of REST. One that this supergraph cannot run fails when it is requested; the others work. */
  function compileKnown(graph: Graph): Map<string, Operation> {
    const operations = new Map<string, Operation>();
    const compiling = { graph, planner, settings, onGrown: () => undefined };
    for (const text of known)
      try {
        const valid = readDocument(text, graph.schema, settings);
        operations.set(text, compileOperation(text, valid, undefined, compiling));
      } catch (error) {
        log.error({ err: error, text }, 'an operation of REST cannot be run on this supergraph');
      }
    return operations;
  }

  function findKnown({ known: operations }: Store, text: string, name: string | undefined) {
    const operation = operations.get(text);
    return name === undefined || name === operation?.name ? operation : undefined;
  }

  return {
    use: (sdl, apiSchema) => {
      const graph = createGraph(sdl, apiSchema);
      store = {
        graph,
        known: compileKnown(graph),
        byText: new LRUCache({
          maxSize: maxBytes,
          maxEntrySize: Math.ceil(maxBytes * MAX_ENTRY_SHARE),
          sizeCalculation: bytesOf,
        }),
      };
    },
    find: (text, name) => {
      if (store === undefined) throw new Error('no supergraph was loaded yet');
      return (
        findKnown(store, text, name) ?? store.byText.get(text)?.operations.get(name) ?? add(store, text, name)
      );
    },
  };
}
