// A product whose reservations wait.
import pg from 'pg';
import type { System } from '../support/system.ts';

/** Locks the product's row. Returns a function that releases the lock. */
export async function lockProduct({ adminUrl }: System, productId: string): Promise<() => Promise<void>> {
  const holder = new pg.Client({ connectionString: adminUrl });
  holder.on('error', () => undefined);
  await holder.connect();
  await holder.query('BEGIN');
  await holder.query('SELECT FROM products.products WHERE id = $1 FOR NO KEY UPDATE', [productId]);
  return () => holder.end();
}
