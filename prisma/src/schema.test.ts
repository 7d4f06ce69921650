// The schema in PostgreSQL: constraints, and the functions of the search.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import pg from 'pg';
import { createTestDatabase, type TestDatabase } from './testing.ts';
import { serviceRole } from './urls.ts';

let database: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
  database = await createTestDatabase();
  client = new pg.Client(database.adminUrl);
  await client.connect();
});

afterAll(async () => {
  await client.end();
  await database.release();
});

beforeEach(() => client.query('BEGIN'));
afterEach(() => client.query('ROLLBACK'));

// Rows that the database refuses, independently of the services.
describe('checks', () => {
  type Row = Record<string, string | number | boolean | Date | Buffer | null>;

  async function insert(table: string, row: Row): Promise<number> {
    const columns = Object.keys(row).join(', ');
    const values = Object.keys(row).map((_, index) => `$${index + 1}`);
    const { rows } = await client.query<{ id: number | string }>(
      `INSERT INTO ${table} (${columns}) VALUES (${values.join(', ')}) RETURNING *`,
      Object.values(row),
    );
    // pg returns a BIGINT as text.
    return Number(rows[0]?.id);
  }

  /** The name of the constraint that refuses the row, or 'accepted'. */
  async function verdict(table: string, row: Row): Promise<string> {
    try {
      await insert(table, row);
      return 'accepted';
    } catch (error) {
      if (error instanceof pg.DatabaseError) return error.constraint ?? error.message;
      throw error;
    }
  }

  const user = { username: 'Ada.L-1_x', email: 'ada@example.org', password_hash: '-' };
  const product = { name: 'Kettle', price: '39.90', stock: 5 };
  const order = { quantity: 3, unit_price: '39.90', total_price: '119.70' };

  describe('users', () => {
    test.each<[string, Row]>([
      ['accepted', {}],
      ['users_email_lower_check', { email: 'Ada@example.org' }],
      ['users_email_length_check', { email: `a@${'b.'.repeat(126)}c` }],
      ['users_email_check', { email: `${'a'.repeat(65)}@example.org` }],
      ['users_email_check', { email: 'ada@bücher.example' }],
      ['users_email_check', { email: 'ada@home@example.org' }],
      ['users_username_check', { username: 'ab' }],
      ['users_username_check', { username: 'with space' }],
      ['users_username_check', { username: 'ada\n' }],
      ['users_username_check', { username: 'ädä' }],
      ['users_username_check', { username: '' }],
      ['users_version_check', { version: 0 }],
    ])('%s: %j', async (expected, change) => {
      expect(await verdict('users.users', { ...user, ...change })).toBe(expected);
    });

    test.each<[string, Row]>([
      ['users_username_key', { username: 'ADA.l-1_X', email: 'other@example.org' }],
      ['users_email_key', { username: 'other' }],
    ])('%s: a second one', async (expected, change) => {
      await insert('users.users', user);
      expect(await verdict('users.users', { ...user, ...change })).toBe(expected);
    });
  });

  describe('products', () => {
    test.each<[string, Row]>([
      ['accepted', {}],
      ['accepted', { price: 0, stock: 0 }],
      ['accepted', { version: 3, content_version: 2 }],
      ['products_price_check', { price: '-0.01' }],
      ['products_stock_check', { stock: -1 }],
      ['products_version_check', { version: 0, content_version: 0 }],
      ['products_content_version_check', { version: 2, content_version: 3 }],
      ['products_content_version_check', { content_version: 0 }],
      ['products_name_check', { name: '' }],
    ])('%s: %j', async (expected, change) => {
      const found = await verdict('products.products', { ...product, ...change });
      // A row may break two rules at once; PostgreSQL names the first by name.
      if (expected === 'products_version_check') expect(found).toMatch(/version_check$/);
      else expect(found).toBe(expected);
    });

    test.each<[string, number]>([
      ['accepted', 1],
      ['reservations_quantity_check', 0],
    ])('a reservation is %s: %i units', async (expected, quantity) => {
      const product_id = await insert('products.products', product);
      const row = { order_id: 1, user_id: 1, product_id, quantity, status: 'HELD' };
      expect(await verdict('products.reservations', row)).toBe(expected);
    });
  });

  test('an idempotency key of a user is unique and names a product', async () => {
    const product_id = await insert('products.products', product);
    const use = { user_id: 1, key: 'k', request_hash: Buffer.from('h'), product_id };
    const table = 'products.idempotency_keys';
    await insert(table, use);
    await insert(table, { ...use, user_id: 2 });
    await client.query('SAVEPOINT before');
    expect(await verdict(table, use)).toBe('idempotency_keys_pkey');
    await client.query('ROLLBACK TO before');
    await expect(client.query('DELETE FROM products.products')).rejects.toThrow(
      'idempotency_keys_product_id_fkey',
    );
  });

  describe('orders', () => {
    let owned: Row;
    beforeEach(async () => {
      const user_id = await insert('users.users', user);
      const product_id = await insert('products.products', product);
      owned = { ...order, user_id, product_id };
    });

    test.each<[string, Row]>([
      ['accepted', {}],
      ['accepted', { status: 'REJECTED', rejection_code: 'OUT_OF_STOCK', rejection_available: 2 }],
      ['orders_status_check', { status: 'PAID' }],
      ['orders_quantity_check', { quantity: 0, total_price: 0 }],
      ['orders_quantity_check', { quantity: -1, total_price: '-39.90' }],
      ['orders_unit_price_check', { unit_price: '-1', total_price: '-3' }],
      ['orders_total_price_check', { total_price: '119.71' }],
      ['orders_version_check', { version: 0 }],
      [
        'accepted',
        {
          status: 'REJECTED',
          rejection_code: 'PURCHASE_LIMIT',
          rejection_available: 2,
          rejection_limit: 100,
          rejection_held: 0,
        },
      ],
      ['orders_rejection_limit_check', { status: 'REJECTED', rejection_code: 'PURCHASE_LIMIT' }],
      [
        'orders_rejection_limit_check',
        { status: 'REJECTED', rejection_code: 'PURCHASE_LIMIT', rejection_limit: 100 },
      ],
      [
        'orders_rejection_limit_check',
        {
          status: 'REJECTED',
          rejection_code: 'OUT_OF_STOCK',
          rejection_limit: 100,
          rejection_held: 0,
        },
      ],
      ['orders_rejection_code_check', { status: 'REJECTED' }],
      ['orders_rejection_code_check', { rejection_code: 'OUT_OF_STOCK' }],
      ['orders_user_id_fkey', { user_id: 0 }],
      ['orders_product_id_fkey', { product_id: 0 }],
    ])('%s: %j', async (expected, change) => {
      expect(await verdict('orders.orders', { ...owned, ...change })).toBe(expected);
    });

    test('a user has one order for each key, and a key names an order', async () => {
      const order_id = await insert('orders.orders', owned);
      const use = { user_id: 1, key: 'k', request_hash: Buffer.from('h'), order_id };
      const table = 'orders.idempotency_keys';
      await insert(table, use);
      await insert(table, { ...use, user_id: 2 });
      await client.query('SAVEPOINT before');
      expect(await verdict(table, use)).toBe('idempotency_keys_pkey');
      await client.query('ROLLBACK TO before');
      expect(await verdict(table, { ...use, user_id: 3, order_id: 0 })).toBe(
        'idempotency_keys_order_id_fkey',
      );
    });

    test('an order has one event for each version, from 1', async () => {
      const order_id = await insert('orders.orders', owned);
      expect(
        await verdict('orders.order_events', {
          order_id,
          version: 0,
          status: 'PENDING',
          actor_id: 1,
          actor_role: 'CUSTOMER',
        }),
      ).toBe('order_events_version_check');
    });

    const customer = { actor_id: 1, actor_role: 'CUSTOMER' };
    const staff = { actor_id: 1, actor_role: 'STAFF' };
    test.each<[string, Row]>([
      ['accepted', { status: 'PENDING', ...customer }],
      ['accepted', { status: 'CONFIRMED' }],
      ['accepted', { status: 'SHIPPED', ...staff }],
      ['accepted', { status: 'CANCELLED', ...customer }],
      ['accepted', { status: 'CANCELLED', ...staff, reason: 'It is damaged.' }],
      ['order_events_actor_check', { status: 'CONFIRMED', actor_role: 'STAFF' }],
      ['order_events_system_check', { status: 'PENDING' }],
      ['order_events_system_check', { status: 'CONFIRMED', ...staff }],
      ['order_events_staff_check', { status: 'SHIPPED', ...customer }],
      ['order_events_staff_reason_check', { status: 'CANCELLED', ...staff }],
      ['order_events_reason_check', { status: 'CANCELLED', ...staff, reason: '' }],
      ['order_events_reason_check', { status: 'SHIPPED', ...staff, reason: 'It was time.' }],
    ])('%s: an event %j', async (expected, event) => {
      const order_id = await insert('orders.orders', owned);
      expect(await verdict('orders.order_events', { order_id, version: 1, ...event })).toBe(expected);
    });

    test('the user and the product of an order cannot be deleted', async () => {
      await insert('orders.orders', owned);
      await expect(client.query('DELETE FROM products.products')).rejects.toThrow('orders_product_id_fkey');
    });
  });
});

// The functions of the search, and the order of names.
describe('search', () => {
  const INSERT = 'INSERT INTO products.products (name, description, price, stock) VALUES ($1, $2, 1, 1)';

  async function found(words: string[], phrases: string[] = [], excluded: string[] = []) {
    const { rows } = await client.query<{ name: string }>(
      'SELECT name FROM products.products WHERE search @@ products.search_query($1, $2, $3) ORDER BY name, id',
      [words, phrases, excluded],
    );
    return rows.map(({ name }) => name);
  }

  describe('in a catalog', () => {
    test('every product is found, and its name is sorted as people expect', async () => {
      const names = ['Kettle 10', 'Kettle 9', 'kettle 9', 'Café', 'Cafe\u0301', 'x'.repeat(200)];
      for (const name of names) await client.query(INSERT, [name, 'Boils water.']);
      await client.query(INSERT, ['Without description', null]);
      await client.query('UPDATE products.products SET archived_at = now() WHERE name = $1', ['kettle 9']);
      expect(await found(['kett'])).toEqual(['kettle 9', 'Kettle 9', 'Kettle 10']);
      expect(await found(['cafe', 'water'])).toHaveLength(2);
      expect(await found(['without'])).toEqual(['Without description']);
    });
  });

  describe('the words of a text', () => {
    test('can be read from any text that can be stored', async () => {
      const letters = Array.from({ length: 10_000 }, (_, index) => String.fromCodePoint(0x4e00 + index));
      for (const text of [
        // The character that becomes longest by NFKD, in one word and in many.
        '\ufdfa'.repeat(10_000),
        letters.join(''),
        letters.slice(0, 5_000).join(' '),
        '\u0301'.repeat(10_000),
        '\u{1f600}'.repeat(5_000),
        'a\'b\\c:*|&!()<->"'.repeat(600),
      ])
        await client.query(INSERT, ['Thing', text]);
      expect(await found(['thing'])).toHaveLength(6);
    });

    test('become a query for any search text, or no query', async () => {
      // Every character that PostgreSQL stores. fast-check takes a second to prepare its own unit 'binary'.
      const code = fc.oneof(fc.integer({ min: 1, max: 0xd7ff }), fc.integer({ min: 0xe000, max: 0x10ffff }));
      const term = fc.string({ unit: code.map((each) => String.fromCodePoint(each)), maxLength: 64 });
      await fc.assert(
        fc.asyncProperty(fc.array(term, { maxLength: 4 }), term, async (terms, other) => {
          for (const [words, phrases, excluded] of [
            [terms, [], [other]],
            [[], terms, [other]],
          ])
            await client.query('SELECT products.search_query($1, $2, $3)', [words, phrases, excluded]);
        }),
      );
    });

    test('find the product by any beginning of its name', async () => {
      // Also texts that other parsers split into a number and a word.
      const code = fc.stringMatching(/^[0-9]{1,3}e[0-9]{1,3}[a-z]{3}$/);
      const letters = fc
        .string({ unit: 'grapheme', minLength: 3, maxLength: 20 })
        // Without characters that Unicode decomposes with a sign (⅐ into 1, ⁄ and 7), and without numbers that the search treats as signs (❶).
        .filter((text) =>
          /^(?:(?![\u2000-\u2bff\u3000-\u303f])[\p{L}\p{M}\p{N}])+$/u.test(text.normalize('NFKD')),
        );
      await fc.assert(
        fc.asyncProperty(fc.oneof(letters, code), fc.nat(), async (text, cut) => {
          const characters = [...text.normalize('NFC')];
          const beginning = characters.slice(0, 3 + (cut % (characters.length - 2))).join('');
          const { rows } = await client.query<{ found: boolean | null }>(
            `SELECT products.search_vector($1) @@ products.search_query($2, '{}', '{}') AS found`,
            [text, [beginning]],
          );
          expect({ text, beginning, found: rows[0]?.found }).toEqual({ text, beginning, found: true });
        }),
      );
    });

    test('without a word or phrase are no query, because such a query would read every product', async () => {
      for (const terms of [
        [[], [], ['x']],
        [['!!'], ['--'], ['x']],
        [[], [], []],
      ]) {
        const { rows } = await client.query('SELECT products.search_query($1, $2, $3) AS query', terms);
        expect(rows).toEqual([{ query: null }]);
      }
    });

    test('use the same functions under any search_path', async () => {
      await client.query('CREATE SCHEMA evil');
      await client.query(
        `CREATE FUNCTION evil.lower(text) RETURNS text LANGUAGE sql IMMUTABLE RETURN 'stolen'`,
      );
      await client.query('SET LOCAL search_path = evil, pg_catalog');
      await client.query(INSERT, ['Kettle', null]);
      expect(await found(['KETTLE'])).toEqual(['Kettle']);
    });

    test('are available to the service when PUBLIC may execute no function', async () => {
      await client.query('REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA products FROM PUBLIC');
      await client.query(`SET LOCAL ROLE ${serviceRole('products')}`);
      await client.query(INSERT, ['Kettle', null]);
      expect(await found(['kett'])).toEqual(['Kettle']);
    });
  });
});
