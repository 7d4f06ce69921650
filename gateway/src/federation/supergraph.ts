// The supergraph: @apollo/gateway loads, checks and follows the file, and makes of it the schema that clients see.
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
  /** Told of every supergraph that can be used, the first one included. */
  readonly onLoad: (sdl: string, apiSchema: GraphQLSchema) => void;
  readonly log: Logger;
}

export interface Supergraph {
  /** @throws until every subgraph has served what the supergraph in force needs, once */
  check(): void;
  stop(): Promise<void>;
}

/**
 * Takes a new supergraph over between two requests: those under way end on the old one. It is taken over when the subgraphs
 * serve what it needs. One that cannot be used (malformed, or naming a subgraph that is not known) is logged and the old one
 * stays in force.
 * @throws when the first one cannot be used
 */
export async function loadSupergraph({
  file,
  gate,
  subgraphs,
  onLoad,
  log,
}: SupergraphOptions): Promise<Supergraph> {
  let isServed = false;
  /** Ends the wait for what the first supergraph needs, which is in force all the while. */
  const first = new AbortController();
  /** Ends the wait for what the latest one needs. */
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

  // The gateway reports its host and version to Apollo unless it is told not to, and this is the only way to tell it.
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

/** The gateway's own executor, which would ask its data sources, is not used: federation/execution is. */
async function notUsed(): Promise<never> {
  throw new Error('subgraphs are not called through @apollo/gateway');
}
