// The functions behind the search, and the order of names.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import pg from 'pg';
import { createTestDatabase, type TestDatabase } from './testing.ts';

let database: TestDatabase;
let admin: pg.Client;

beforeEach(async () => {
  database = await createTestDatabase();
  admin = new pg.Client(database.adminUrl);
  await admin.connect();
});
afterEach(async () => {
  await admin.end();
  await database.drop();
});

const INSERT = 'INSERT INTO products.products (name, description, price, stock) VALUES ($1, $2, 1, 1)';

async function found(client: pg.Client, words: string[], phrases: string[] = [], excluded: string[] = []) {
  const { rows } = await client.query<{ name: string }>(
    'SELECT name FROM products.products WHERE search @@ products.search_query($1, $2, $3) ORDER BY name, id',
    [words, phrases, excluded],
  );
  return rows.map(({ name }) => name);
}

describe('in a catalog', () => {
  test('every product is found, and its name is in the order of people', async () => {
    const names = ['Kettle 10', 'Kettle 9', 'kettle 9', 'Café', 'Cafe\u0301', 'x'.repeat(200)];
    for (const name of names) await admin.query(INSERT, [name, 'Boils water.']);
    await admin.query(INSERT, ['Without description', null]);
    await admin.query('UPDATE products.products SET archived_at = now() WHERE name = $1', ['kettle 9']);
    expect(await found(admin, ['kett'])).toEqual(['kettle 9', 'Kettle 9', 'Kettle 10']);
    expect(await found(admin, ['cafe', 'water'])).toHaveLength(2);
    expect(await found(admin, ['without'])).toEqual(['Without description']);
  });
});

describe('the words of a text', () => {
  test('can be taken of anything that can be stored', async () => {
    const letters = Array.from({ length: 10_000 }, (_, index) => String.fromCodePoint(0x4e00 + index));
    for (const text of [
      // The character that NFKD makes longest, in one word and in many.
      '\ufdfa'.repeat(10_000),
      letters.join(''),
      letters.slice(0, 5_000).join(' '),
      '\u0301'.repeat(10_000),
      '\u{1f600}'.repeat(5_000),
      'a\'b\\c:*|&!()<->"'.repeat(600),
    ])
      await admin.query(INSERT, ['Thing', text]);
    expect(await found(admin, ['thing'])).toHaveLength(6);
  });

  test('are a query of whatever is searched for, or none', async () => {
    const term = fc.string({ unit: 'binary', maxLength: 64 }).filter((text) => !text.includes('\0'));
    await fc.assert(
      fc.asyncProperty(fc.array(term, { maxLength: 4 }), term, async (terms, other) => {
        for (const [words, phrases, excluded] of [
          [terms, [], [other]],
          [[], terms, [other]],
        ])
          await admin.query('SELECT products.search_query($1, $2, $3)', [words, phrases, excluded]);
      }),
    );
  });

  test('find the product that a beginning of its name was taken from', async () => {
    // Also what other parsers take for a number and a word.
    const code = fc.stringMatching(/^[0-9]{1,3}e[0-9]{1,3}[a-z]{3}$/);
    const letters = fc
      .string({ unit: 'grapheme', minLength: 3, maxLength: 20 })
      // Not what Unicode takes apart by a sign, as ⅐ into 1, ⁄ and 7, and no number that is a sign to the search, as ❶.
      .filter((text) =>
        /^(?:(?![\u2000-\u2bff\u3000-\u303f])[\p{L}\p{M}\p{N}])+$/u.test(text.normalize('NFKD')),
      );
    await fc.assert(
      fc.asyncProperty(fc.oneof(letters, code), fc.nat(), async (text, cut) => {
        const characters = [...text.normalize('NFC')];
        const beginning = characters.slice(0, 3 + (cut % (characters.length - 2))).join('');
        const { rows } = await admin.query<{ found: boolean | null }>(
          `SELECT products.search_vector($1) @@ products.search_query($2, '{}', '{}') AS found`,
          [text, [beginning]],
        );
        expect({ text, beginning, found: rows[0]?.found }).toEqual({ text, beginning, found: true });
      }),
    );
  });

  test('without a word or phrase are no query, so that none has to look at every product', async () => {
    for (const terms of [
      [[], [], ['x']],
      [['!!'], ['--'], ['x']],
      [[], [], []],
    ]) {
      const { rows } = await admin.query('SELECT products.search_query($1, $2, $3) AS query', terms);
      expect(rows).toEqual([{ query: null }]);
    }
  });

  test('come of the same functions whatever the search_path says', async () => {
    await admin.query('CREATE SCHEMA evil');
    await admin.query(`CREATE FUNCTION evil.lower(text) RETURNS text LANGUAGE sql IMMUTABLE RETURN 'stolen'`);
    await admin.query('SET search_path = evil, pg_catalog');
    await admin.query(INSERT, ['Kettle', null]);
    expect(await found(admin, ['KETTLE'])).toEqual(['Kettle']);
  });

  test('are there for the service where PUBLIC may execute nothing', async () => {
    await admin.query('REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA products FROM PUBLIC');
    const service = new pg.Client(database.urls.products);
    await service.connect();
    try {
      await service.query(INSERT, ['Kettle', null]);
      expect(await found(service, ['kett'])).toEqual(['Kettle']);
    } finally {
      await service.end();
    }
  });
});
