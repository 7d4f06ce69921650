// The settings of the products service.
import {
  commonSettings,
  databaseSettings,
  readSettings,
  serviceTokenSettings,
  tokenSettings,
} from '@holdfast/platform/config';
import { workerSettings } from '@holdfast/platform/queue';
import { redisSettings } from '@holdfast/platform/redis';
import { z } from 'zod';

export const settings = {
  ...commonSettings,
  ...databaseSettings,
  ...tokenSettings,
  ...serviceTokenSettings,
  ...workerSettings,
  ...redisSettings,
  JWKS_URL: z.url(),
  /** The longest that reading the catalogue may take in PostgreSQL: well below the gateway's SUBGRAPH_TIMEOUT_MS. */
  READ_TIMEOUT_MS: z.coerce.number().int().min(100).max(10_000).default(2_000),
  /** `on`: in Redis when REDIS_URL is given, in the process otherwise, which is right for one instance only. */
  CACHE: z.enum(['on', 'off']).default('on'),
  CACHE_MAX_BYTES: z.coerce.number().int().min(1_000_000).default(64_000_000),
  /** How long a key that came with a new product or a change of stock is kept: a retry after that is a new request. */
  IDEMPOTENCY_KEY_DAYS: z.coerce.number().int().min(1).max(3_650).default(90),
  /** How often older keys are deleted, ms. */
  IDEMPOTENCY_SWEEP_MS: z.coerce.number().int().min(100).max(86_400_000).default(3_600_000),
  /** Who may write the catalogue: any signed-in account, or staff only. */
  CATALOG_WRITERS: z.enum(['everyone', 'staff']).default('everyone'),
};

export const readProductsSettings = (env: NodeJS.ProcessEnv) => readSettings(settings, env);

export type ProductsSettings = ReturnType<typeof readProductsSettings>;
