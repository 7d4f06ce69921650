// The check of statements against PostgreSQL finds each kind of wrong declaration, and none in a right one.
import { createTestDatabase, type TestDatabase } from '@holdfast/database/testing';
import {
  arrayOf,
  bigint,
  boolean,
  bytea,
  type DeclaredStatement,
  doublePrecision,
  enumeration,
  integer,
  notNull,
  nullable,
  numeric,
  type SqlType,
  type SqlTypes,
  text,
  timestamptz,
  voidType,
} from '@holdfast/platform/postgres/sql';
import { errorsOf } from '@holdfast/platform/postgres/testing-sql';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';

let database: TestDatabase;
let pool: pg.Pool;

beforeAll(async () => {
  database = await createTestDatabase({ empty: true });
  pool = new pg.Pool({ connectionString: database.adminUrl, max: 1 });
  await pool.query(`
    CREATE TYPE size AS ENUM ('SMALL', 'LARGE');
    CREATE DOMAIN amount AS numeric(10,2) CHECK (VALUE >= 0);
    CREATE DOMAIN code AS text NOT NULL;
    CREATE TABLE things (id bigint PRIMARY KEY, title varchar(50) NOT NULL, stock int NOT NULL, price amount NOT NULL,
      code code, size size NOT NULL, gone_at timestamptz, hash bytea, tags text[] NOT NULL);
    CREATE TABLE parts (id text PRIMARY KEY, thing_id bigint NOT NULL REFERENCES things);
    CREATE VIEW titles AS SELECT id, title FROM things;`);
});
afterAll(async () => {
  await pool?.end();
  await database?.release();
});

const SIZE = enumeration('size', { SMALL: 'SMALL', LARGE: 'LARGE' });

type Declaration = { text: string; parameters?: SqlTypes; row?: SqlTypes };
const errors = ({ text: sql, parameters = {}, row = {} }: Declaration): Promise<readonly string[]> =>
  errorsOf(pool, [{ name: 'it', text: sql, parameters, row }]);

describe('a right declaration', () => {
  it.each<[string, Declaration]>([
    [
      'every type, domains as what they are over',
      {
        text: `SELECT id, title, stock, price, code, size, gone_at AS "goneAt", hash, tags FROM things`,
        row: {
          id: bigint,
          title: text,
          stock: integer,
          price: numeric,
          code: text,
          size: SIZE,
          goneAt: nullable(timestamptz),
          hash: nullable(bytea),
          tags: arrayOf(text),
        },
      },
    ],
    [
      'parameters of columns, of domains as what they are over',
      {
        text: 'INSERT INTO things (id, title, stock, price, size, tags) VALUES ($1, $2, $3, $4, $5, $6)',
        parameters: {
          id: bigint,
          title: text,
          stock: integer,
          price: numeric,
          size: SIZE,
          tags: arrayOf(text),
        },
      },
    ],
    [
      'parameters of operators and casts',
      {
        text: `SELECT FROM things WHERE id <> ALL ($1) AND $2 = ANY ($3::size[]) AND gone_at > $4
                  AND random() < $5 AND $6 AND price = ANY ($7::amount[])`,
        parameters: {
          ids: arrayOf(bigint),
          size: nullable(SIZE),
          sizes: arrayOf(SIZE),
          at: timestamptz,
          part: doublePrecision,
          really: boolean,
          prices: arrayOf(numeric),
        },
      },
    ],
    [
      'columns through a CTE that writes, a join and a subquery, in any order',
      {
        text: `WITH sold AS (UPDATE things SET stock = stock - 1 WHERE id = $1 RETURNING *)
               SELECT parts.id AS "partId", page.title FROM parts JOIN (SELECT * FROM sold) AS page ON page.id = thing_id`,
        parameters: { id: bigint },
        row: { title: text, partId: text },
      },
    ],
    [
      'expressions with the reason why they are not null, or nullable',
      {
        text: 'SELECT count(*) AS count, min(stock) AS least FROM things',
        row: { count: notNull(bigint, 'a count is 0 without rows'), least: nullable(integer) },
      },
    ],
    [
      'a nullable column that the statement restricts, with the reason',
      {
        text: 'SELECT gone_at AS "goneAt" FROM things WHERE gone_at IS NOT NULL',
        row: { goneAt: notNull(timestamptz, 'the WHERE asks for it') },
      },
    ],
    ['no columns', { text: 'SELECT FROM things FOR UPDATE' }],
    ['no rows', { text: 'DELETE FROM things WHERE id = $1', parameters: { id: bigint } }],
    ['a function that returns void', { text: `SELECT pg_notify('x', 'y')`, row: { pg_notify: voidType } }],
  ])('is let through: %s', async (_, declaration) => {
    expect(await errors(declaration)).toEqual([]);
  });
});

const one = (expression: string, type: SqlType): Declaration => ({
  text: `SELECT ${expression} AS it FROM things`,
  row: { it: type },
});
const UNKNOWN =
  'it: column "it" may be null as far as PostgreSQL says: declare it nullable, or notNull with the reason';

describe('a wrong declaration', () => {
  it.each<[string, Declaration, string]>([
    [
      'a parameter too many',
      { text: 'SELECT FROM things WHERE id = $1', parameters: { id: bigint, more: text } },
      'it: 2 parameters are declared, PostgreSQL takes 1',
    ],
    [
      'a parameter too few',
      { text: 'SELECT FROM things WHERE id = $1 AND title = $2', parameters: { id: bigint } },
      'it: 1 parameters are declared, PostgreSQL takes 2',
    ],
    [
      'a parameter of another type',
      { text: 'SELECT FROM things LIMIT $1', parameters: { max: integer } },
      'it: parameter $max is declared integer, PostgreSQL has bigint',
    ],
    [
      'an array of another type',
      { text: 'SELECT FROM things WHERE id = ANY ($1)', parameters: { ids: arrayOf(text) } },
      'it: parameter $ids is declared text[], PostgreSQL has bigint[]',
    ],
    [
      'one value where an array is taken',
      { text: 'SELECT FROM things WHERE id = ANY ($1)', parameters: { ids: bigint } },
      'it: parameter $ids is declared bigint, PostgreSQL has bigint[]',
    ],
    [
      'a domain of another type',
      { text: 'SELECT FROM things WHERE $1::amount IS NULL', parameters: { price: text } },
      'it: parameter $price is declared text, PostgreSQL has numeric',
    ],
    [
      'a column of another name',
      { text: 'SELECT gone_at FROM things', row: { goneAt: nullable(timestamptz) } },
      'it: column "gone_at" is not declared; it: column "goneAt" is declared, PostgreSQL returns none',
    ],
    ['a column that is not declared', { text: 'SELECT id FROM things' }, 'it: column "id" is not declared'],
    [
      'a column that comes twice, of which pg keeps the last',
      { text: 'SELECT things.id, parts.id FROM things, parts', row: { id: bigint } },
      'it: column "id" comes twice',
    ],
    [
      'a column of another type',
      one('stock', bigint),
      'it: column "it" is declared bigint, PostgreSQL has integer',
    ],
    [
      'a cast',
      one('stock::text', nullable(integer)),
      'it: column "it" is declared integer, PostgreSQL has text',
    ],
    ['an enumeration as text', one('size', text), 'it: column "it" is declared text, PostgreSQL has size'],
    [
      'an enumeration with other labels',
      one('size', enumeration('size', { SMALL: 'SMALL', HUGE: 'HUGE' })),
      'it: column "it" has other labels in PostgreSQL, which differ by HUGE, LARGE',
    ],
    [
      'an enumeration in an array with other labels',
      {
        text: 'SELECT FROM things WHERE size = ANY ($1)',
        parameters: { sizes: arrayOf(enumeration('size', {})) },
      },
      'it: parameter $sizes has other labels in PostgreSQL, which differ by SMALL, LARGE',
    ],
    [
      'a column that may be null',
      one('gone_at', timestamptz),
      'it: column "it" is declared not null, and is a column that may be null',
    ],
    [
      'a column that is never null',
      one('title', nullable(text)),
      'it: column "it" is declared nullable, and is a column that is never null',
    ],
    [
      'a reason where none is needed',
      one('title', notNull(text, 'no reason')),
      'it: column "it" is declared notNull with a reason, and is a column that is never null anyway',
    ],
    ['an expression', one('stock + 1', integer), UNKNOWN],
    ['a scalar subquery', one('(SELECT id FROM parts LIMIT 1)', text), UNKNOWN],
    [
      'a column of a view',
      { text: 'SELECT title AS it FROM titles', row: { it: text } },
      'it: column "it" is declared not null, and is a column that may be null',
    ],
    [
      'an outer join',
      { text: 'SELECT p.id AS it FROM things t LEFT JOIN parts p ON true', row: { it: text } },
      UNKNOWN,
    ],
    [
      'an outer join on the other side',
      {
        text: 'SELECT t.id AS it FROM things t full outer\n join parts p ON thing_id = t.id',
        row: { it: bigint },
      },
      UNKNOWN,
    ],
    ['a UNION', { text: 'SELECT id AS it FROM things UNION ALL SELECT NULL', row: { it: bigint } }, UNKNOWN],
    [
      'grouping sets',
      { text: 'SELECT title AS it FROM things GROUP BY ROLLUP (title)', row: { it: text } },
      UNKNOWN,
    ],
    [
      'a table that there is not',
      { text: 'SELECT FROM nowhere' },
      'it: PostgreSQL refuses it: relation "nowhere" does not exist',
    ],
  ])('is found: %s', async (_, declaration, expected) => {
    expect((await errors(declaration)).join('; ')).toBe(expected);
  });

  it('does not hide what is wrong with the next one', async () => {
    const broken: DeclaredStatement = { name: 'broken', text: 'SELEC', parameters: {}, row: {} };
    const right: DeclaredStatement = { name: 'right', text: 'SELECT FROM things', parameters: {}, row: {} };
    const wrong: DeclaredStatement = { ...right, name: 'wrong', parameters: { id: bigint } };
    expect(await errorsOf(pool, [broken, right, wrong])).toEqual([
      'broken: PostgreSQL refuses it: syntax error at or near "SELEC"',
      'wrong: 1 parameters are declared, PostgreSQL takes 0',
    ]);
  });

  it('is none at all when the modules that declare statements are not loaded', async () => {
    await expect(errorsOf(pool, [])).rejects.toThrow('no statements are declared');
  });
});
