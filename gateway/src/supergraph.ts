// The federated graph: Apollo's gateway over the supergraph file, which it follows without a restart.
import { ApolloGateway, type GraphQLDataSource } from '@apollo/gateway';
import type { Logger } from '@holdfast/platform/log';
import { createPlannedExecution } from './federation/planned-execution.ts';
import { createPlanner } from './federation/planner.ts';
import { checkScalars } from './graph/check-scalars.ts';
import type { ExecutingGateway } from './graph/executor.ts';
import { type FieldWeights, fieldWeights } from './graph/field-weights.ts';
import type { SupergraphFile } from './supergraph-file.ts';

export interface SupergraphOptions {
  readonly file: SupergraphFile;
  /** By the subgraph's name. */
  readonly dataSources: ReadonlyMap<string, GraphQLDataSource>;
  /** The longest that planning one operation may take, ms. */
  readonly planTimeoutMs: number;
  readonly log: Logger;
}

export interface Supergraph {
  /** For Apollo Server, which loads and stops it. */
  readonly gateway: ExecutingGateway;
  /** What the fields of the present supergraph cost that can be large. */
  weights(): FieldWeights;
  /** @throws until the first supergraph was loaded */
  check(): void;
}

/**
 * A gateway that takes a new supergraph between two requests: those under way end on the old one. One that cannot be
 * used (malformed, or naming a subgraph without a data source) is logged and the old one stays in force.
 */
export function createSupergraph({ file, dataSources, planTimeoutMs, log }: SupergraphOptions): Supergraph {
  // The gateway reports its host and version to Apollo unless it is told not to, and this is the only way to tell it.
  process.env['APOLLO_TELEMETRY_DISABLED'] = 'true';
  const planner = createPlanner({ timeoutMs: planTimeoutMs, log });
  const execution = createPlannedExecution(planner);
  let weights: FieldWeights | undefined;

  const gateway = new ApolloGateway({
    logger: log,
    validateSupergraph: true,
    __exposeQueryPlanExperimental: false,
    queryPlannerConfig: { cache: execution.cache },
    buildService: ({ name }) => {
      const dataSource = dataSources.get(name);
      if (dataSource) return dataSource;
      throw new Error(
        `The supergraph names a subgraph "${name}"; known are ${[...dataSources.keys()].join(', ')}.`,
      );
    },
    supergraphSdl: async ({ update }) => {
      const supergraphSdl = await file.read();
      file.follow((sdl) => {
        try {
          update(sdl);
          log.info('a new supergraph is in force');
        } catch (error) {
          log.error({ err: error }, 'the new supergraph cannot be used; the one before stays in force');
        }
      });
      return { supergraphSdl, cleanup: async () => file.close() };
    },
  });
  // The first of the listeners, so that the others get a schema that checks its scalars.
  gateway.onSchemaLoadOrUpdate(({ apiSchema, coreSupergraphSdl }) => {
    const scalars = checkScalars(apiSchema);
    if (scalars.length > 0)
      log.error({ scalars }, 'the supergraph has scalars that this gateway cannot check');
    weights = fieldWeights(coreSupergraphSdl);
    planner.use(coreSupergraphSdl);
  });

  return {
    gateway: execution.plan(gateway),
    weights: () => weights ?? new Map(),
    check: () => {
      if (weights === undefined) throw new Error('no supergraph was loaded yet');
      planner.check();
    },
  };
}
