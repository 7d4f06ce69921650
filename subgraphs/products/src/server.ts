// Puts the products service together.
import { readFile } from 'node:fs/promises';
import { createSecurityLog } from '@holdfast/platform/auth/security-events';
import { createCallerCheck } from '@holdfast/platform/auth/service-tokens';
import { createRemoteVerifier } from '@holdfast/platform/auth/tokens';
import { createSubgraph } from '@holdfast/platform/graphql/subgraph';
import { wantsNoCache } from '@holdfast/platform/http/no-cache';
import type { RunningService } from '@holdfast/platform/lifecycle/service';
import type { Logger } from '@holdfast/platform/observability/log';
import { checkDatabase, createRequestPools } from '@holdfast/platform/postgres/database';
import { createReads } from '@holdfast/platform/postgres/reads';
import { startSweepers } from '@holdfast/platform/postgres/sweeper';
import { startWorker } from '@holdfast/platform/queue/queue';
import DataLoader from 'dataloader';
import type { ProductsSettings } from './config.ts';
import { type Context, createReadProducts } from './context.ts';
import { openProductCache } from './data/cache/open.ts';
import { sweepReservations } from './data/finished-reservations.ts';
import { sweepKeys } from './data/idempotency-keys.ts';
import { createProductTable } from './data/products.ts';
import { openReplica } from './data/replica.ts';
import { createReservations } from './data/reservations.ts';
import { createCatalog } from './domain/catalog.ts';
import { shippingJobs, stockJobs } from './jobs.ts';
import { entities, resolvers } from './resolvers.ts';

export async function startProducts(settings: ProductsSettings, log: Logger): Promise<RunningService> {
  const { DATABASE_URL: url, DATABASE_POOL_MAX: max } = settings;
  const pools = createRequestPools({ url, max, applicationName: 'products', log });
  const reads = createReads(pools.reads, settings.READ_TIMEOUT_MS);
  const decisions = createReads(pools.writes, settings.READ_TIMEOUT_MS);
  const { cache, close: closeCache } = openProductCache(settings, pools.reads, log);
  const table = createProductTable(pools.writes, cache, reads, decisions);
  const replica = openReplica(settings, table, log);
  const catalog = createCatalog(table);
  const record = createSecurityLog(log);
  const tokens = createRemoteVerifier('products', settings, log);
  const subgraph = await createSubgraph<Context>({
    typeDefs: await readFile(new URL('../schema.graphql', import.meta.url), 'utf8'),
    resolvers,
    entities,
    verify: tokens.verify,
    checkCaller: createCallerCheck({ name: 'products', keys: settings.SERVICE_PUBLIC_KEYS }),
    context: (base) => {
      const byIds = wantsNoCache(base.request) ? table.stored : table.byIds;
      const readProducts = createReadProducts(byIds, base.request.signal);
      const products = new DataLoader(readProducts);
      const catalogWriters = settings.CATALOG_WRITERS;
      // With a token one may have written, and is shown what one wrote.
      const lists = base.viewer.kind === 'anonymous' ? (replica ?? table) : table;
      return { ...base, lists, catalog, catalogWriters, readProducts, products, record };
    },
    log,
  });
  const limits = { maxUnits: settings.MAX_UNITS_PER_ORDER, maxOpen: settings.MAX_OPEN_UNITS ?? null };
  const worker = startWorker({
    settings,
    applicationName: 'products-worker',
    handlers: (db) => ({ ...stockJobs(createReservations(db, cache, limits)), ...shippingJobs(db) }),
    log,
  });
  const sweepers = startSweepers({
    sweeps: (db) => ({
      'old idempotency keys': (max) => sweepKeys(db, max, settings.IDEMPOTENCY_KEY_DAYS),
      'reservations of finished orders': (max) => sweepReservations(db, max),
    }),
    url: settings.DATABASE_URL,
    service: 'products',
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
      await subgraph.close();
      await Promise.all([pools.end(), closeCache(), replica?.close()]);
    },
  };
}
