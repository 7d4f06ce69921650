// Values of PostgreSQL arrive with the declared types.
import { createTestDatabase, type TestDatabase } from '@holdfast/database/testing';
import {
  type ArgumentsOf,
  arrayOf,
  bigint,
  boolean,
  bytea,
  declaredStatements,
  doublePrecision,
  enumeration,
  integer,
  nullable,
  numeric,
  statement,
  text,
  timestamptz,
} from '@holdfast/platform/postgres/sql';
import { errorsOf } from '@holdfast/platform/postgres/testing-sql';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import pg from 'pg';

let database: TestDatabase;
let pool: pg.Pool;

beforeAll(async () => {
  database = await createTestDatabase({ empty: true });
  pool = new pg.Pool({ connectionString: database.adminUrl, max: 1 });
  await pool.query(`CREATE TYPE size AS ENUM ('SMALL', 'LARGE')`);
});
afterAll(async () => {
  await pool?.end();
  await database?.release();
});

const TYPES = {
  stock: nullable(integer),
  id: nullable(bigint),
  title: nullable(text),
  price: nullable(numeric),
  at: nullable(timestamptz),
  hash: nullable(bytea),
  really: nullable(boolean),
  share: nullable(doublePrecision),
  size: nullable(enumeration('size', { SMALL: 'SMALL', LARGE: 'LARGE' })),
  stocks: nullable(arrayOf(integer)),
  ids: nullable(arrayOf(nullable(bigint))),
  titles: nullable(arrayOf(text)),
  prices: nullable(arrayOf(numeric)),
  times: nullable(arrayOf(timestamptz)),
  hashes: nullable(arrayOf(bytea)),
  truths: nullable(arrayOf(boolean)),
  shares: nullable(arrayOf(doublePrecision)),
};

/** Returns its parameters. */
const echo = statement({
  name: 'echo',
  text: `SELECT ${Object.entries(TYPES)
    .map(([name, { names }]) => `$${name}::${names[0]} AS ${name}`)
    .join(', ')}`,
  parameters: TYPES,
  row: TYPES,
});

const VALUES: ArgumentsOf<typeof TYPES> = {
  stock: -1,
  id: Number.MAX_SAFE_INTEGER,
  title: 'a "quoted", {word}',
  price: '99999999999999999999.10',
  at: new Date('2027-01-02T03:04:05.678Z'),
  hash: Buffer.from([0, 255]),
  really: false,
  share: 0.1,
  size: 'LARGE',
  stocks: [1, 2],
  ids: [Number.MIN_SAFE_INTEGER, null],
  titles: ['NULL', '', 'a,b'],
  prices: ['99999999999999999999.10', '0.00'],
  times: [new Date('2027-01-02T03:04:05.678Z')],
  hashes: [Buffer.from([0, 255])],
  truths: [true, false],
  shares: [0.1, 1e300],
};

const NULLS: ArgumentsOf<typeof TYPES> = {
  stock: null,
  id: null,
  title: null,
  price: null,
  at: null,
  hash: null,
  really: null,
  share: null,
  size: null,
  stocks: null,
  ids: null,
  titles: null,
  prices: null,
  times: null,
  hashes: null,
  truths: null,
  shares: null,
};

it('has a declaration that agrees with PostgreSQL', async () => {
  expect(await errorsOf(pool, declaredStatements())).toEqual([]);
});

it('returns every value as it was given, or null', async () => {
  expect(await echo(pool, VALUES)).toStrictEqual([VALUES]);
  expect(await echo(pool, NULLS)).toStrictEqual([NULLS]);
});

it('refuses a number that would lose its last digits', async () => {
  const sum = statement({
    name: 'too_large',
    text: 'SELECT $id::bigint + 1 AS id',
    parameters: { id: bigint },
    row: { id: nullable(bigint) },
  });
  await expect(sum(pool, { id: Number.MAX_SAFE_INTEGER })).rejects.toThrow(
    'expected a bigint that is exact as a number (at most 2^53 - 1), got 9007199254740992',
  );
  expect(await sum(pool, { id: 1 })).toEqual([{ id: 2 }]);
});
