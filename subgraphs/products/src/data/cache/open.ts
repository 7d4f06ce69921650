// Opens the product cache of the settings: in Redis, in the memory of the process, or off.

import type { Logger } from '@holdfast/platform/observability/log';
import type { Queryable } from '@holdfast/platform/postgres/database';
import { notNull, statement, text } from '@holdfast/platform/postgres/sql';
import { createRedis } from '@holdfast/platform/redis';
import type { ProductsSettings } from '../../config.ts';
import { createMemoryStore } from './memory-store.ts';
import { createProductCache, NO_CACHE } from './product-cache.ts';
import { createRedisStore } from './redis-store.ts';

/** Identifies the cluster and the database. */
const selectDatabase = statement({
  name: 'cache_database',
  text: `SELECT system_identifier || '.' || oid AS name FROM pg_control_system(), pg_database
          WHERE datname = current_database()`,
  parameters: {},
  row: { name: notNull(text, 'no part is null') },
});

/** Redis is used only after the database has returned its identity, which is part of every key. */
export async function openProductCache(settings: ProductsSettings, db: Queryable, log: Logger) {
  const { CACHE, CACHE_MAX_BYTES, CACHE_REDIS_URL: url, REDIS_TIMEOUT_MS: timeoutMs } = settings;
  const [ttlMs, fenceMs] = [settings.CACHE_TTL_S * 1_000, settings.CACHE_FENCE_S * 1_000];
  const redis = CACHE === 'on' && url !== undefined ? await createRedis({ url, timeoutMs, log }) : undefined;
  let database: string | undefined;
  const namespace = async (): Promise<string> => {
    database ??= (await selectDatabase(db, {}))[0]?.name;
    return `catalog:${database}`;
  };
  const store = redis
    ? createRedisStore(redis, namespace, ttlMs, fenceMs)
    : createMemoryStore(ttlMs, CACHE_MAX_BYTES);
  const cache = CACHE === 'on' ? createProductCache(store, fenceMs) : NO_CACHE;
  return { cache, close: async () => redis?.close() };
}
