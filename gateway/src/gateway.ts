// Puts the gateway together: the subgraphs' pools, the supergraph, Apollo Server, and the router in front of all.
import type { ApolloServer } from '@apollo/server';
import { ApolloServerPluginLandingPageDisabled } from '@apollo/server/plugin/disabled';
import { ApolloServerPluginLandingPageLocalDefault } from '@apollo/server/plugin/landingPage/default';
import {
  answerGraphQL,
  createGraphQLServer,
  type RequestContext,
  requestContext,
} from '@holdfast/platform/graphql';
import type { Logger } from '@holdfast/platform/log';
import { createRedis, type Redis } from '@holdfast/platform/redis';
import type { RunningService } from '@holdfast/platform/service';
import { createServiceTokens } from '@holdfast/platform/service-tokens';
import { createRemoteVerifier } from '@holdfast/platform/tokens';
import { createByteGate } from './byte-gate.ts';
import type { GatewaySettings } from './config.ts';
import { faultReply, GRAPHQL_PATH } from './fault-reply.ts';
import { checkVariables } from './graph/check-variables.ts';
import { type ExecutingGateway, wrapExecutor } from './graph/executor.ts';
import type { FieldWeights } from './graph/field-weights.ts';
import { boundedParsing, limitGraph } from './graph/graph-limits.ts';
import { answerIntrospection } from './graph/introspection.ts';
import { nameArguments } from './graph/name-arguments.ts';
import { allowOrigins } from './http/cors.ts';
import { withExplorerPolicy } from './http/explorer-policy.ts';
import { createSecureReply } from './http/security-headers.ts';
import { indexPage } from './index-page.ts';
import { createRateLimits } from './limits/rate-limits.ts';
import { createOperations } from './operations/persisted.ts';
import { createPublishedKeys } from './published-keys.ts';
import { createReplySizes, type ReplySizes } from './reply-sizes.ts';
import { createExecute } from './rest/operation.ts';
import { REST_OPERATIONS, restRoutes } from './rest/rest.ts';
import { addRoutes, type GatewayRoute, nothingHere, type Passage } from './routes.ts';
import { createSubgraphDataSource, type SubgraphDataSource } from './subgraph-data-source.ts';
import { createSupergraph } from './supergraph.ts';
import { openSupergraphFile } from './supergraph-file.ts';

/** Of the largest replies of subgraphs. */
const READ_AT_A_TIME = 4;

/** Starts the gateway. @throws when the supergraph file cannot be used */
export async function startGateway(settings: GatewaySettings, log: Logger): Promise<RunningService> {
  const replySizes = createReplySizes(settings.MAX_REPLY_BYTES);
  const dataSources = createDataSources(settings, replySizes);
  const file = openSupergraphFile({
    path: settings.SUPERGRAPH_FILE,
    pollMs: settings.SUPERGRAPH_POLL_MS,
    log,
  });
  const supergraph = createSupergraph({ file, dataSources, planTimeoutMs: settings.PLAN_TIMEOUT_MS, log });
  const operations = createOperations(settings, settings.MAX_TOKENS, log);
  supergraph.gateway.onSchemaLoadOrUpdate(({ apiSchema }) => operations.check(apiSchema));
  const redis = openRedis(settings, log);
  const limits = createRateLimits({
    table: settings.RATE_LIMITS,
    redis,
    trustedProxies: settings.TRUSTED_PROXIES,
  });
  const server = createServer({
    gateway: wrapExecutor(supergraph.gateway, (executor) =>
      checkVariables(limits.limit(answerIntrospection(executor)), { suggestions: settings.INTROSPECTION }),
    ),
    weights: supergraph.weights,
    settings,
    knownOperations: new Set([...REST_OPERATIONS, ...operations.names]),
    log,
  });
  await server.start();

  const verify = createRemoteVerifier(settings);
  const secure = await createSecureReply(settings.TRUSTED_PROXIES);
  const keys = createPublishedKeys(settings.JWKS_URL);
  const routes: GatewayRoute[] = [
    {
      methods: ['GET', 'POST'],
      path: GRAPHQL_PATH,
      handle: async (request, _, contextValue) =>
        withExplorerPolicy(
          await answerGraphQL(server, request, async () => contextValue, { admit: operations.admit }),
        ),
    },
    { methods: ['GET', 'HEAD'], path: '/.well-known/jwks.json', handle: () => keys.answer() },
    { methods: ['GET', 'HEAD'], path: '/', handle: async (request) => indexPage(request) },
    ...restRoutes(createExecute(server)),
  ];
  const passage: Passage = {
    enter: async (request) => {
      // A request that is not fit to be read has no caller but its address.
      const context = request.fault ? undefined : await requestContext(request, verify);
      limits.admit(request);
      if (context === undefined) throw request.fault;
      return context;
    },
    // Faults have the header fields about limits as well.
    leave: (handler) => async (request, parameters) => {
      const reply = await handler(request, parameters)
        .then((whole) => replySizes.check(request, whole))
        .catch((error: unknown) => faultReply(error, request, log));
      return secure(request, await limits.describe(request, reply));
    },
  };

  return {
    routes: (app) => {
      allowOrigins(app, settings.CORS_ORIGINS);
      addRoutes(app, routes, passage);
    },
    handler: nothingHere(passage),
    onFault: (error, request) => secure(request, faultReply(error, request, log)),
    // A subgraph that is down is no reason to take the others' fields away as well.
    checks: { supergraph: () => supergraph.check(), keys: () => keys.answer() },
    close: async () => {
      await server.stop();
      await redis?.close();
      await Promise.all([...dataSources.values()].map((dataSource) => dataSource.close()));
    },
  };
}

/** The counts of the limits live in Redis when there is one; nothing else of the gateway does. */
function openRedis(settings: GatewaySettings, log: Logger): Redis | undefined {
  const { REDIS_URL: url, REDIS_TIMEOUT_MS: timeoutMs, RATE_LIMITS } = settings;
  return url === undefined || RATE_LIMITS === 'off' ? undefined : createRedis({ url, timeoutMs, log });
}

interface ServerParts {
  readonly gateway: ExecutingGateway;
  readonly weights: () => FieldWeights;
  readonly settings: GatewaySettings;
  readonly knownOperations: ReadonlySet<string>;
  readonly log: Logger;
}

function createServer({
  gateway,
  weights,
  settings,
  knownOperations,
  log,
}: ServerParts): ApolloServer<RequestContext> {
  return createGraphQLServer<RequestContext>({
    gateway,
    introspection: settings.INTROSPECTION,
    knownOperations,
    // "Did you mean …" would tell what introspection does not.
    hideSchemaDetailsFromClientErrors: !settings.INTROSPECTION,
    ...boundedParsing(settings),
    plugins: [
      nameArguments(),
      limitGraph(settings, weights),
      settings.EXPLORER
        ? ApolloServerPluginLandingPageLocalDefault({ footer: false })
        : ApolloServerPluginLandingPageDisabled(),
    ],
    log,
  });
}

function createDataSources(
  settings: GatewaySettings,
  replySizes: ReplySizes,
): Map<string, SubgraphDataSource> {
  const urls = { users: settings.USERS_URL, products: settings.PRODUCTS_URL, orders: settings.ORDERS_URL };
  const { SUBGRAPH_TIMEOUT_MS: timeoutMs, SUBGRAPH_CONNECTIONS: connections } = settings;
  const { SUBGRAPH_CONNECTION_MAX_AGE_MS: connectionMaxAgeMs } = settings;
  const serviceTokens = createServiceTokens({ name: 'gateway', secrets: settings.SERVICE_SECRET });
  const gate = createByteGate(READ_AT_A_TIME * replySizes.max);
  return new Map(
    Object.entries(urls).map(([name, url]) => [
      name,
      createSubgraphDataSource({
        name,
        url,
        timeoutMs,
        connections,
        connectionMaxAgeMs,
        replySizes,
        gate,
        serviceToken: () => serviceTokens(name),
      }),
    ]),
  );
}
