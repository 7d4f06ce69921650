// When the cache may be used, as far as writes that are under way are concerned.
import { createTestDatabase, type TestDatabase } from '@holdfast/database/testing';
import type { Queryable } from '@holdfast/platform/database';
import { createLogger } from '@holdfast/platform/log';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { FENCE_TTL_MS } from './store.ts';
import { type WriteWatch, watchWrites } from './write-watch.ts';

let database: TestDatabase;
let pool: pg.Pool;
let writer: pg.Client;
let watch: WriteWatch | undefined;
let answers: number;
/** What the watch's clock is ahead of this process's. */
let aheadMs: number;
let isCut: boolean;

/** Counts what it answers, and can be cut. */
const db: Queryable = {
  query: async (config) => {
    if (isCut) throw new Error('the connection is cut');
    const result = await pool.query(config);
    answers += 1;
    return result;
  },
};

const begin = (): WriteWatch => {
  watch = watchWrites(db, createLogger('test', 'silent'), () => performance.now() + aheadMs);
  return watch;
};

async function turn(isReached: () => boolean): Promise<void> {
  const until = Date.now() + 15_000;
  while (!isReached()) {
    if (Date.now() > until) throw new Error('not so within 15 s');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Resolves once the watch knows what is so now. */
async function upToDate(): Promise<void> {
  const from = answers;
  // The first of these may have been asked for before.
  await turn(() => answers >= from + 2);
}

beforeEach(async () => {
  database = await createTestDatabase();
  pool = new pg.Pool({ connectionString: database.urls.products, max: 1 });
  writer = new pg.Client({ connectionString: database.urls.products });
  await writer.connect();
  [answers, aheadMs, isCut] = [0, 0, false];
});
afterEach(async () => {
  await watch?.close();
  await Promise.all([pool.end(), writer.end()]);
  await database.drop();
});

async function beginWrite(): Promise<void> {
  await writer.query('BEGIN');
  await writer.query(`INSERT INTO products.products (name, price, stock) VALUES ('Kettle', 1, 1)`);
}

describe('the watch over writes', () => {
  it('is quiet while none is under way, and while one is for a short time', async () => {
    const { isQuiet } = begin();
    expect(isQuiet()).toBe(false);
    await upToDate();
    expect(isQuiet()).toBe(true);
    await beginWrite();
    await upToDate();
    expect(isQuiet()).toBe(true);
  });

  it('is not quiet from before the fence of one would end until that one is over', async () => {
    const { isQuiet } = begin();
    await beginWrite();
    await upToDate();
    for (const step of [4_000, 4_000, 4_000, 4_000, 4_000, 4_000]) {
      aheadMs += step;
      await upToDate();
    }
    expect(aheadMs).toBeLessThan(FENCE_TTL_MS);
    expect(isQuiet()).toBe(false);
    await writer.query('COMMIT');
    await upToDate();
    expect(isQuiet()).toBe(true);
  });

  it('does not trust in one that began before the watch: its fence may have ended with its process', async () => {
    await beginWrite();
    const { isQuiet } = begin();
    await upToDate();
    expect(isQuiet()).toBe(false);
    await writer.query('ROLLBACK');
    await upToDate();
    expect(isQuiet()).toBe(true);
  });

  it('is not quiet without an answer, nor over a write that began meanwhile', async () => {
    const { isQuiet } = begin();
    await upToDate();
    isCut = true;
    aheadMs += 5_001;
    expect(isQuiet()).toBe(false);
    await beginWrite();
    isCut = false;
    await upToDate();
    expect(isQuiet()).toBe(false);
    await writer.query('COMMIT');
    await upToDate();
    expect(isQuiet()).toBe(true);
  });
});
