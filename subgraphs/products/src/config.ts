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
    'The Redis that holds the cache, for all instances together: another than the one of the limits, because it evicts what is ' +
      'not read. Without it each process has its own cache, which is right for one instance only. `npm start` gives REDIS_URL.',
  ),
  ...keySetSettings,
  DATABASE_REPLICA_URL: databaseSettings.DATABASE_URL.optional().describe(
    'Standbys of the database, with the same role: lists of the catalog are read there for callers without a token. Without ' +
      'a pooler between, so that a connection stays at one of them. Without it: the primary answers all.',
  ),
  REPLICA_MAX_AGE_S: count('s', 5, 3, 60).describe(
    'How old a list from DATABASE_REPLICA_URL may be. While its standbys are further behind, the primary answers.',
  ),
  READ_TIMEOUT_MS: milliseconds(2_000, 10_000, 100).describe(
    "The longest that a list, a search or a look-up may take in PostgreSQL. Well below the gateway's SUBGRAPH_TIMEOUT_MS.",
  ),
  CACHE: z
    .enum(['on', 'off'])
    .default('on')
    .describe('Whether products are cached: in Redis when CACHE_REDIS_URL is set, in the process otherwise.'),
  CACHE_TTL_S: count('s', 30, 1, 300).describe(
    'How long an entry of the cache lives at most, and so how old what a reader is shown may be after a write that could not reach Redis.',
  ),
  CACHE_MAX_BYTES: z.coerce.number().int().min(1_000_000).default(64_000_000).meta({
    unit: 'bytes',
    description:
      'How much memory the cache of a process may take, when it is not in Redis; lists from a replica take up to a quarter of it more.',
  }),
  ...idempotencyKeySettings,
  CATALOG_WRITERS: z
    .enum(['everyone', 'staff'])
    .default('everyone')
    .describe('Who may write the catalog: every signed-in account, or staff only.'),
  MAX_UNITS_PER_ORDER: count('units', 100, 1, 10_000).describe(
    'How many units one order may ask for. One that asks for more is rejected (`PURCHASE_LIMIT`).',
  ),
  MAX_OPEN_UNITS: z.coerce.number().int().min(1).max(1_000_000_000).optional().meta({
    unit: 'units',
    description:
      'How many units of one product the PENDING and CONFIRMED orders of one customer may have together. Without it: any number.',
  }),
};

export const readProductsSettings = (env: NodeJS.ProcessEnv) => readSettings(settings, env);

export type ProductsSettings = ReturnType<typeof readProductsSettings>;
