// Puts the orders service together.
import { readFile } from 'node:fs/promises';
import { createSecurityLog } from '@holdfast/platform/auth/security-events';
import { createCallerCheck, createServiceTokens } from '@holdfast/platform/auth/service-tokens';
import { createRemoteVerifier } from '@holdfast/platform/auth/tokens';
import { requireUser, requireVerified, type User, type Viewer } from '@holdfast/platform/auth/viewer';
import { createSubgraph } from '@holdfast/platform/graphql/subgraph';
import type { RunningService } from '@holdfast/platform/lifecycle/service';
import type { Logger } from '@holdfast/platform/observability/log';
import { checkDatabase, createRequestPools } from '@holdfast/platform/postgres/database';
import { startSweepers } from '@holdfast/platform/postgres/sweeper';
import { startWorker } from '@holdfast/platform/queue/queue';
import type { OrdersSettings } from './config.ts';
import { type Context, createHistoryLoader, createOrderLoader } from './context.ts';
import { sweepKeys } from './data/idempotency-keys.ts';
import { createHistoryReader } from './data/order-events.ts';
import { createOrderTable } from './data/orders.ts';
import { createPrices } from './data/prices.ts';
import { listenForSettlements } from './data/settlements.ts';
import { createPlaceOrder } from './domain/place-order.ts';
import { orderJobs } from './jobs.ts';
import { observePending } from './metrics.ts';
import { resolvers } from './resolvers.ts';

export async function startOrders(settings: OrdersSettings, log: Logger): Promise<RunningService> {
  const { DATABASE_URL: url, DATABASE_POOL_MAX: max } = settings;
  const pools = createRequestPools({ url, max, applicationName: 'orders', log });
  const orders = createOrderTable(pools.writes, pools.reads);
  const readHistories = createHistoryReader(pools.reads);
  const serviceTokens = createServiceTokens({ name: 'orders', key: settings.SERVICE_KEY });
  const prices = createPrices({
    url: settings.PRODUCTS_URL,
    timeoutMs: settings.PRODUCTS_TIMEOUT_MS,
    connectionMaxAgeMs: settings.SUBGRAPH_CONNECTION_MAX_AGE_MS,
    serviceToken: () => serviceTokens('products'),
  });
  const settlements = listenForSettlements({ url: settings.DATABASE_DIRECT_URL ?? url, log });
  const isKeyRequired = settings.IDEMPOTENCY_KEY === 'required';
  const placeOrder = createPlaceOrder({ orders, prices, settlements, isKeyRequired });
  const record = createSecurityLog(log);
  const tokens = createRemoteVerifier('orders', settings, log);
  const requireBuyer = (viewer: Viewer): User =>
    settings.UNVERIFIED_ACCOUNTS === 'order' ? requireUser(viewer) : requireVerified(requireUser(viewer));
  const subgraph = await createSubgraph<Context>({
    typeDefs: await readFile(new URL('../schema.graphql', import.meta.url), 'utf8'),
    resolvers,
    verify: tokens.verify,
    checkCaller: createCallerCheck({ name: 'orders', keys: settings.SERVICE_PUBLIC_KEYS }),
    context: (base) => ({
      ...base,
      orders,
      placeOrder,
      record,
      requireBuyer,
      orderById: createOrderLoader(orders),
      historyOf: createHistoryLoader(readHistories),
    }),
    log,
  });
  const worker = startWorker({
    settings,
    applicationName: 'orders-worker',
    handlers: (db) => orderJobs(createOrderTable(db)),
    gauges: (db) => observePending(db, log),
    log,
  });
  const sweepers = startSweepers({
    sweeps: (db) => ({
      'old idempotency keys': (max) => sweepKeys(db, max, settings.IDEMPOTENCY_KEY_DAYS),
    }),
    url: settings.DATABASE_URL,
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
