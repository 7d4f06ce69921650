// Chooses where the product cache lives: in Redis, in the process, or nowhere.
import { createWorkerPool } from '@holdfast/platform/database';
import type { Logger } from '@holdfast/platform/log';
import { createRedis } from '@holdfast/platform/redis';
import type pg from 'pg';
import type { ProductsSettings } from '../../config.ts';
import { followCacheControl } from './control.ts';
import { createMemoryStore } from './memory-store.ts';
import { createProductCache, NO_CACHE, type ProductCache } from './product-cache.ts';
import { createRedisStore } from './redis-store.ts';
import type { CacheStore } from './store.ts';
import { watchWrites } from './write-watch.ts';

export interface OpenCache {
  readonly cache: ProductCache;
  close(): Promise<void>;
}

/** A write would rather wait this long for Redis than take the cache out of use on all instances. */
const FENCE_TIMEOUT_MS = 1_000;

const nothing = async (): Promise<void> => undefined;

/** Opens the cache that the settings ask for. */
export function openProductCache(settings: ProductsSettings, log: Logger): OpenCache {
  if (settings.CACHE === 'off') {
    log.info({ cache: 'off' }, 'products are not cached');
    return { cache: NO_CACHE, close: nothing };
  }
  if (settings.REDIS_URL !== undefined) return openRedisCache(settings, settings.REDIS_URL, log);
  return openMemoryCache(settings, log);
}

/** A pool that asks PostgreSQL what the cache needs to know. */
const openPool = ({ DATABASE_URL: url }: ProductsSettings, log: Logger): pg.Pool =>
  createWorkerPool({ url, max: 2, applicationName: 'products-cache', log });

function openMemoryCache(settings: ProductsSettings, log: Logger): OpenCache {
  log.info({ cache: 'process' }, 'products are cached in the process, which is right for one instance');
  const store = createMemoryStore(settings.CACHE_MAX_BYTES);
  const pool = openPool(settings, log);
  const watch = watchWrites(pool, log);
  const cache = createProductCache({
    store: () => (watch.isQuiet() ? store : undefined),
    storeForWrite: async () => store,
    suspend: nothing,
  });
  return {
    cache,
    close: async () => {
      await watch.close();
      await pool.end();
    },
  };
}

function openRedisCache(settings: ProductsSettings, redisUrl: string, log: Logger): OpenCache {
  const { REDIS_TIMEOUT_MS: timeoutMs } = settings;
  log.info({ cache: 'redis' }, 'products are cached in Redis');
  const redis = createRedis({ url: redisUrl, timeoutMs, log });
  const pool = openPool(settings, log);
  const watch = watchWrites(pool, log);
  const control = followCacheControl(pool, () => (redis.up ? redis.runId : undefined), log);

  let current: { epoch: number; store: CacheStore } | undefined;
  function storeOf(epoch: number | undefined): CacheStore | undefined {
    if (epoch === undefined) return undefined;
    if (current?.epoch !== epoch)
      current = { epoch, store: createRedisStore(redis, `catalog:${epoch}`, FENCE_TIMEOUT_MS) };
    return current.store;
  }
  const cache = createProductCache({
    store: () => (watch.isQuiet() ? storeOf(control.usableEpoch()) : undefined),
    storeForWrite: async () => {
      if (!control.isSuspended()) await redis.untilUp(FENCE_TIMEOUT_MS);
      return storeOf(await control.epochForWrite());
    },
    suspend: () => control.suspend(),
  });
  return {
    cache,
    close: async () => {
      await Promise.all([control.close(), watch.close()]);
      await Promise.all([redis.close(), pool.end()]);
    },
  };
}
