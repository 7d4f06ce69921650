// Puts the products service together: pools, cache, replica, domain, GraphQL, worker and sweeps.
import { readFile } from 'node:fs/promises';
import { createSecurityLog } from '@holdfast/platform/auth/security-events';
import { createCallerCheck } from '@holdfast/platform/auth/service-tokens';
import { createRemoteVerifier } from '@holdfast/platform/auth/tokens';
import { requireStaff, requireUser } from '@holdfast/platform/auth/viewer';
import { createSubgraph } from '@holdfast/platform/graphql/subgraph';
import type { RunningService } from '@holdfast/platform/lifecycle/service';
import type { Logger } from '@holdfast/platform/observability/log';
import { checkDatabase, createRequestPools } from '@holdfast/platform/postgres/database';
import { createReads } from '@holdfast/platform/postgres/reads';
import { startSweepers } from '@holdfast/platform/postgres/sweeper';
import { startWorker } from '@holdfast/platform/queue/queue';
import type { ProductsSettings } from './config.ts';
import { type Context, createContext } from './context.ts';
import { openProductCache } from './data/cache/open.ts';
import { sweepReservations } from './data/finished-reservations.ts';
import { sweepKeys } from './data/idempotency-keys.ts';
import { createProductStore } from './data/products.ts';
import { openReplica } from './data/replica.ts';
import { createReservationStore } from './data/reservations.ts';
import { createReservations } from './domain/reservations.ts';
import { createDomain } from './domain.ts';
import { createJobs } from './jobs.ts';
import { entities, resolvers } from './resolvers.ts';

const SCHEMA = new URL('../schema.graphql', import.meta.url);

export async function startProducts(settings: ProductsSettings, log: Logger): Promise<RunningService> {
  const { DATABASE_URL: url, DATABASE_POOL_MAX: maxConnections } = settings;
  const pools = createRequestPools({ url, max: maxConnections, applicationName: 'products', log });
  const reads = createReads(pools.reads, settings.READ_TIMEOUT_MS);
  const decisions = createReads(pools.writes, settings.READ_TIMEOUT_MS);
  const { cache, close: closeCache } = await openProductCache(settings, pools.reads, log);
  const products = createProductStore(pools.writes, cache, reads, decisions);
  const replica = openReplica(settings, products, log);
  const domain = createDomain({ products, replica, record: createSecurityLog(log) });
  const requireWriter: Context['requireWriter'] =
    settings.CATALOG_WRITERS === 'staff' ? requireStaff : requireUser;
  const tokens = createRemoteVerifier('products', settings, log);
  const subgraph = await createSubgraph<Context>({
    typeDefs: await readFile(SCHEMA, 'utf8'),
    resolvers,
    entities,
    verify: tokens.verify,
    checkCaller: createCallerCheck({ name: 'products', keys: settings.SERVICE_PUBLIC_KEYS }),
    context: (base) => createContext(base, domain, requireWriter),
    log,
  });
  const limits = { maxUnits: settings.MAX_UNITS_PER_ORDER, maxOpen: settings.MAX_OPEN_UNITS ?? null };
  const worker = startWorker({
    settings,
    applicationName: 'products-worker',
    handlers: (db) => createJobs(createReservations(createReservationStore(db, cache, limits))),
    log,
  });
  const sweepers = startSweepers({
    sweeps: (db) => ({
      'old idempotency keys': (count) => sweepKeys(db, count, settings.IDEMPOTENCY_KEY_DAYS),
      'reservations of finished orders': (count) => sweepReservations(db, count),
    }),
    url,
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
