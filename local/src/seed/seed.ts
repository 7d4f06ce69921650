// Loads the demo catalog and the demo accounts into an empty database, once.

import type { Service } from '@holdfast/database';
import { hash } from '@node-rs/argon2';
import pg from 'pg';
import { DEMO_CATALOG } from './demo-catalog.ts';

export type DemoAccount = { username: string; email: string; password: string; role: 'CUSTOMER' | 'STAFF' };

export const DEMO_ACCOUNTS: DemoAccount[] = [
  { username: 'demo', email: 'demo@example.com', password: 'demo-password-2026', role: 'CUSTOMER' },
  { username: 'clerk', email: 'clerk@example.com', password: 'clerk-password-2026', role: 'STAFF' },
];

/** OWASP's argon2id parameters, as the users service uses them. */
export const ARGON2 = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/**
 * Loads the catalog when it has never had a product, and the accounts when there are none. `urls` have the services' roles. Returns
 * the number of new rows.
 */
export async function seed(urls: Record<Service, string>): Promise<number> {
  return (await inTransaction(urls.products, seedCatalog)) + (await inTransaction(urls.users, seedAccounts));
}

async function seedCatalog(client: pg.Client): Promise<number> {
  if (await hasRows(client, 'products.products')) return 0;
  const { rowCount } = await client.query(
    `INSERT INTO products.products (name, description, price, stock)
     SELECT name, description, price, stock
       FROM json_to_recordset($1::json) AS demo (name text, description text, price numeric, stock int)`,
    [JSON.stringify(DEMO_CATALOG)],
  );
  return rowCount ?? 0;
}

async function seedAccounts(client: pg.Client): Promise<number> {
  if (await hasRows(client, 'users.users')) return 0;
  for (const { username, email, password, role } of DEMO_ACCOUNTS) {
    await client.query(
      'INSERT INTO users.users (username, email, password_hash, role) VALUES ($1, $2, $3, $4)',
      [username, email, await hash(password, ARGON2), role],
    );
  }
  return DEMO_ACCOUNTS.length;
}

async function hasRows(client: pg.Client, table: string): Promise<boolean> {
  const { rowCount } = await client.query(`SELECT 1 FROM ${table} LIMIT 1`);
  return rowCount !== 0;
}

async function inTransaction(url: string, work: (client: pg.Client) => Promise<number>): Promise<number> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    await client.query('BEGIN');
    const result = await work(client);
    await client.query('COMMIT');
    return result;
  } finally {
    // This also ends a transaction that is still open.
    await client.end();
  }
}
