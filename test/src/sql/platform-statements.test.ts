// PostgreSQL agrees with the declarations of the statements of platform/, for each service that runs them.
import { createTestDatabase, type TestDatabase } from '@holdfast/database/testing';
import { declaredStatements } from '@holdfast/platform/postgres/sql';
import { errorsOf } from '@holdfast/platform/postgres/testing-sql';
import '@holdfast/platform/queue/queue';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import pg from 'pg';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database?.release());

it.each(['products', 'orders'] as const)(
  'are declared as PostgreSQL describes them to %s',
  async (service) => {
    const pool = new pg.Pool({ connectionString: database.urls[service], max: 1 });
    try {
      const names = declaredStatements().map(({ name }) => name);
      expect(names.sort()).toEqual(['queue_gauges', 'queue_put_back', 'queue_revision', 'queue_sweep']);
      expect(await errorsOf(pool, declaredStatements())).toEqual([]);
    } finally {
      await pool.end();
    }
  },
);
