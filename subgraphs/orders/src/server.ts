// Puts the orders service together: pools, domain, GraphQL, worker and sweeps.
import { readFile } from 'node:fs/promises';
import { createSecurityLog } from '@holdfast/platform/auth/security-events';
import { createCallerCheck, createServiceTokens } from '@holdfast/platform/auth/service-tokens';
import { createRemoteVerifier } from '@holdfast/platform/auth/tokens';
import { requireUser, requireVerified } from '@holdfast/platform/auth/viewer';
import { createSubgraph } from '@holdfast/platform/graphql/subgraph';
import type { RunningService } from '@holdfast/platform/lifecycle/service';
import type { Logger } from '@holdfast/platform/observability/log';
import { checkDatabase, createRequestPools } from '@holdfast/platform/postgres/database';
import { startSweepers } from '@holdfast/platform/postgres/sweeper';
import { startWorker } from '@holdfast/platform/queue/queue';
import type { OrdersSettings } from './config.ts';
import { type Context, createContext } from './context.ts';
import { sweepKeys } from './data/idempotency-keys.ts';
import { createOrderStore, readPending } from './data/orders.ts';
import { createPrices } from './data/prices.ts';
import { listenForSettlements } from './data/settlements.ts';
import { createSettleOrder } from './domain/settle-order.ts';
import { createDomain } from './domain.ts';
import { createJobs } from './jobs.ts';
import { observePending } from './metrics.ts';
import { resolvers } from './resolvers.ts';

const SCHEMA = new URL('../schema.graphql', import.meta.url);

export async function startOrders(settings: OrdersSettings, log: Logger): Promise<RunningService> {
  const { DATABASE_URL: url, DATABASE_POOL_MAX: maxConnections } = settings;
  const pools = createRequestPools({ url, max: maxConnections, applicationName: 'orders', log });
  const serviceTokens = createServiceTokens({ name: 'orders', key: settings.SERVICE_KEY });
  const prices = createPrices({
    url: settings.PRODUCTS_URL,
    timeoutMs: settings.PRODUCTS_TIMEOUT_MS,
    connectionMaxAgeMs: settings.SUBGRAPH_CONNECTION_MAX_AGE_MS,
    serviceToken: () => serviceTokens('products'),
  });
  const settlements = listenForSettlements({ url: settings.DATABASE_DIRECT_URL ?? url, log });
  const domain = createDomain({
    orders: createOrderStore(pools.writes, pools.reads),
    prices,
    settlements,
    isKeyRequired: settings.IDEMPOTENCY_KEY === 'required',
    record: createSecurityLog(log),
  });
  const requireBuyer: Context['requireBuyer'] = (viewer) =>
    settings.UNVERIFIED_ACCOUNTS === 'order' ? requireUser(viewer) : requireVerified(requireUser(viewer));
  const tokens = createRemoteVerifier('orders', settings, log);
  const subgraph = await createSubgraph<Context>({
    typeDefs: await readFile(SCHEMA, 'utf8'),
    resolvers,
    verify: tokens.verify,
    checkCaller: createCallerCheck({ name: 'orders', keys: settings.SERVICE_PUBLIC_KEYS }),
    context: (base) => createContext(base, domain, requireBuyer),
    log,
  });
  const worker = startWorker({
    settings,
    applicationName: 'orders-worker',
    handlers: (db) => createJobs(createSettleOrder(createOrderStore(db))),
    gauges: (db) => observePending(() => readPending(db), log),
    log,
  });
  const sweepers = startSweepers({
    sweeps: (db) => ({ 'old idempotency keys': (max) => sweepKeys(db, max, settings.IDEMPOTENCY_KEY_DAYS) }),
    url,
    service: 'orders',
    everyMs: settings.IDEMPOTENCY_SWEEP_MS,
    log,
  });

  return {
    routes: subgraph.routes,
    handler: subgraph.handler,
    onError: subgraph.onError,
    checks: { database: () => checkDatabase(pools.reads), queue: () => worker.check() },
    close: async () => {
      tokens.close();
      await Promise.all([worker.stop(), sweepers.stop()]);
      await Promise.all([subgraph.close(), settlements.close(), prices.close()]);
      await pools.end();
    },
  };
}
