// The row of PostgreSQL that says who may use the cache in Redis, and under which epoch.
import { createTestDatabase, type TestDatabase } from '@holdfast/database/testing';
import { createLogger } from '@holdfast/platform/log';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { type CacheControl, followCacheControl } from './control.ts';

let databases: TestDatabase[];
let pools: pg.Pool[];
let controls: CacheControl[];

beforeEach(async () => {
  databases = await Promise.all([createTestDatabase(), createTestDatabase()]);
  pools = databases.map(({ urls }) => new pg.Pool({ connectionString: urls.products, max: 1 }));
  controls = pools.map((pool) =>
    followCacheControl(pool, () => 'a Redis process', createLogger('test', 'silent')),
  );
});
afterEach(async () => {
  await Promise.all(controls.map((control) => control.close()));
  await Promise.all(pools.map((pool) => pool.end()));
  await Promise.all(databases.map((database) => database.drop()));
});

async function epochOf(control: CacheControl | undefined): Promise<number> {
  for (const until = Date.now() + 10_000; Date.now() < until; ) {
    const epoch = control?.usableEpoch();
    if (epoch !== undefined) return epoch;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('the cache was not usable within 10 s');
}

describe('the epochs of two databases on one Redis process', () => {
  it('differ, because their products have the same ids', async () => {
    const [one, other] = await Promise.all(controls.map(epochOf));
    expect(one).not.toBe(other);
  });
});
