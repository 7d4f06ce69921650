// The settings of the products service.
import {
  calledSettings,
  callingSettings,
  keySetSettings,
  tokenSettings,
} from '@holdfast/platform/auth/settings';
import { commonSettings } from '@holdfast/platform/lifecycle/settings';
import { idempotencyKeySettings } from '@holdfast/platform/postgres/idempotency-keys';
import { databaseSettings } from '@holdfast/platform/postgres/settings';
import { workerSettings } from '@holdfast/platform/queue/queue';
import { redisSettings, redisUrl } from '@holdfast/platform/redis';
import { count, milliseconds, readSettings } from '@holdfast/platform/settings';
import { z } from 'zod';

export const settings = {
  ...commonSettings,
  ...databaseSettings,
  ...tokenSettings,
  ...calledSettings,
  ...callingSettings,
  ...workerSettings,
  ...redisSettings,
  CACHE_REDIS_URL: redisUrl.describe(
    'The Redis of the cache, which all instances share. It must not be the Redis of the limits, because it evicts entries. Without ' +
      'it each process has its own cache, which is correct for one instance only. `npm start` sets it to REDIS_URL.',
  ),
  ...keySetSettings,
  DATABASE_REPLICA_URL: databaseSettings.DATABASE_URL.optional().describe(
    'Standbys of the database, with the same role. Lists of the catalog for callers without a token are read there. The URL must ' +
      'not lead through a pooler, so that a connection stays at one standby. Without it, the primary answers all lists.',
  ),
  REPLICA_MAX_AGE_S: count('s', 5, 3, 60).describe(
    'How old a list from DATABASE_REPLICA_URL may be. While its standbys are further behind, lists are read from the primary.',
  ),
  READ_TIMEOUT_MS: milliseconds(2_000, 10_000, 100).describe(
    "The longest that a list, a search or a look-up may take in PostgreSQL. It must be well below the gateway's SUBGRAPH_TIMEOUT_MS.",
  ),
  CACHE: z
    .enum(['on', 'off'])
    .default('on')
    .describe('Whether products are cached: in Redis if CACHE_REDIS_URL is set, otherwise in the process.'),
  CACHE_TTL_S: count('s', 30, 1, 300).describe(
    'The longest life of an entry of the cache. A reader may see a product that is so old after a write that could not reach Redis.',
  ),
  CACHE_FENCE_S: count('s', 30, 10, 300).describe(
    'How long readers read a product from PostgreSQL after a write of it that has no outcome, such as one whose process was killed. ' +
      'It must be longer than any write takes.',
  ),
  CACHE_MAX_BYTES: z.coerce.number().int().min(1_000_000).default(64_000_000).meta({
    unit: 'bytes',
    description:
      'How much memory the cache of a process may take when it is not in Redis. Lists from a replica may take a quarter of it in addition.',
  }),
  ...idempotencyKeySettings,
  CATALOG_WRITERS: z
    .enum(['everyone', 'staff'])
    .default('everyone')
    .describe('Who may write the catalog: all signed-in accounts, or staff only.'),
  MAX_UNITS_PER_ORDER: count('units', 100, 1, 10_000).describe(
    'How many units one order may have. An order with more units is rejected (`PURCHASE_LIMIT`).',
  ),
  MAX_OPEN_UNITS: z.coerce.number().int().min(1).max(1_000_000_000).optional().meta({
    unit: 'units',
    description:
      'How many units of one product the PENDING and CONFIRMED orders of one customer may have together. Without it there is no limit.',
  }),
};

export const readProductsSettings = (env: NodeJS.ProcessEnv) => readSettings(settings, env);

export type ProductsSettings = ReturnType<typeof readProductsSettings>;
