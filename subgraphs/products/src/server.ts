// Puts the products service together.
import { readFile } from 'node:fs/promises';
import { checkDatabase, createPool } from '@holdfast/platform/database';
import type { Logger } from '@holdfast/platform/log';
import { startWorker } from '@holdfast/platform/queue';
import type { RunningService } from '@holdfast/platform/service';
import { createSubgraph } from '@holdfast/platform/subgraph';
import { createRemoteVerifier } from '@holdfast/platform/tokens';
import type { ProductsSettings } from './config.js';
import { createProductLoader } from './context.js';
import { createProductTable } from './data/products.js';
import { createCatalogue } from './domain/catalogue.js';
import { stockJobs } from './jobs.js';
import { resolvers } from './resolvers.js';

export async function startProducts(settings: ProductsSettings, log: Logger): Promise<RunningService> {
  const { DATABASE_URL: url, DATABASE_POOL_MAX: max } = settings;
  const pool = createPool({ url, max, applicationName: 'products', log });
  const table = createProductTable(pool);
  const catalogue = createCatalogue(table);
  const subgraph = await createSubgraph({
    typeDefs: await readFile(new URL('../schema.graphql', import.meta.url), 'utf8'),
    resolvers,
    verify: createRemoteVerifier(settings),
    context: (base) => ({
      ...base,
      pool,
      catalogue,
      catalogWriters: settings.CATALOG_WRITERS,
      products: createProductLoader(table),
    }),
    log,
  });
  const worker = startWorker({ settings, applicationName: 'products-worker', handlers: stockJobs, log });

  return {
    handler: subgraph.handler,
    onFault: subgraph.onFault,
    checks: { database: () => checkDatabase(pool), queue: () => worker.check() },
    close: async () => {
      await worker.stop();
      await subgraph.close();
      await pool.end();
    },
  };
}
