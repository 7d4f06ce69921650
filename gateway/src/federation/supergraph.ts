// The supergraph: @apollo/gateway loads and validates the file, and builds the schema that clients see.
import { ApolloGateway } from '@apollo/gateway';
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
  stop(): Promise<void>;
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

  async function waitForFirst(sdl: string): Promise<void> {
    try {
      if (await gate.untilServed(neededSchemas(sdl), first.signal)) isServed = true;
    } catch (error) {
      log.error({ err: error }, 'the supergraph cannot be compared with the subgraphs');
    }
  }

  async function takeOver(sdl: string, update: (sdl: string) => void): Promise<void> {
    try {
      const needed = neededSchemas(sdl);
      latest.abort();
      latest = new AbortController();
      if (!(await gate.untilServed(needed, latest.signal))) return;
      update(sdl);
      isServed = true;
      first.abort();
      log.info('a new supergraph is in force');
    } catch (error) {
      log.error({ err: error }, 'the new supergraph cannot be used; the one before stays in force');
    }
  }

  async function end(): Promise<void> {
    file.close();
    first.abort();
    latest.abort();
  }

  // @apollo/gateway reports the host and its version to Apollo. Only this variable switches that off.
  process.env['APOLLO_TELEMETRY_DISABLED'] = 'true';
  const gateway = new ApolloGateway({
    logger: log,
    validateSupergraph: true,
    __exposeQueryPlanExperimental: false,
    buildService: ({ name }) => {
      if (subgraphs.includes(name)) return { process: notUsed };
      throw new Error(`The supergraph names a subgraph "${name}"; known are ${subgraphs.join(', ')}.`);
    },
    supergraphSdl: async ({ update }) => {
      const supergraphSdl = await file.read();
      void waitForFirst(supergraphSdl);
      file.follow((sdl) => void takeOver(sdl, update));
      return { supergraphSdl, cleanup: end };
    },
  });
  gateway.onSchemaLoadOrUpdate(({ apiSchema, coreSupergraphSdl }) => {
    const unknown = checkScalars(apiSchema);
    if (unknown.length > 0)
      log.error({ scalars: unknown }, 'the supergraph has scalars that this gateway cannot check');
    onLoad(coreSupergraphSdl, apiSchema);
  });
  await gateway.load();
  return {
    check: () => {
      if (!isServed) throw new Error('a subgraph does not serve yet what the supergraph needs');
    },
    stop: () => gateway.stop(),
  };
}

/** The data source of @apollo/gateway, which is never called, because federation/execution replaces its executor. */
async function notUsed(): Promise<never> {
  throw new Error('subgraphs are not called through @apollo/gateway');
}
