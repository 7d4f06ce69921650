// Every statement of the products service is as it is declared.
import { createTestDatabase, type TestDatabase } from '@holdfast/database/testing';
import { declaredStatements } from '@holdfast/platform/postgres/sql';
import { errorsOf } from '@holdfast/platform/postgres/testing-sql';
import '../server.ts';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import pg from 'pg';

let database: TestDatabase;
let pool: pg.Pool;

beforeAll(async () => {
  database = await createTestDatabase();
  pool = new pg.Pool({ connectionString: database.urls.products, max: 1 });
});
afterAll(async () => {
  await pool?.end();
  await database?.release();
});

it('say of themselves what PostgreSQL says of them to the service', async () => {
  expect(await errorsOf(pool, declaredStatements())).toEqual([]);
});
