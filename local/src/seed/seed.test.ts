// The demo data: loaded once, realistic, with accounts that can log in.

import { createTestDatabase, type TestDatabase } from '@holdfast/database/testing';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { verify } from '@node-rs/argon2';
import pg from 'pg';
import { DEMO_CATALOG } from './demo-catalog.ts';
import { DEMO_ACCOUNTS, seed } from './seed.ts';

let database: TestDatabase;
let admin: pg.Client;

beforeAll(async () => {
  database = await createTestDatabase();
  admin = new pg.Client(database.adminUrl);
  await admin.connect();
});

afterAll(async () => {
  await admin.end();
  await database.release();
});

test('an empty database gets the catalog and the accounts, once', async () => {
  expect(await seed(database.urls)).toBe(DEMO_CATALOG.length + DEMO_ACCOUNTS.length);
  expect(await seed(database.urls)).toBe(0);
  const { rows } = await admin.query('SELECT count(*)::int AS products FROM products.products');
  expect(rows).toEqual([{ products: DEMO_CATALOG.length }]);
});

test('the accounts have the demo passwords, hashed as the users service does', async () => {
  for (const { username, password, role } of DEMO_ACCOUNTS) {
    const { rows } = await admin.query<{ password_hash: string; role: string }>(
      'SELECT password_hash, role FROM users.users WHERE username = $1',
      [username],
    );
    expect(rows[0]?.role).toBe(role);
    expect(rows[0]?.password_hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(await verify(rows[0]?.password_hash ?? '', password)).toBe(true);
  }
});

test('a catalog whose products were all deleted stays empty', async () => {
  await admin.query('UPDATE products.products SET archived_at = now()');
  expect(await seed(database.urls)).toBe(0);
});

test('fifty products, each with its own name and with a description, price and stock', () => {
  expect(DEMO_CATALOG).toHaveLength(50);
  expect(new Set(DEMO_CATALOG.map(({ name }) => name)).size).toBe(50);
  for (const { name, description, price, stock } of DEMO_CATALOG) {
    expect(name.length).toBeLessThanOrEqual(255);
    expect(description.length).toBeGreaterThan(20);
    expect(price).toMatch(/^\d+\.\d\d$/);
    expect(stock).toBeGreaterThan(0);
  }
});
