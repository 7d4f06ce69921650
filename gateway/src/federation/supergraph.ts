// The supergraph: loads, validates and follows the file, and builds the schema that clients see, as @apollo/gateway does. That
// package is not used here, because it also loads its executor and telemetry, and makes a second planner, at each start.
import { Supergraph as FederationSupergraph } from '@apollo/federation-internals';
import type { Logger } from '@holdfast/platform/observability/log';
import type { GraphQLSchema } from 'graphql';
import { checkScalars } from './scalars.ts';
import { neededSchemas } from './served-schema.ts';
import type { SupergraphFile } from './supergraph-file.ts';
import type { SupergraphGate } from './supergraph-gate.ts';

export interface SupergraphOptions {
  readonly file: SupergraphFile;
  readonly gate: SupergraphGate;
  /** The names of the subgraphs that can be called. */
  readonly subgraphs: readonly string[];
  /** Receives every usable supergraph, the first one included. */
  readonly onLoad: (sdl: string, apiSchema: GraphQLSchema) => void;
  readonly log: Logger;
}

export interface Supergraph {
  /** @throws until every subgraph has served what the supergraph in force needs */
  check(): void;
  stop(): void;
}

/**
 * Loads the supergraph, and replaces it when a new one arrives and the subgraphs serve what it needs. Requests in progress
 * end on the old one. A supergraph that cannot be used (malformed, or with an unknown subgraph) is logged, and the old one
 * stays in force.
 * @throws when the first supergraph cannot be used
 */
export async function loadSupergraph({
  file,
  gate,
  subgraphs,
  onLoad,
  log,
}: SupergraphOptions): Promise<Supergraph> {
  let isServed = false;
  /** Ends the wait for the first supergraph, which is in force meanwhile. */
  const first = new AbortController();
  /** Ends the wait for the latest supergraph. */
  let latest = new AbortController();

  function read(sdl: string): FederationSupergraph {
    const supergraph = FederationSupergraph.build(sdl, { validateSupergraph: true });
    for (const { name } of supergraph.subgraphsMetadata())
      if (!subgraphs.includes(name))
        throw new Error(`The supergraph names a subgraph "${name}"; known are ${subgraphs.join(', ')}.`);
    return supergraph;
  }

  function use(sdl: string, supergraph: FederationSupergraph): void {
    const apiSchema = supergraph.apiSchema().toGraphQLJSSchema();
    const unknown = checkScalars(apiSchema);
    if (unknown.length > 0)
      log.error({ scalars: unknown }, 'the supergraph has scalars that this gateway cannot check');
    onLoad(sdl, apiSchema);
  }

  async function waitForFirst(supergraph: FederationSupergraph): Promise<void> {
    try {
      if (await gate.untilServed(neededSchemas(supergraph), first.signal)) isServed = true;
    } catch (error) {
      log.error({ err: error }, 'the supergraph cannot be compared with the subgraphs');
    }
  }

  async function takeOver(sdl: string): Promise<void> {
    try {
      const supergraph = read(sdl);
      const needed = neededSchemas(supergraph);
      latest.abort();
      latest = new AbortController();
      if (!(await gate.untilServed(needed, latest.signal))) return;
      use(sdl, supergraph);
      isServed = true;
      first.abort();
      log.info('a new supergraph is in force');
    } catch (error) {
      log.error({ err: error }, 'the new supergraph cannot be used; the one before stays in force');
    }
  }

  const sdl = await file.read();
  const supergraph = read(sdl);
  use(sdl, supergraph);
  void waitForFirst(supergraph);
  file.follow((next) => void takeOver(next));
  return {
    check: () => {
      if (!isServed) throw new Error('a subgraph does not serve yet what the supergraph needs');
    },
    stop: () => {
      file.close();
      first.abort();
      latest.abort();
    },
  };
}
