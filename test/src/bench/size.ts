// `npm run bench:size`: what each question costs PostgreSQL with a million products, beside the same with ten thousand, and how
// many of 100,000 sales update their product in place. On an embedded PostgreSQL of its own.
import { randomBytes } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { databaseUrl, type Service, serviceUrl } from '@holdfast/database';
import { migrate } from '@holdfast/database/migrate';
import { readCommandLineOrExit } from '@holdfast/local/command-line/command-line';
import { removePostgres, startPostgres } from '@holdfast/local/postgres/server';
import { administer } from '../setup/server.ts';
import { type Explained, explain } from '../size/explain.ts';
import type { Question } from '../size/questions.ts';
import { openShop, type Shop, shareInPlace } from '../size/shop.ts';

const { values } = readCommandLineOrExit('bench:size');
const { small = 10_000, large = 1_000_000, rounds = 25, sales = 100_000 } = values;

const password = (): string => randomBytes(18).toString('base64url');
const rolePasswords = { users: password(), products: password(), orders: password() };

/** A shop in a database of its own, with two orders a product and one of ten of them the large user's. */
async function makeShop(server: string, products: number): Promise<{ shop: Shop; url: string }> {
  const name = `shop_of_${products}`;
  await administer(server, `CREATE DATABASE ${name} TEMPLATE template0`);
  const adminUrl = databaseUrl(server, name);
  await migrate({ adminUrl, rolePasswords, log: () => undefined });
  const urlOf = (service: Service) => serviceUrl(adminUrl, service, rolePasswords[service]);
  const urls = { users: urlOf('users'), products: urlOf('products'), orders: urlOf('orders') };
  const startedAt = performance.now();
  const size = { products, orders: 2 * products, users: 1_000, ofLargeUser: products / 10 };
  const shop = await openShop({ adminUrl, urls }, size);
  const seconds = Math.round((performance.now() - startedAt) / 1_000);
  console.error(`${products} products, ${size.orders} orders: loaded in ${seconds} s`);
  return { shop, url: urls.products };
}

/** The least of the rounds: what disturbs a statement only makes it longer. */
const least = (runs: readonly Explained[]): number => Math.min(...runs.map(({ ms }) => ms));

const row = (cells: readonly string[]): string =>
  cells.map((cell, index) => (index === 0 ? cell.padEnd(52) : cell.padStart(11))).join('');

async function compare(
  shops: readonly [Shop, Shop],
  questions: readonly [Question, Question],
): Promise<void> {
  const runs: [Explained[], Explained[]] = [[], []];
  for (let round = 0; round < rounds; round += 1)
    for (const index of [0, 1] as const)
      runs[index].push(await explain(shops[index].clients[questions[index].service], questions[index]));
  const [one, other] = [least(runs[0]), least(runs[1])];
  const rows = runs.map((each) => String(each[0]?.rows ?? ''));
  console.log(row([questions[0].name, one.toFixed(3), other.toFixed(3), (other / one).toFixed(2), ...rows]));
}

async function compareAll(shops: readonly [Shop, Shop], kind: 'steady' | 'bounded'): Promise<void> {
  const [questions, others] = [shops[0].questions[kind], shops[1].questions[kind]];
  for (const [index, question] of questions.entries()) {
    const other = others[index];
    if (other) await compare(shops, [question, other]);
  }
}

async function showSales({ admin }: Shop, url: string): Promise<void> {
  const { rows } = await admin.query<{ id: number }>(
    'SELECT id FROM products.products WHERE archived_at IS NULL AND stock > 0 ORDER BY id LIMIT 1000',
  );
  const ids = rows.map(({ id }) => id);
  await admin.query('UPDATE products.products SET stock = $2 WHERE id = ANY ($1)', [ids, sales]);
  const share = await shareInPlace(admin, url, ids, sales);
  console.log(`\n${sales} sales of ${ids.length} products: ${(100 * share).toFixed(2)} % updated in place`);
}

const dataDir = await mkdtemp(join(tmpdir(), 'holdfast-bench-size-'));
const server = await startPostgres({ dataDir, durable: false });
try {
  const ofSmall = await makeShop(server.adminUrl, small);
  const ofLarge = await makeShop(server.adminUrl, large);
  const shops = [ofSmall.shop, ofLarge.shop] as const;
  const load = loadavg()[0]?.toFixed(1);
  console.log(
    `${cpus()[0]?.model}, ${cpus().length} cores, load ${load}, ${rounds} rounds, the least of each`,
  );
  console.log('Milliseconds of a statement in PostgreSQL, and rows that its scans looked at\n');
  console.log(row(['', String(small), String(large), 'ratio', 'rows', 'rows']));
  await compareAll(shops, 'steady');
  console.log('\nBounded, and not the same at each size:');
  await compareAll(shops, 'bounded');
  await showSales(ofLarge.shop, ofLarge.url);
  await Promise.all(shops.map((shop) => shop.close()));
} finally {
  await server.stop();
  await removePostgres(dataDir);
}
