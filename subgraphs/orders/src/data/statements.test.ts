// The statements of the orders service are as they are declared.
import { createTestDatabase, type TestDatabase } from '@holdfast/database/testing';
import { declaredStatements } from '@holdfast/platform/postgres/sql';
import { errorsOf } from '@holdfast/platform/postgres/testing-sql';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import pg from 'pg';
import '../server.ts';

let database: TestDatabase;
let pool: pg.Pool;
beforeAll(async () => {
  database = await createTestDatabase();
  pool = new pg.Pool({ connectionString: database.urls.orders, max: 1 });
});
afterAll(async () => {
  await pool?.end();
  await database?.release();
});

it('say of themselves what PostgreSQL says of them', async () => {
  expect(await errorsOf(pool, declaredStatements())).toEqual([]);
});
