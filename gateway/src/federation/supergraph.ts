// The supergraph: @apollo/gateway loads, checks and follows the file, and makes of it the schema that clients see.
import { ApolloGateway } from '@apollo/gateway';
import type { Logger } from '@holdfast/platform/log';
import type { GraphQLSchema } from 'graphql';
import { checkScalars } from './scalars.ts';
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
  /** @throws until every subgraph has served what the supergraph needs, once */
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
      gate
        .admits(supergraphSdl)
        .catch((error: unknown) =>
          log.error({ err: error }, 'the supergraph cannot be compared with the subgraphs'),
        );
      file.follow(async (sdl) => {
        try {
          if (!(await gate.admits(sdl))) return;
          update(sdl);
          log.info('a new supergraph is in force');
        } catch (error) {
          log.error({ err: error }, 'the new supergraph cannot be used; the one before stays in force');
        }
      });
      return { supergraphSdl, cleanup: async () => file.close() };
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
    check: () => gate.check(),
    stop: async () => {
      gate.close();
      await gateway.stop();
    },
  };
}

/** The gateway's own executor, which would ask its data sources, is not used: federation/execution is. */
async function notUsed(): Promise<never> {
  throw new Error('subgraphs are not called through @apollo/gateway');
}
