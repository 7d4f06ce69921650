// Creates the parts of the gateway: the supergraph and its planner, the subgraphs, the operations and the limits.
import { fileURLToPath } from 'node:url';
import { type CalledService, createServiceTokens } from '@holdfast/platform/auth/service-tokens';
import { createRemoteVerifier } from '@holdfast/platform/auth/tokens';
import { createOperationMeter } from '@holdfast/platform/graphql/metrics';
import type { Logger } from '@holdfast/platform/observability/log';
import { traceCall } from '@holdfast/platform/observability/tracing';
import { createRedis, type Redis } from '@holdfast/platform/redis';
import { createIdentify } from './admission/caller.ts';
import { createRateLimits } from './admission/rate-limits.ts';
import type { GatewaySettings } from './config.ts';
import { createByteGate } from './federation/byte-gate.ts';
import type { SubgraphCall } from './federation/execution/execution.ts';
import { createPlanner } from './federation/planner.ts';
import { createReplySizes, type ReplySizes } from './federation/reply-sizes.ts';
import { type CalledFor, createSubgraph, type Subgraph } from './federation/subgraph.ts';
import { loadSupergraph } from './federation/supergraph.ts';
import { openSupergraphFile } from './federation/supergraph-file.ts';
import { createSupergraphGate } from './federation/supergraph-gate.ts';
import { createSecureReply } from './http/security-headers.ts';
import { createOperations } from './operations/operations.ts';
import { createPersisted } from './operations/persisted.ts';
import { createPages } from './pages/page-routes.ts';
import { createPublishedKeys } from './pages/published-keys.ts';
import { createStatus } from './pages/status.ts';
import { type Offer, openWebFiles } from './pages/web-files.ts';
import { REST_OPERATIONS } from './rest/rest.ts';

/** The folder of the built pages. */
const WEB_FOLDER = fileURLToPath(new URL('../../web/dist', import.meta.url));

/** How many of the largest replies of subgraphs the gateway reads at the same time. */
const READ_AT_A_TIME = 4;

/** @throws when the supergraph file cannot be used */
export async function openParts(settings: GatewaySettings, log: Logger) {
  const redis = await openRedis(settings, log);
  const replySizes = createReplySizes(settings.MAX_REPLY_BYTES);
  const subgraphs = openSubgraphs(settings, replySizes);
  const planner = createPlanner({ timeoutMs: settings.PLAN_TIMEOUT_MS, log });
  const persisted = createPersisted(settings, settings.MAX_TOKENS, log);
  const operations = createOperations({
    planner,
    settings,
    known: REST_OPERATIONS.map(({ text }) => text),
    log,
  });
  const supergraph = await loadSupergraph({
    file: openSupergraphFile({ path: settings.SUPERGRAPH_FILE, pollMs: settings.SUPERGRAPH_POLL_MS, log }),
    gate: createSupergraphGate({ subgraphs: subgraphs.byName, log }),
    subgraphs: [...subgraphs.byName.keys()],
    onLoad: (sdl, apiSchema) => {
      persisted.check(apiSchema);
      operations.use(sdl, apiSchema);
      planner.use(sdl);
    },
    log,
  });
  const tokens = createRemoteVerifier('gateway', settings, log);
  return {
    identify: createIdentify(tokens.verify, settings.TRUSTED_PROXIES),
    limits: await createRateLimits({ table: settings.RATE_LIMITS, redis }),
    operations,
    listed: persisted.listed,
    meter: createOperationMeter([...REST_OPERATIONS, ...persisted.operations]),
    subgraphs,
    replySizes,
    secure: await createSecureReply(settings.TRUSTED_PROXIES),
    pages: createPages(await openWebFiles(WEB_FOLDER, offersOf(settings), log), settings.EXPLORER),
    keys: createPublishedKeys(settings.JWKS_URL),
    status: createStatus(subgraphUrls(settings)),
    /** Each check throws while the part that it names keeps the gateway from answering. */
    checks: { supergraph: () => planner.check(), subgraphs: () => supergraph.check() },
    close: async () => {
      tokens.close();
      await supergraph.stop();
      await planner.close();
      await redis?.close();
      await subgraphs.close();
    },
  };
}

const offersOf = ({ EXPLORER, DEMO }: GatewaySettings): readonly Offer[] => [
  ...(EXPLORER ? (['explorer'] as const) : []),
  ...(DEMO ? (['demo'] as const) : []),
];

/** Redis, if one is configured, holds the counts of the limits; the gateway stores no other data there. */
async function openRedis(settings: GatewaySettings, log: Logger): Promise<Redis | undefined> {
  const { REDIS_URL: url, REDIS_TIMEOUT_MS: timeoutMs, RATE_LIMITS } = settings;
  return url === undefined || RATE_LIMITS === 'off' ? undefined : createRedis({ url, timeoutMs, log });
}

const subgraphUrls = (settings: GatewaySettings): ReadonlyMap<CalledService, string> =>
  new Map([
    ['users', settings.USERS_URL],
    ['products', settings.PRODUCTS_URL],
    ['orders', settings.ORDERS_URL],
  ]);

function openSubgraphs(settings: GatewaySettings, replySizes: ReplySizes) {
  const { SUBGRAPH_TIMEOUT_MS: timeoutMs, SUBGRAPH_CONNECTIONS: connections } = settings;
  const { SUBGRAPH_CONNECTION_MAX_AGE_MS: connectionMaxAgeMs } = settings;
  const serviceTokens = createServiceTokens({ name: 'gateway', key: settings.SERVICE_KEY });
  const gate = createByteGate(READ_AT_A_TIME * replySizes.max);
  const byName = new Map<string, Subgraph>();
  for (const [name, url] of subgraphUrls(settings)) {
    const serviceToken = () => serviceTokens(name);
    const bounds = { timeoutMs, connections, connectionMaxAgeMs, replySizes, gate };
    byName.set(name, createSubgraph({ name, url, ...bounds, serviceToken }));
  }
  return {
    byName,
    call: (call: SubgraphCall, calledFor: CalledFor) => {
      const subgraph = byName.get(call.subgraph);
      if (subgraph === undefined) throw new Error(`a plan names the subgraph ${call.subgraph}`);
      return traceCall('gateway.fetch', { service: call.subgraph }, () => subgraph.call(call, calledFor));
    },
    close: async () => {
      await Promise.all([...byName.values()].map((subgraph) => subgraph.close()));
    },
  };
}
